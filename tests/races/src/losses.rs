//! Why each lost grant was lost: by name, from what the book says, or unexplained.

use std::collections::HashMap;
use std::time::Duration;

use grantry_core::Instant;

use crate::book::{Fate, Orphan, Reuse};

/// How long after its answer had left a worker may have died without having kept what was in it: it had to be given a core, and
/// to write it down. What a worker had for longer it should have kept.
const KEEPING: Duration = Duration::from_millis(100);

/// What took the refresh token that a grant went on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The answer was dropped on purpose.
    Dropped,
    /// Its worker was killed: this long after the answer had left, or before.
    Killed(Duration),
    /// None of these: somebody has made a mistake.
    Unexplained(&'static str),
}

/// Why a grant was lost, given what vanished in the race and when which worker was killed.
pub(crate) fn cause(grant: usize, orphans: &[Orphan], killed: &HashMap<usize, Instant>) -> Cause {
    let mut cause = Cause::Unexplained("no successor has vanished");
    for orphan in orphans.iter().filter(|orphan| orphan.grant == grant) {
        cause = match took(orphan, killed) {
            // One that nothing explains is a mistake, whatever happened to others.
            unexplained @ Cause::Unexplained(_) => return unexplained,
            explained => explained,
        };
    }
    cause
}

/// What took a successor.
pub(crate) fn took(orphan: &Orphan, killed: &HashMap<usize, Instant>) -> Cause {
    if orphan.fate == Fate::Dropped {
        return Cause::Dropped;
    }
    match (killed.get(&orphan.worker), orphan.over) {
        (Some(_), None) => Cause::Killed(Duration::ZERO),
        (Some(killed), Some(over)) if killed.since(over) <= KEEPING => Cause::Killed(killed.since(over)),
        (Some(_), Some(_)) => {
            Cause::Unexplained("a successor vanished that its worker had long before it was killed")
        }
        (None, _) if orphan.fate == Fate::Gone => {
            Cause::Unexplained("its worker did not wait for the answer with the successor")
        }
        (None, _) => Cause::Unexplained("a worker that lives has lost a successor"),
    }
}

/// What became of a grant that nobody else took: who used a refresh token after whom.
pub(crate) fn reused(reuse: &Reuse, killed: &HashMap<usize, Instant>) -> String {
    let Reuse { first, first_at, again, again_at } = reuse;
    let fate = match killed.get(first) {
        Some(killed) => format!("was killed {} ms after that", killed.since(*first_at).as_millis()),
        None => "lived".to_owned(),
    };
    let later = again_at.since(*first_at).as_millis();
    format!("; worker {again} used a refresh token {later} ms after worker {first}, which {fate}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::ZERO.after(Duration::from_millis(millis))
    }

    fn orphan(worker: usize, fate: Fate) -> Orphan {
        Orphan { grant: 3, worker, fate, over: Some(at(1_000)) }
    }

    #[test]
    fn a_kill_explains_what_its_worker_had_just_received_and_nothing_else() {
        let killed = |millis| HashMap::from([(7, at(millis))]);
        assert_eq!(took(&orphan(7, Fate::Sent), &killed(1_020)), Cause::Killed(Duration::from_millis(20)));
        assert_eq!(took(&orphan(7, Fate::Gone), &killed(900)), Cause::Killed(Duration::ZERO));
        assert!(matches!(took(&orphan(7, Fate::Sent), &killed(2_000)), Cause::Unexplained(_)));
        assert!(matches!(took(&orphan(8, Fate::Sent), &killed(1_020)), Cause::Unexplained(_)));
        assert_eq!(took(&orphan(8, Fate::Dropped), &killed(1_020)), Cause::Dropped);
    }

    #[test]
    fn a_loss_without_a_vanished_successor_of_its_own_is_unexplained() {
        let orphans = [orphan(8, Fate::Dropped)];
        assert_eq!(cause(3, &orphans, &HashMap::new()), Cause::Dropped);
        assert!(matches!(cause(4, &orphans, &HashMap::new()), Cause::Unexplained(_)));
        let orphans = [orphan(8, Fate::Dropped), orphan(8, Fate::Sent)];
        assert!(matches!(cause(3, &orphans, &HashMap::new()), Cause::Unexplained(_)));
    }
}
