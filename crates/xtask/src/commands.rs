//! What can be asked of `cargo xtask`.

use crate::stages::{STAGES, Stage};

/// How to ask.
const USAGE: &str = "\
cargo xtask TASK

  test [STAGE...]        install what is missing, then run every stage, or those named
  fmt                    format every source
  tidy                   check the rules of the house
  manual                 make the pages in docs/ of the modules of the manual
  interop                install what is missing, then test against real servers
  bench [--alone] [...]  measure the peers and then ourselves, and write target/bench.json; --alone
                         leaves the peers out; the rest goes to the benches
  torture [...]          race our own contestants for refresh tokens, under kills, lost answers and restarts of
                         their stores: --kills N (500), --seed S, --quick
  races [...]            have everybody race for refresh tokens, and write the tables of docs/races.md:
                         --seed S (1), as often as there are to be seeds, --kills N (500), --short (some 20
                         minutes with one seed), --resume (go on with a run that was cut off)
  simulate [...]         run custody in worlds made of seeds: --seeds N (100), --from S
  help                   this text

stages of test:";

/// A task that was asked for.
#[derive(Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "`main` has to do every one of them")]
pub enum Command {
    /// Install what is missing, then run these stages.
    Test(Vec<&'static Stage>),
    /// Format every source.
    Format,
    /// Make the pages of the manual.
    Manual,
    /// Measure, the peers too unless told not to, with the rest of the arguments for the benches.
    Bench {
        /// Whether the peers are measured first.
        peers: bool,
        /// What the benches are told.
        arguments: Vec<String>,
    },
    /// Kill what keeps grants, with these arguments.
    Torture(Vec<String>),
    /// Have everybody race, with these arguments.
    Races(Vec<String>),
    /// Simulate custody in worlds made of seeds, with these arguments.
    Simulate(Vec<String>),
    /// Say how to ask.
    Help,
}

impl Command {
    /// Reads the arguments, without the program's name.
    ///
    /// # Errors
    /// A phrase about the first word that is not understood.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut rest = arguments.into_iter();
        let task = rest.next().unwrap_or_else(|| "help".into());
        let words: Vec<String> = rest.collect();
        let alone = |command| match words.first() {
            None => Ok(command),
            Some(word) => Err(format!("{task} takes no {word:?}")),
        };
        match task.as_str() {
            "test" if words.is_empty() => Ok(Self::Test(STAGES.iter().collect())),
            "test" => words.iter().map(|word| stage(word)).collect::<Result<_, _>>().map(Self::Test),
            "fmt" => alone(Self::Format),
            "manual" => alone(Self::Manual),
            "tidy" | "interop" => alone(Self::Test(vec![stage(&task)?])),
            "bench" => {
                let alone = |word: &String| word == "--alone";
                Ok(Self::Bench {
                    peers: !words.iter().any(alone),
                    arguments: words.into_iter().filter(|word| !alone(word)).collect(),
                })
            }
            "torture" => Ok(Self::Torture(words)),
            "races" => Ok(Self::Races(words)),
            "simulate" => Ok(Self::Simulate(words)),
            "help" | "--help" | "-h" => alone(Self::Help),
            _ => Err(format!("there is no task {task:?}")),
        }
    }
}

/// The usage with the stages below it.
pub fn usage() -> String {
    let lines = STAGES.iter().map(|stage| format!("\n  {:<22} {}", stage.name, stage.what));
    lines.fold(USAGE.to_owned(), |text, line| text + &line)
}

fn stage(name: &str) -> Result<&'static Stage, String> {
    STAGES.iter().find(|stage| stage.name == name).ok_or_else(|| format!("there is no stage {name:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(line.split_whitespace().map(String::from))
    }

    #[test]
    fn test_runs_every_stage_or_those_named() {
        assert!(matches!(parse("test"), Ok(Command::Test(stages)) if stages.len() == STAGES.len()));
        assert!(matches!(parse("test fmt tidy"), Ok(Command::Test(stages)) if stages.len() == 2));
        assert!(matches!(parse("interop"), Ok(Command::Test(stages)) if stages[0].name == "interop"));
    }

    #[test]
    fn bench_passes_on_what_it_does_not_know() {
        let expected = Command::Bench { peers: false, arguments: vec!["--only".into(), "hits".into()] };
        assert_eq!(parse("bench --only --alone hits"), Ok(expected));
    }

    #[test]
    fn torture_passes_on_how_much_of_it() {
        let expected = Command::Torture(vec!["--kills".into(), "9".into()]);
        assert_eq!(parse("torture --kills 9"), Ok(expected));
    }

    #[test]
    fn races_pass_on_their_seeds() {
        let expected = Command::Races(vec!["--seed".into(), "2".into()]);
        assert_eq!(parse("races --seed 2"), Ok(expected));
    }

    #[test]
    fn words_that_mean_nothing_are_refused() {
        for line in ["tests", "test nothing", "fmt now", "tidy --fast", "help me"] {
            assert!(parse(line).is_err(), "{line}");
        }
        assert_eq!(parse(""), Ok(Command::Help));
    }
}
