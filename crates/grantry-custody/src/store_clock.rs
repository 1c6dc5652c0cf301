//! The store's clock, as far as this process believes it.

use std::sync::{Mutex, PoisonError};

use grantry_core::{Instant, StoreTime};

/// Holds a store's clock to the boot clock of this process.
///
/// A store may leap ahead: after a crash it goes on from a moment that it can prove to be later than any before. Every
/// lease would then look over, though its owner lives and has the successor in its hands. So between two readings no more
/// time has passed than by the boot clock, and a leap is caught up with little by little.
#[derive(Debug, Default)]
pub(crate) struct StoreClock(Mutex<Option<Anchor>>);

#[derive(Debug, Clone, Copy)]
struct Anchor {
    /// The boot clock before the store was asked.
    asked: Instant,
    believed: StoreTime,
}

impl StoreClock {
    /// What is believed of a reading that was asked for and answered at these moments of the boot clock. Never later than
    /// the reading.
    pub(crate) fn believe(&self, read_at: StoreTime, asked: Instant, answered: Instant) -> StoreTime {
        let mut anchor = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let believed = match *anchor {
            None => read_at,
            Some(last) => {
                // The reading lies between the two moments, and so did the last: without a leap this bounds nothing.
                let passed = answered.since(last.asked);
                read_at.min(last.believed.after(passed + passed / 8))
            }
        };
        if anchor.is_none_or(|last| last.asked <= asked) {
            *anchor = Some(Anchor { asked, believed });
        }
        believed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
            assert_eq!(clock.believe(store(second + 7), at(second), at(second + 1)), store(second + 7));
        }
    }

    #[test]
    fn a_leap_is_caught_up_with_little_by_little() {
        let clock = StoreClock::default();
        assert_eq!(clock.believe(store(100), at(100), at(100)), store(100));
        // A minute ahead from one moment to the next.
        assert_eq!(clock.believe(store(168), at(108), at(108)), store(109));
        let mut believed = store(0);
        for second in 109..800 {
            believed = clock.believe(store(second + 60), at(second), at(second));
        }
        assert_eq!(believed, store(799 + 60));
    }
}
