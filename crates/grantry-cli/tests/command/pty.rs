//! A terminal with the program in it.

use std::time::Duration;

use pty_process::{OwnedReadPty, OwnedWritePty, Size};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

/// A terminal, what types into it, and what it has shown.
pub(crate) struct Terminal {
    child: Child,
    keys: OwnedWritePty,
    screen: OwnedReadPty,
    pub(crate) seen: String,
}

impl Terminal {
    /// Of 24 lines with 80 columns.
    pub(crate) fn of(command: Command) -> Self {
        Self::with_columns(command, 80)
    }

    pub(crate) fn with_columns(mut command: Command, columns: u16) -> Self {
        let (pty, inside) = pty_process::open().unwrap();
        pty.resize(Size::new(24, columns)).unwrap();
        command.env("TERM", "xterm");
        let child = pty_process::Command::from(command).spawn(inside).unwrap();
        let (screen, keys) = pty.into_split();
        Self { child, keys, screen, seen: String::new() }
    }

    /// What more is shown; `false` where nothing will be.
    async fn more(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(30), self.screen.read(&mut bytes)).await;
        let read = read.unwrap_or_else(|_| panic!("nothing more was shown after {:?}", self.seen));
        // A terminal that nobody has open any more is an error on some systems.
        let count = read.unwrap_or(0);
        self.seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
        count > 0
    }

    /// Waits until something is shown that was not yet.
    pub(crate) async fn shows(&mut self, wanted: &str) {
        while !self.seen.contains(wanted) {
            assert!(self.more().await, "{wanted:?} was never shown: {:?}", self.seen);
        }
    }

    pub(crate) async fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).await.unwrap();
    }

    /// The exit code, after everything was shown.
    pub(crate) async fn ends(mut self) -> (Option<i32>, String) {
        while self.more().await {}
        let ended = tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await;
        (ended.unwrap().unwrap().code(), self.seen)
    }

    /// Signals the program that said its number as [`SAYS_ITS_NUMBER`] has it.
    pub(crate) fn signals(&self, signal: Signal) {
        let (_, rest) = self.seen.split_once("number ").unwrap();
        let number = rest.split_whitespace().next().unwrap().parse().unwrap();
        kill_process(Pid::from_raw(number).unwrap(), signal).unwrap();
    }
}

/// Lines of a shell that run the program as a person's shell does, and tell how it ended and whether the terminal echoes again.
pub(crate) const TELLS_HOW_IT_ENDED: &str = concat!(
    "trap : INT\n",
    r#"sh -c 'echo number $$; exec "$0" "$@"' "$0" "$@""#,
    "\necho ended with $?\n",
    "for word in $(stty -a); do case $word in echo | -echo | icanon | -icanon | isig | -isig) echo $word;; esac; done\n",
    "echo over\n",
);
