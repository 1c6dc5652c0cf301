//! The races of one run: how many there are, how long they take, which is on.

use std::io::Write;
use std::time::Duration;

use grantry_races::{Contestant, Fallible, Report, Scenario, race};

use crate::results::Results;
use crate::tell_oddities;

/// What a race takes besides its own time, on the average: servers, processes and the store start, and end. Where workers were killed,
/// callers wait at the end until the leases of the dead are over.
const AROUND: Duration = Duration::from_secs(1);
const AROUND_KILLS: Duration = Duration::from_secs(4);

/// A race that is to be run.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) contestant: Contestant,
    pub(crate) scenario: Scenario,
    pub(crate) seed: u64,
}

/// Runs races, says how far it is, and keeps what came of them.
#[derive(Debug)]
pub(crate) struct Programme {
    results: Results,
    many: usize,
    /// How many have been run, by this run or the one that it goes on with.
    done: usize,
    ahead: Duration,
}

impl Programme {
    /// Says at once how many races these are, and about how long they take.
    ///
    /// # Errors
    /// There is nobody to say it to.
    pub(crate) fn new(races: &[Planned], results: Results) -> Fallible<Self> {
        let mut programme = Self { results, many: races.len(), done: 0, ahead: Duration::ZERO };
        for Planned { contestant, scenario, seed } in races {
            if programme.results.find(&contestant.name, scenario, *seed).is_some() {
                programme.done += 1;
            } else {
                programme.ahead += takes(scenario);
            }
        }
        let there = programme.done;
        let there = if there == 0 { String::new() } else { format!(", {there} of them run before") };
        say(&format!("{} races{there}: about {}", programme.many, told(programme.ahead)))?;
        Ok(programme)
    }

    /// Runs one, unless its report is there from before.
    ///
    /// # Errors
    /// It could not be run, or its report not be kept.
    pub(crate) async fn race(&mut self, planned: &Planned) -> Fallible<Report> {
        let Planned { contestant, scenario, seed } = planned;
        if let Some(report) = self.results.find(&contestant.name, scenario, *seed) {
            return Ok(report.clone());
        }
        self.done += 1;
        let (done, many, ahead) = (self.done, self.many, told(self.ahead));
        say(&format!(
            "race {done} of {many}, about {ahead} to go: {}, {scenario}, seed {seed}",
            contestant.name
        ))?;
        let report = race(contestant, scenario, *seed).await?;
        tell_oddities(&report)?;
        self.results.keep(&report)?;
        self.ahead = self.ahead.saturating_sub(takes(scenario));
        Ok(report)
    }
}

fn takes(scenario: &Scenario) -> Duration {
    scenario.lasts + if scenario.kills > 0 { AROUND_KILLS } else { AROUND }
}

fn told(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..100 => format!("{seconds} s"),
        seconds => format!("{} minutes", (seconds + 30) / 60),
    }
}

/// Where tables do not go.
fn say(text: &str) -> Fallible<()> {
    Ok(writeln!(std::io::stderr().lock(), "{text}")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(name: &str) -> Planned {
        let contestant = Contestant::parse(&format!("{name}=/nowhere/program")).unwrap();
        Planned { contestant, scenario: "strict 10 s".parse().unwrap(), seed: 1 }
    }

    #[tokio::test]
    async fn what_was_run_before_is_not_run_again_nor_waited_for() {
        let mut results = Results::default();
        let mut report = Report::default();
        (report.contestant, report.seed) = ("a".to_owned(), 1);
        report.scenario = planned("a").scenario.to_string();
        results.keep(&report).unwrap();
        let mut programme = Programme::new(&[planned("a"), planned("b")], results).unwrap();
        assert_eq!((programme.done, programme.ahead), (1, Duration::from_secs(10) + AROUND));
        assert_eq!(programme.race(&planned("a")).await.unwrap(), report);
        assert!(programme.race(&planned("b")).await.is_err(), "it is run, and has no program");
    }

    #[test]
    fn times_are_told_in_words_that_fit() {
        assert_eq!(told(Duration::from_secs(99)), "99 s");
        assert_eq!(told(Duration::from_secs(100)), "2 minutes");
        assert_eq!(told(Duration::from_secs(1_235)), "21 minutes");
    }
}
