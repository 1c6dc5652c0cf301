//! moto, which plays AWS in one process: here its KMS, on a loopback port of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::Fallible;

/// How long it waits between two looks whether the server is ready, and how often it looks: a minute in all.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: usize = 3000;

/// Starts the server beside itself, says its id, and ends it, by that, as soon as the pipe closes: with the test's process,
/// however that ends.
const WATCHDOG: &str = r#"
"$1" -H 127.0.0.1 -p "$2" </dev/null >"$3" 2>&1 &
server=$!
echo "$server"
read -r line
kill -KILL "$server" 2>/dev/null
wait "$server" 2>/dev/null
"#;

/// What a server is started with.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs, reason = "tests fill it by hand")]
pub struct Settings {
    /// After how many calls it checks credentials, signatures and policies; `None` for never.
    pub free_calls: Option<u32>,
}

/// A server. Dropping it ends its process.
#[derive(Debug)]
pub struct Moto {
    folder: TempDir,
    port: u16,
    settings: Settings,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    watchdog: Child,
    pipe: ChildStdin,
    server: Pid,
}

impl Moto {
    /// Starts a server and waits until it serves.
    ///
    /// # Errors
    /// It is not installed, or does not start; the text says which.
    pub fn start(settings: Settings) -> Fallible<Self> {
        let folder = tempfile::Builder::new().prefix("moto-").tempdir()?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut moto = Self { folder, port, settings, running: None };
        moto.start_again()?;
        Ok(moto)
    }

    /// Starts it after [`stop`](Moto::stop), on the same port. It has forgotten every key.
    ///
    /// # Errors
    /// As [`start`](Moto::start).
    pub fn start_again(&mut self) -> Fallible<()> {
        let program = program();
        if !program.exists() {
            return Err("moto is not installed: `cargo xtask install` installs it".into());
        }
        let mut watchdog = Command::new("sh");
        watchdog.args(["-c", WATCHDOG, "sh"]).arg(program).arg(self.port.to_string()).arg(self.log());
        if let Some(free) = self.settings.free_calls {
            watchdog.env("INITIAL_NO_AUTH_ACTION_COUNT", free.to_string());
        }
        let mut watchdog =
            watchdog.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (Some(pipe), Some(output)) = (watchdog.stdin.take(), watchdog.stdout.take()) else {
            return Err("the watchdog has no pipes".into());
        };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let server = Pid::from_raw(line.trim().parse()?).ok_or("the server has no id")?;
        self.running = Some(Running { watchdog, pipe, server });
        for _ in 0..LOOKS {
            if self.is_ready() {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        Err(format!("moto does not get ready:\n{log}").into())
    }

    /// Ends it: what it had is gone.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn stop(&mut self) -> Fallible<()> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        drop(running.pipe);
        running.watchdog.wait()?;
        Ok(())
    }

    /// Stops it where it is: connections are accepted and nothing is answered.
    ///
    /// # Errors
    /// It does not run.
    pub fn pause(&self) -> Fallible<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on after [`pause`](Moto::pause).
    ///
    /// # Errors
    /// It does not run.
    pub fn resume(&self) -> Fallible<()> {
        self.signal(Signal::CONT)
    }

    /// Its URL, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn signal(&self, signal: Signal) -> Fallible<()> {
        let running = self.running.as_ref().ok_or("the server does not run")?;
        Ok(kill_process(running.server, signal)?)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("moto.log")
    }

    fn is_ready(&self) -> bool {
        let ask = || -> Fallible<bool> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            stream.write_all(b"GET /moto-api/data.json HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
            let mut answer = String::new();
            stream.take(64 * 1024).read_to_string(&mut answer)?;
            Ok(answer.split(' ').nth(1) == Some("200"))
        };
        ask().unwrap_or(false)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Nothing can be done about an error here, and the watchdog ends with its pipe in any case.
        let _ = self.stop();
    }
}

/// Where `cargo xtask install` puts it.
fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/moto-venv/bin/moto_server")
}
