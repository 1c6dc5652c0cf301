//! What the words on the command line mean.

use grantry_races::Fallible;

const USAGE: &str = "usage:
  races run   [--contestant C]... [--peers PROGRAM] [--scenario S]... [--seed N] [--json]
  races table [--contestant C]... [--peers PROGRAM] [--scenario S]... [--seed N]
  races torture [--kills N] [--seed S] [--quick]
  races page --peers PROGRAM --into FILE --results FILE [--resume] [--short] [--seed N]... [--kills N]
  races scenarios
  races worker-naive|worker-grantry seed|run|show --store DIR [--callers M]
a contestant C is \"NAME=PROGRAM ARGUMENT...\", or the name of one of this program's workers
--peers adds every kind of the program race-worker in benches/peers
a scenario S is for example \"strict-revoke 4 processes 30 grants 2 s tokens 10 s 50 kills 2 % drops\"";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Races, a report for each.
    Run { options: Options, json: bool },
    /// Races, a table for each scenario.
    Table(Options),
    /// The house's own under kills, with a verdict.
    Torture(Torture),
    /// All tables of the documentation, into its page.
    Page(Page),
    /// The names of the table's scenarios.
    Scenarios,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) contestants: Vec<String>,
    pub(crate) peers: Option<String>,
    pub(crate) scenarios: Vec<String>,
    pub(crate) seed: Option<u64>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Torture {
    pub(crate) kills: Option<usize>,
    pub(crate) seed: Option<u64>,
    pub(crate) quick: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) peers: String,
    pub(crate) into: String,
    /// Where each report goes as soon as it is there.
    pub(crate) results: String,
    /// Whether the races that are there are taken from there.
    pub(crate) resume: bool,
    /// Whether races in which nothing goes wrong are over sooner.
    pub(crate) short: bool,
    /// 1 if none was given.
    pub(crate) seeds: Vec<u64>,
    /// Of the torture.
    pub(crate) kills: Option<usize>,
}

impl Page {
    fn parse(mut words: impl Iterator<Item = String>) -> Fallible<Self> {
        let mut page = Self::default();
        while let Some(word) = words.next() {
            let mut next = || words.next().ok_or(USAGE);
            match word.as_str() {
                "--peers" => page.peers = next()?,
                "--into" => page.into = next()?,
                "--results" => page.results = next()?,
                "--resume" => page.resume = true,
                "--short" => page.short = true,
                "--seed" => page.seeds.push(next()?.parse()?),
                "--kills" => page.kills = Some(next()?.parse()?),
                _ => return Err(USAGE.into()),
            }
        }
        if page.peers.is_empty() || page.into.is_empty() || page.results.is_empty() {
            return Err(USAGE.into());
        }
        if page.seeds.is_empty() {
            page.seeds.push(1);
        }
        Ok(page)
    }
}

impl Torture {
    fn parse(mut words: impl Iterator<Item = String>) -> Fallible<Self> {
        let mut torture = Self::default();
        while let Some(word) = words.next() {
            let mut next = || words.next().ok_or(USAGE);
            match word.as_str() {
                "--kills" => torture.kills = Some(next()?.parse()?),
                "--seed" => torture.seed = Some(next()?.parse()?),
                "--quick" => torture.quick = true,
                _ => return Err(USAGE.into()),
            }
        }
        Ok(torture)
    }
}

impl Command {
    pub(crate) fn parse(first: &str, mut words: impl Iterator<Item = String>) -> Fallible<Self> {
        if first == "torture" {
            return Ok(Self::Torture(Torture::parse(words)?));
        }
        if first == "page" {
            return Ok(Self::Page(Page::parse(words)?));
        }
        let (mut options, mut json) = (Options::default(), false);
        while let Some(word) = words.next() {
            let mut next = || words.next().ok_or(USAGE);
            match word.as_str() {
                "--contestant" => options.contestants.push(next()?),
                "--peers" => options.peers = Some(next()?),
                "--scenario" => options.scenarios.push(next()?),
                "--seed" => options.seed = Some(next()?.parse()?),
                "--json" if first == "run" => json = true,
                _ => return Err(USAGE.into()),
            }
        }
        match first {
            "run" => Ok(Self::Run { options, json }),
            "table" => Ok(Self::Table(options)),
            "scenarios" => Ok(Self::Scenarios),
            _ => Err(USAGE.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(first: &str, words: &[&str]) -> Fallible<Command> {
        Command::parse(first, words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn options_may_come_several_times_and_in_any_order() {
        let read = parse(
            "table",
            &["--seed", "7", "--contestant", "a=b", "--scenario", "strict 1 s", "--contestant", "c=d"],
        );
        let Command::Table(options) = read.unwrap() else { panic!("another command") };
        assert_eq!((options.contestants.len(), options.scenarios.len(), options.seed), (2, 1, Some(7)));
    }

    #[test]
    fn the_torture_has_options_of_its_own() {
        let read = parse("torture", &["--quick", "--kills", "40", "--seed", "9"]).unwrap();
        assert_eq!(read, Command::Torture(Torture { kills: Some(40), seed: Some(9), quick: true }));
        assert!(parse("torture", &["--json"]).is_err());
    }

    #[test]
    fn the_page_has_several_seeds_and_says_where_the_peers_are() {
        let places = ["--peers", "p", "--into", "f", "--results", "r"];
        let read =
            parse("page", &[&places[..], &["--seed", "3", "--short", "--seed", "4"]].concat()).unwrap();
        let page = Page {
            peers: "p".into(),
            into: "f".into(),
            results: "r".into(),
            seeds: vec![3, 4],
            short: true,
            ..Page::default()
        };
        assert_eq!(read, Command::Page(page));
        let read = parse("page", &[&places[..], &["--resume"]].concat()).unwrap();
        assert!(matches!(read, Command::Page(page) if page.resume && page.seeds == [1]));
        assert!(parse("page", &places[..4]).is_err());
    }

    #[test]
    fn what_is_no_command_is_answered_with_the_usage() {
        for (first, words) in [("", &[][..]), ("walk", &[]), ("table", &["--json"]), ("run", &["--seed"])] {
            assert!(parse(first, words).is_err(), "{first} {words:?}");
        }
        assert!(matches!(parse("run", &["--json"]).unwrap(), Command::Run { json: true, .. }));
    }
}
