//! Worker processes: started, killed and stopped by their own ids, never by a name.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use grantry_core::{Clock, Instant, SystemClock};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{Database, Fallible};

/// How many different errors of a contestant are kept, to be shown.
const KEPT_ERRORS: usize = 20;

/// How long a worker may take to settle after it was told to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks whether it has ended.
const LOOK: Duration = Duration::from_millis(20);

/// One who takes part: a name, and the command that begins each of its workers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "the driver's users fill it by hand")]
pub struct Contestant {
    /// As the table shows it.
    pub name: String,
    /// The program and its first arguments, such as `--kind`.
    pub command: Vec<String>,
    /// The server that its store is on, which the driver starts.
    pub database: Option<Database>,
}

/// What one process is started with, besides what all have.
#[derive(Default)]
struct With<'a> {
    arguments: &'a [String],
    token_endpoint: Option<&'a str>,
    account: Option<&'a Path>,
}

impl Contestant {
    /// From `NAME=PROGRAM ARGUMENT...`, with blanks between the words.
    ///
    /// # Errors
    /// There is no name, or no program.
    pub fn parse(text: &str) -> Fallible<Self> {
        let (name, command) = text.split_once('=').ok_or("a contestant is NAME=PROGRAM ARGUMENT...")?;
        let command: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        if name.is_empty() || command.is_empty() {
            return Err("a contestant has a name and a program".into());
        }
        Ok(Self { name: name.to_owned(), command, database: None })
    }

    fn start(&self, command: &str, store: &Path, with: &With<'_>) -> Fallible<Child> {
        let (program, arguments) = self.command.split_first().ok_or("a contestant without a program")?;
        let child = Command::new(program)
            .args(arguments)
            .arg(command)
            .arg("--store")
            .arg(store)
            .args(with.arguments)
            .envs(with.token_endpoint.map(|url| ("RACES_TOKEN_ENDPOINT", url)))
            .envs(with.account.map(|path| ("RACES_ACCOUNT", path)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn();
        child.map_err(|error| format!("{program} could not be started: {error}").into())
    }

    /// Runs `seed` or `show` to its end, with this text as its standard input; gives its standard output.
    pub(crate) fn run_to_end(&self, command: &str, store: &Path, input: &str) -> Fallible<String> {
        let mut child = self.start(command, store, &With::default())?;
        if let Some(mut stdin) = child.stdin.take() {
            // It may not want to read: its status says whether that was wrong.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("{} {command} ended with {}", self.name, output.status).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// What the workers of a race said, those that were killed included.
#[derive(Clone, Default)]
pub(crate) struct Said(Arc<Mutex<Words>>);

#[derive(Default)]
struct Words {
    errors: u64,
    samples: Vec<String>,
}

impl Said {
    /// How many errors callers had.
    pub(crate) fn errors(&self) -> u64 {
        self.words().errors
    }

    /// Different errors, the first of each.
    pub(crate) fn samples(&self) -> Vec<String> {
        self.words().samples.clone()
    }

    /// Takes a line up. What a killed worker left half written is no line.
    fn hear(&self, line: &str) {
        let Ok(line) = serde_json::from_str::<Value>(line) else { return };
        if line["event"] != "error" {
            return;
        }
        let error = line["error"].as_str().unwrap_or("an error without a text").to_owned();
        let mut words = self.words();
        words.errors += 1;
        if words.samples.len() < KEPT_ERRORS && !words.samples.contains(&error) {
            words.samples.push(error);
        }
    }

    fn words(&self) -> MutexGuard<'_, Words> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Said").field("errors", &self.errors()).finish_non_exhaustive()
    }
}

/// A running worker. Dropping it kills its process.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    listener: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts `run` with the port of its relay and the file of its account, and listens to what it says.
    pub(crate) fn start(
        of: &Contestant,
        store: &Path,
        callers: usize,
        (port, account): (u16, &Path),
        said: &Said,
    ) -> Fallible<Self> {
        let arguments = ["--callers".to_owned(), callers.to_string()];
        let token_endpoint = format!("http://127.0.0.1:{port}/token");
        let with =
            With { arguments: &arguments, token_endpoint: Some(&token_endpoint), account: Some(account) };
        let mut child = of.start("run", store, &with)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let said = said.clone();
        let listener = output.map(|output| std::thread::spawn(move || listen(output, &said)));
        Ok(Self { child, input, listener })
    }

    /// Holds the process still, and gives when; [`kill`](Self::kill) follows.
    pub(crate) fn freeze(&self, clock: &SystemClock) -> Instant {
        if let Ok(Some(process)) = i32::try_from(self.child.id()).map(Pid::from_raw) {
            // It may have ended by itself: `kill` says so.
            let _ = kill_process(process, Signal::STOP);
        }
        clock.now()
    }

    /// SIGKILL; gives whether there was still somebody to kill.
    pub(crate) fn kill(&mut self) -> Fallible<bool> {
        let alive = self.child.try_wait()?.is_none();
        self.child.kill()?;
        self.child.wait()?;
        self.hear_the_rest();
        Ok(alive)
    }

    /// Tells it to stop.
    pub(crate) fn tell_to_stop(&mut self) {
        if let Some(mut input) = self.input.take() {
            // If it has ended already it does not listen, and the end of the pipe says the same.
            let _ = input.write_all(b"stop\n");
        }
    }

    /// Waits until it has ended after it was told to; kills it if it does not. Gives whether it ended well.
    pub(crate) async fn wait(&mut self) -> Fallible<bool> {
        let looks = PATIENCE.as_millis() / LOOK.as_millis();
        for _ in 0..looks {
            if let Some(status) = self.child.try_wait()? {
                self.hear_the_rest();
                return Ok(status.success());
            }
            tokio::time::sleep(LOOK).await;
        }
        self.kill()?;
        Ok(false)
    }

    /// All that it said is heard before the sums are made. Its end of the pipe is closed: this does not take long.
    fn hear_the_rest(&mut self) {
        if let Some(listener) = self.listener.take() {
            // A listener that panicked has nothing more to say.
            let _ = listener.join();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // After `kill` or `wait` there is no process any more, and the standard library knows.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(output: impl Read, said: &Said) {
    BufReader::new(output).lines().map_while(Result::ok).for_each(|line| said.hear(&line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contestant_is_a_name_and_a_command() {
        let parsed = Contestant::parse("by hand=target/worker --kind unlocked").unwrap();
        assert_eq!(parsed.name, "by hand");
        assert_eq!(parsed.command, ["target/worker", "--kind", "unlocked"]);
        for wrong in ["", "name", "=program", "name= "] {
            assert!(Contestant::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn errors_are_counted_and_one_of_each_is_kept() {
        let said = Said::default();
        for line in [
            r#"{"event":"error","grant":"a","error":"refused"}"#,
            r#"{"event":"error","grant":"b","error":"refused"}"#,
            r#"{"event":"end","calls":9,"presented":7,"refused":0,"errors":2}"#,
            r#"{"event":"error","gra"#,
        ] {
            said.hear(line);
        }
        assert_eq!((said.errors(), said.samples()), (2, vec!["refused".to_owned()]));
    }
}
