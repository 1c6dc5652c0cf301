//! Why each lost grant was lost: by name, from what the book and the workers' accounts say, or unexplained.

use std::collections::HashMap;
use std::time::Duration;

use grantry_core::Instant;

use crate::accounts::{Accounts, Keeping, Spans, Step};
use crate::exchange::{Fate, Orphan, Reuse};

/// How long after its answer had left a worker may have died at the most without having kept what was in it: it had to be given a
/// core, and to write it down. For whoever keeps no account it is the only measure, and a generous one.
const KEEPING: Duration = Duration::from_millis(100);

/// What speaks for a worker that has lost something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence<'a> {
    /// When which worker was held still, to be killed.
    pub(crate) killed: &'a HashMap<usize, Instant>,
    pub(crate) accounts: &'a Accounts,
    /// How long after its answer had left a successor may still have been unwritten.
    limit: Duration,
    /// And how long after its worker had read the whole of it.
    limit_had: Duration,
}

/// What took the refresh token that a grant went on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The answer was dropped on purpose.
    Dropped,
    /// Its worker was killed.
    Killed(Killed),
    /// None of these: somebody has made a mistake.
    Unexplained(&'static str),
}

/// How far an answer had come when its worker was held still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Killed {
    /// How long before that it had left; nothing if it had not.
    pub(crate) after: Duration,
    /// For how long the worker had had the whole of it, if it had, by its own account.
    pub(crate) had_for: Option<Duration>,
}

impl<'a> Evidence<'a> {
    /// What a race says. Where workers keep accounts, one may not have taken longer than twice what the slowest of those
    /// answers took that were kept in this very race: a kill finds the slow ones, and what it finds is not among them.
    pub(crate) fn new(
        killed: &'a HashMap<usize, Instant>,
        accounts: &'a Accounts,
        keeping: &Keeping,
    ) -> Self {
        let limit = |measured: Spans| match accounts.are_kept() {
            true => KEEPING.min(2 * Duration::from_micros(measured.longest)),
            false => KEEPING,
        };
        Self { killed, accounts, limit: limit(keeping.until_written), limit_had: limit(keeping.to_write) }
    }

    /// Why a grant was lost, given what vanished in the race.
    pub(crate) fn cause(&self, grant: usize, name: &str, orphans: &[Orphan]) -> Cause {
        let mut cause = Cause::Unexplained("no successor has vanished");
        for orphan in orphans.iter().filter(|orphan| orphan.grant == grant) {
            cause = match self.took(orphan, name) {
                // One that nothing explains is a mistake, whatever happened to others.
                unexplained @ Cause::Unexplained(_) => return unexplained,
                explained => explained,
            };
        }
        cause
    }

    /// What took a successor.
    pub(crate) fn took(&self, orphan: &Orphan, name: &str) -> Cause {
        if orphan.fate == Fate::Dropped {
            return Cause::Dropped;
        }
        let step = |step| self.accounts.step(step, orphan.worker, name, orphan.asked);
        if step(Step::Written).is_some() {
            return Cause::Unexplained("a successor vanished that its worker had written down");
        }
        let Some(killed) = self.killed.get(&orphan.worker) else {
            return Cause::Unexplained(match orphan.fate {
                Fate::Gone => "its worker did not wait for the answer with the successor",
                _ => "a worker that lives has lost a successor",
            });
        };
        let after = orphan.over.map(|over| killed.since(over)).unwrap_or_default();
        let had_for = step(Step::Had).map(|had| killed.since(had));
        // Whoever has not read the answer, by its own account, was not given a core in time.
        let had_it = !self.accounts.are_kept() || had_for.is_some();
        if (had_it && after > self.limit) || had_for.is_some_and(|had_for| had_for > self.limit_had) {
            return Cause::Unexplained("a successor vanished that its worker had long before it was killed");
        }
        Cause::Killed(Killed { after, had_for })
    }

    /// What became of a grant that nobody else took: who used a refresh token after whom.
    pub(crate) fn reused(&self, reuse: &Reuse) -> String {
        let Reuse { first, first_at, again, again_at } = reuse;
        let fate = match self.killed.get(first) {
            Some(killed) => format!("was killed {} ms after that", killed.since(*first_at).as_millis()),
            None => "lived".to_owned(),
        };
        let later = again_at.since(*first_at).as_millis();
        format!("; worker {again} used a refresh token {later} ms after worker {first}, which {fate}")
    }

    /// A kill in words.
    pub(crate) fn told(&self, killed: &Killed) -> String {
        let millis = |span: Duration| format!("{:.2} ms", span.as_secs_f64() * 1_000.0);
        let left = match killed.after {
            Duration::ZERO => "before the answer with its successor left".to_owned(),
            after => {
                let (after, limit) = (millis(after), millis(self.limit));
                format!("{after} after the answer with its successor left (up to {limit} is explained)")
            }
        };
        let had = match killed.had_for {
            Some(had_for) => {
                let (had_for, limit) = (millis(had_for), millis(self.limit_had));
                format!(", and {had_for} after it had read the whole of it (up to {limit} is explained)")
            }
            None => String::new(),
        };
        format!("its worker was held still {left}{had}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: (u64, u64) = (90_000, 90_000);
    const NAME: &str = "grant-3";

    fn at(millis: u64) -> Instant {
        Instant::ZERO.after(Duration::from_millis(millis))
    }

    fn orphan(worker: usize, fate: Fate) -> Orphan {
        Orphan { grant: 3, worker, asked: at(980), fate, over: Some(at(1_000)) }
    }

    /// Given the slowest answer that was kept: all the way, and after it had been read.
    fn took(killed: u64, orphan: &Orphan, accounts: &Accounts, (whole, had): (u64, u64)) -> Cause {
        let mut keeping = Keeping::default();
        (keeping.until_written.longest, keeping.to_write.longest) = (whole, had);
        Evidence::new(&HashMap::from([(7, at(killed))]), accounts, &keeping).took(orphan, NAME)
    }

    fn killed(after: u64, had_for: Option<u64>) -> Cause {
        let had_for = had_for.map(Duration::from_millis);
        Cause::Killed(Killed { after: Duration::from_millis(after), had_for })
    }

    #[test]
    fn without_accounts_a_kill_explains_what_its_worker_had_just_received_and_nothing_else() {
        let took = |at, orphan: &Orphan| took(at, orphan, &Accounts::default(), (0, 0));
        assert_eq!(took(1_020, &orphan(7, Fate::Sent)), killed(20, None));
        assert_eq!(took(900, &orphan(7, Fate::Gone)), killed(0, None));
        assert!(matches!(took(1_101, &orphan(7, Fate::Sent)), Cause::Unexplained(_)));
        assert!(matches!(took(1_020, &orphan(8, Fate::Sent)), Cause::Unexplained(_)));
        assert_eq!(took(1_020, &orphan(8, Fate::Dropped)), Cause::Dropped);
    }

    #[test]
    fn with_accounts_it_explains_no_more_than_twice_what_the_others_took() {
        let accounts = Accounts::of(7, &[(Step::Had, NAME, at(1_003))]);
        let sent = orphan(7, Fate::Sent);
        assert_eq!(took(1_010, &sent, &accounts, (5_000, 3_500)), killed(10, Some(7)));
        for slowest in [(4_900, 3_500), (5_000, 3_400)] {
            assert!(matches!(took(1_010, &sent, &accounts, slowest), Cause::Unexplained(_)));
        }
        assert_eq!(took(990, &sent, &accounts, (0, 0)), killed(0, Some(0)), "it had not even left");
        assert!(matches!(took(1_101, &sent, &accounts, (900_000, 900_000)), Cause::Unexplained(_)));
    }

    #[test]
    fn what_a_worker_has_written_down_no_kill_excuses() {
        let accounts = Accounts::of(7, &[(Step::Had, NAME, at(1_003)), (Step::Written, NAME, at(1_004))]);
        assert!(matches!(took(1_004, &orphan(7, Fate::Sent), &accounts, SLOW), Cause::Unexplained(_)));
        let before = Accounts::of(7, &[(Step::Written, NAME, at(970))]);
        assert_eq!(took(1_004, &orphan(7, Fate::Sent), &before, SLOW), killed(4, None), "of another answer");
    }

    #[test]
    fn a_loss_without_a_vanished_successor_of_its_own_is_unexplained() {
        let (nobody, accounts) = (HashMap::new(), Accounts::default());
        let evidence = Evidence::new(&nobody, &accounts, &Keeping::default());
        let orphans = [orphan(8, Fate::Dropped)];
        assert_eq!(evidence.cause(3, NAME, &orphans), Cause::Dropped);
        assert!(matches!(evidence.cause(4, "grant-4", &orphans), Cause::Unexplained(_)));
        let orphans = [orphan(8, Fate::Dropped), orphan(8, Fate::Sent)];
        assert!(matches!(evidence.cause(3, NAME, &orphans), Cause::Unexplained(_)));
    }
}
