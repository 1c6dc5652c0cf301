//! A server in a process of its own, spoken to by its pipes.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::Fallible;

/// How long a server may take to get ready, or to answer by its pipe: far more than it ever needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many lines of its standard error are kept.
const KEPT_LINES: usize = 200;

/// A running server. Dropping it ends its process, by its id; its own end of the pipe closes too, so that it never
/// outlives a test that was killed.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    input: ChildStdin,
    output: Receiver<String>,
    complaints: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts the command and waits until it prints a line that begins with `READY `; returns the rest of it.
    pub(crate) fn start(command: &mut Command) -> Fallible<(Self, String)> {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let program = piped.get_program().to_string_lossy().into_owned();
        let mut child = piped.spawn().map_err(|error| format!("{program} could not be started: {error}"))?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err("the server has no pipes".into());
        };
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&complaints);
        follow(errors, move |line| {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() < KEPT_LINES {
                kept.push(line);
            }
            true
        });
        let (lines, output_lines) = channel();
        follow(output, move |line| lines.send(line).is_ok());
        let server = Self { child, input, output: output_lines, complaints };
        let ready = server.next("READY ")?;
        Ok((server, ready))
    }

    /// Writes a line and returns the rest of the next one that begins with `ANSWER `.
    pub(crate) fn ask(&mut self, line: &str) -> Fallible<String> {
        writeln!(self.input, "{line}")?;
        self.input.flush()?;
        self.next("ANSWER ")
    }

    fn next(&self, mark: &str) -> Fallible<String> {
        loop {
            let line = self
                .output
                .recv_timeout(PATIENCE)
                .map_err(|_| format!("the server said no {}\n{}", mark.trim(), self.complaints()))?;
            if let Some(rest) = line.strip_prefix(mark) {
                return Ok(rest.to_owned());
            }
        }
    }

    fn complaints(&self) -> String {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to end, and waiting returns at once.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            #[allow(clippy::print_stderr, reason = "a failed test shows what the server said")]
            {
                eprintln!("the server's standard error:\n{}", self.complaints());
            }
        }
    }
}

/// Hands on each line from a thread of its own, until there are no more or nobody wants them.
fn follow(from: impl Read + Send + 'static, mut hand_on: impl FnMut(String) -> bool + Send + 'static) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if !hand_on(line) {
                break;
            }
        }
    });
}
