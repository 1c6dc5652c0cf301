//! The races of one run: how many there are, how long they take, which is on.

use std::io::Write;
use std::time::Duration;

use grantry_races::{Contestant, Fallible, Report, Scenario, race};

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

/// Runs races, and says how far it is.
#[derive(Debug)]
pub(crate) struct Programme {
    many: usize,
    /// How many of them have begun.
    done: usize,
    ahead: Duration,
}

impl Programme {
    /// Says at once how many races these are, and about how long they take.
    ///
    /// # Errors
    /// There is nobody to say it to.
    pub(crate) fn new(races: &[Planned]) -> Fallible<Self> {
        let ahead = races.iter().map(|planned| takes(&planned.scenario)).sum();
        let programme = Self { many: races.len(), done: 0, ahead };
        say(&format!("{} races: about {}", programme.many, told(programme.ahead)))?;
        Ok(programme)
    }

    /// Runs one.
    ///
    /// # Errors
    /// It could not be run.
    pub(crate) async fn race(&mut self, planned: &Planned) -> Fallible<Report> {
        let Planned { contestant, scenario, seed } = planned;
        self.done += 1;
        let (done, many, ahead) = (self.done, self.many, told(self.ahead));
        say(&format!(
            "race {done} of {many}, about {ahead} to go: {}, {scenario}, seed {seed}",
            contestant.name
        ))?;
        let report = race(contestant, scenario, *seed).await?;
        tell_oddities(&report)?;
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
    async fn each_race_is_waited_for_until_it_is_over() {
        let mut programme = Programme::new(&[planned("a"), planned("b")]).unwrap();
        let one = Duration::from_secs(10) + AROUND;
        assert_eq!((programme.done, programme.ahead), (0, one * 2));
        assert!(programme.race(&planned("a")).await.is_err(), "it has no program");
        assert_eq!((programme.done, programme.ahead), (1, one * 2));
    }

    #[test]
    fn times_are_told_in_words_that_fit() {
        assert_eq!(told(Duration::from_secs(99)), "99 s");
        assert_eq!(told(Duration::from_secs(100)), "2 minutes");
        assert_eq!(told(Duration::from_secs(1_235)), "21 minutes");
    }
}
