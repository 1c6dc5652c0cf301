//! The three commands of a worker.

use std::io::{BufRead, Read};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::callers::{Tally, call, say};
use super::{Contestant, Outcome, Seed, Terms};

/// The environment variable with a worker's own token endpoint: so the driver knows whose requests come in.
const TOKEN_ENDPOINT: &str = "RACES_TOKEN_ENDPOINT";

/// The environment variable with the file that a worker may write its account to.
const ACCOUNT: &str = "RACES_ACCOUNT";

const USAGE: &str = "usage: [--kind KIND] seed|run|show --store DIR [--callers M]";

/// A worker's command line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arguments {
    /// Which contestant, where one program has several.
    pub kind: Option<String>,
    command: Command,
    store: PathBuf,
    callers: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Seed,
    Run,
    Show,
}

impl Arguments {
    /// Reads the words behind the program's name.
    ///
    /// # Errors
    /// They are no command; the text says what is.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Outcome<Self> {
        let (mut kind, mut command, mut store, mut callers) = (None, None, None, 1);
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "seed" => command = Some(Command::Seed),
                "run" => command = Some(Command::Run),
                "show" => command = Some(Command::Show),
                "--kind" => kind = Some(words.next().ok_or(USAGE)?),
                "--store" => store = Some(PathBuf::from(words.next().ok_or(USAGE)?)),
                "--callers" => callers = words.next().ok_or(USAGE)?.parse()?,
                _ => return Err(USAGE.into()),
            }
        }
        Ok(Self { kind, command: command.ok_or(USAGE)?, store: store.ok_or(USAGE)?, callers })
    }
}

/// Does what the command line says, to its end. Call it from a tokio runtime with several threads.
///
/// # Errors
/// The contestant failed, or standard input holds no seed.
pub async fn serve<C: Contestant>(arguments: Arguments) -> Outcome<()> {
    let Arguments { command, store, callers, .. } = arguments;
    match command {
        Command::Seed => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            let seed: Seed = serde_json::from_str(&text)?;
            std::fs::create_dir_all(&store)?;
            seed.terms.write(&store)?;
            C::seed(&store, &seed).await
        }
        Command::Run => {
            let mut terms = Terms::read(&store)?;
            if let Ok(own) = std::env::var(TOKEN_ENDPOINT) {
                terms.token_endpoint = own;
            }
            terms.account = std::env::var_os(ACCOUNT).map(PathBuf::from);
            let terms = Arc::new(terms);
            let contestant = Arc::new(C::open(&store, &terms).await?);
            run(contestant, terms, callers).await
        }
        Command::Show => {
            let terms = Terms::read(&store)?;
            for (grant, refresh_token) in C::show(&store, &terms).await? {
                say(&json!({"grant": grant, "refresh_token": refresh_token}));
            }
            Ok(())
        }
    }
}

async fn run<C: Contestant>(contestant: Arc<C>, terms: Arc<Terms>, callers: usize) -> Outcome<()> {
    let tally = Arc::new(Tally::default());
    let (end, over) = watch::channel(false);
    let end = Arc::new(end);
    wait_for_stop(Arc::clone(&end));
    let mut running = JoinSet::new();
    for (grant, begins) in terms.names.iter().zip(&terms.begins) {
        for _ in 0..callers {
            running.spawn(call(
                Arc::clone(&contestant),
                Arc::clone(&terms),
                (grant.clone(), *begins),
                Arc::clone(&tally),
                over.clone(),
            ));
        }
    }
    while let Some(ended) = running.join_next().await {
        ended?;
    }
    contestant.close().await?;
    tally.say_end();
    Ok(())
}

/// From a thread of its own: reading from standard input blocks, and nothing waits for the thread.
fn wait_for_stop(end: Arc<watch::Sender<bool>>) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if !line.is_ok_and(|line| line.trim() != "stop") {
                break;
            }
        }
        end.send_replace(true);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Outcome<Arguments> {
        Arguments::parse(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn a_command_line_is_read_in_any_order() {
        let read = parse("--kind careful run --store /tmp/x --callers 3").unwrap();
        assert_eq!(read.kind.as_deref(), Some("careful"));
        assert_eq!((read.command, read.callers), (Command::Run, 3));
        assert_eq!(parse("--store a show").unwrap().callers, 1);
        for wrong in ["run", "--store a", "walk --store a", "run --store a --callers many"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
