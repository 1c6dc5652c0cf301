//! The store's clock, as far as this process believes it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use grantry_core::{Error, ErrorKind, Instant, StoreTime};

/// Holds a store's clock to the boot clock of this process.
///
/// A store may leap ahead: after a crash it goes on from a moment that it can prove to be later than any before. Every
/// lease would then look over, though its owner lives and has the successor in its hands. So between two readings no more
/// time has passed than by the boot clock, and a leap is caught up with little by little, from when it was seen: however long
/// nothing was read before.
#[derive(Debug, Default)]
pub(crate) struct StoreClock(Mutex<Option<Anchor>>);

#[derive(Debug, Clone, Copy)]
struct Anchor {
    /// A moment of the boot clock: when the store had answered.
    at: Instant,
    /// What the store's clock shows then at the latest, had it not leapt.
    ceiling: StoreTime,
    /// How far the reading lay above that.
    ahead: Duration,
    /// Since when the store answers; `None` after a failure.
    reachable_since: Option<StoreTime>,
}

/// What is believed of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Believed {
    /// Never later than the reading.
    pub(crate) now: StoreTime,
    /// Since when the store answers without a failure in between, as far as this process has noticed.
    pub(crate) reachable_since: StoreTime,
}

impl StoreClock {
    /// What is believed of a reading that was asked for and answered at these moments of the boot clock.
    pub(crate) fn believe(&self, read_at: StoreTime, asked: Instant, answered: Instant) -> Believed {
        let mut anchor = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The store looked at its clock some time between the two moments: at the first, for the latest that it can show.
        let unbound = read_at.after(answered.since(asked));
        let ceiling = anchor.map_or(unbound, |last| {
            let passed = answered.since(last.at);
            unbound.min(last.ceiling.after(passed + last.ahead.min(passed / 8)))
        });
        let believed = read_at.min(ceiling);
        let reachable_since = anchor.and_then(|last| last.reachable_since).unwrap_or(believed);
        if anchor.is_none_or(|last| last.at <= answered) {
            let (ahead, reachable_since) = (read_at.since(believed), Some(reachable_since));
            *anchor = Some(Anchor { at: answered, ceiling, ahead, reachable_since });
        }
        Believed { now: believed, reachable_since }
    }

    /// A call of the store failed. What it refused, or gave in a form that cannot be read, it has answered.
    pub(crate) fn failed(&self, error: &Error) {
        if error.kind() != ErrorKind::Storage {
            return;
        }
        if let Some(anchor) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            anchor.reachable_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use grantry_core::Stage;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO.after(Duration::from_secs(seconds))
    }

    fn store(seconds: u64) -> StoreTime {
        StoreTime::from_nanos(0).after(Duration::from_secs(seconds))
    }

    #[test]
    fn a_clock_that_goes_as_ours_does_is_believed_at_once() {
        let clock = StoreClock::default();
        for second in [100, 101, 160, 4_000] {
            assert_eq!(clock.believe(store(second + 7), at(second), at(second + 1)).now, store(second + 7));
        }
    }

    #[test]
    fn after_a_failure_the_store_is_reachable_from_its_next_answer_on() {
        let clock = StoreClock::default();
        let since = |second| clock.believe(store(second), at(second), at(second)).reachable_since;
        assert_eq!((since(100), since(110)), (store(100), store(100)));
        clock.failed(&Error::new(ErrorKind::Damaged, Stage::Vault, "one record cannot be read"));
        assert_eq!(since(115), store(100));
        clock.failed(&Error::new(ErrorKind::Storage, Stage::Vault, "the store does not answer"));
        assert_eq!((since(120), since(130)), (store(120), store(120)));
    }

    #[test]
    fn a_leap_is_caught_up_with_little_by_little() {
        let clock = StoreClock::default();
        assert_eq!(clock.believe(store(100), at(100), at(100)).now, store(100));
        // A minute ahead from one moment to the next.
        assert_eq!(clock.believe(store(168), at(108), at(108)).now, store(108));
        assert_eq!(clock.believe(store(176), at(116), at(116)).now, store(117));
        let mut believed = store(0);
        for second in 117..800 {
            believed = clock.believe(store(second + 60), at(second), at(second)).now;
        }
        assert_eq!(believed, store(799 + 60));
    }

    #[test]
    fn a_leap_is_not_let_through_because_nothing_was_read_for_long() {
        let clock = StoreClock::default();
        clock.believe(store(100), at(100), at(100));
        assert_eq!(clock.believe(store(164), at(160), at(160)).now, store(160));
        assert_eq!(clock.believe(store(172), at(168), at(168)).now, store(169));
    }

    #[test]
    fn a_leap_is_not_let_through_by_one_slow_answer_after_the_other() {
        let clock = StoreClock::default();
        let mut believed = store(0);
        for second in (100..160).step_by(10) {
            // Read at once, and ten seconds under way; from the second on a minute ahead.
            let read_at = if second == 100 { second } else { second + 60 };
            believed = clock.believe(store(read_at), at(second), at(second + 10)).now;
        }
        // The last reading was at 150, and answered at 160.
        let (unseen, caught_up) = (10, 5);
        assert!(believed <= store(150 + unseen + caught_up), "{believed:?}");
    }
}
