//! The clock that a scheduler and its sources go by, with the sleeps of the machine that its coarse readings leave out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use grantry_core::{Clock, CoarseReading, Instant};

/// How much of a sleep goes unnoticed: coarse clocks lag by up to 10 ms, which is no sleep.
const UNNOTICED: u64 = 20_000_000;

/// A clock whose coarse monotonic reading goes on over the sleeps that somebody noticed.
///
/// The coarse monotonic clock stands still while the machine sleeps. The wall clock goes on, unless somebody sets it back
/// by more than the sleep; then a token that expired in the machine's sleep passes for fit by both. Only the boot clock
/// knows better, and is too dear for each hit. So whoever reads it compares the two on the way, and what the boot clock
/// has gone ahead by is added to all coarse readings from then on. That moves every gate of every source at once, those
/// of copies too, and of sources that nothing is booked for: where [`now`](Self::now) finds a token unfit, no gate is
/// open for it any more (but for 20 ms), and nobody has to think of shutting them. The scheduler's loop reads the boot clock
/// every 10 s of wakefulness or more often, so that is how long a sleep can pass unnoticed while it runs; where it does not, for its
/// runtime is gone or it was shut down, until a caller takes the long way.
///
/// (An epoch that each gate compares would be one more word in each; a walk through all sources would need a list of
/// them, since the calendar knows only those that are booked.)
#[derive(Debug)]
pub(crate) struct Clocks {
    clock: Arc<dyn Clock>,
    /// What the boot clock was ahead of the coarse one at the start: their zeros differ. It wraps.
    ahead: u64,
    /// How long the machine has slept since, as far as somebody noticed.
    slept: AtomicU64,
}

impl Clocks {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        // Whoever is held up between these two takes that for a sleep later, once, and looks again too early for it.
        let ahead = ahead(clock.now(), &*clock);
        Self { clock, ahead, slept: AtomicU64::new(0) }
    }

    /// The clock as it was handed in.
    pub(crate) fn handed_in(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The boot clock. Notices whether the machine has slept.
    pub(crate) fn now(&self) -> Instant {
        let now = self.clock.now();
        self.notice_sleep(now);
        now
    }

    /// Both clocks in their cheap form, the monotonic one with all sleeps that were noticed.
    #[inline]
    pub(crate) fn coarse(&self) -> CoarseReading {
        let reading = self.clock.coarse();
        let slept = self.slept.load(Ordering::Relaxed);
        CoarseReading { monotonic: reading.monotonic.saturating_add(slept), ..reading }
    }

    fn notice_sleep(&self, now: Instant) {
        let slept = ahead(now, &*self.clock).wrapping_sub(self.ahead);
        // The one that falls behind, as some do whose readings are made up, comes out as most of the range.
        let slept = if slept > u64::MAX / 2 { 0 } else { slept };
        // Hits of all threads read this word, so it is written only where there is something to say.
        if slept > self.slept.load(Ordering::Relaxed).saturating_add(UNNOTICED) {
            self.slept.fetch_max(slept, Ordering::Relaxed);
        }
    }
}

/// How far `now` is ahead of the coarse monotonic clock. To be read in this order: a thread that is held up in between
/// finds less than there is, and takes no pause of its own for a sleep.
fn ahead(now: Instant, clock: &dyn Clock) -> u64 {
    now.as_nanos().wrapping_sub(clock.coarse().monotonic)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use grantry_core::Timestamp;

    use super::*;

    /// Boot and coarse clock, moved by hand; their zeros differ as a machine's do.
    #[derive(Debug, Default)]
    struct Hands {
        boot: AtomicU64,
        coarse: AtomicU64,
    }

    impl Hands {
        fn pass(&self, boot: Duration, coarse: Duration) {
            self.boot.fetch_add(u64::try_from(boot.as_nanos()).unwrap(), Ordering::Relaxed);
            self.coarse.fetch_add(u64::try_from(coarse.as_nanos()).unwrap(), Ordering::Relaxed);
        }
    }

    impl Clock for Hands {
        fn now(&self) -> Instant {
            Instant::from_nanos(self.boot.load(Ordering::Relaxed))
        }
        fn wall(&self) -> Timestamp {
            Timestamp::from_unix_nanos(0)
        }
        fn coarse(&self) -> CoarseReading {
            CoarseReading { monotonic: self.coarse.load(Ordering::Relaxed), wall: self.wall() }
        }
    }

    const HOUR: Duration = Duration::from_secs(3600);

    /// Clocks whose zeros are days apart.
    fn clocks() -> (Arc<Hands>, Clocks) {
        let hands = Arc::new(Hands::default());
        hands.pass(HOUR, 100 * HOUR);
        (Arc::clone(&hands), Clocks::new(hands))
    }

    fn passed(clocks: &Clocks) -> Duration {
        Duration::from_nanos(clocks.coarse().monotonic).checked_sub(100 * HOUR).unwrap()
    }

    #[test]
    fn a_sleep_counts_once_somebody_has_read_the_boot_clock() {
        let (hands, clocks) = clocks();
        for nth in 1..=3 {
            hands.pass(HOUR, Duration::ZERO);
            assert_eq!(passed(&clocks), (nth - 1) * HOUR);
            clocks.now();
            assert_eq!(passed(&clocks), nth * HOUR);
            clocks.now();
            assert_eq!(passed(&clocks), nth * HOUR, "only once");
        }
    }

    #[test]
    fn the_lag_of_a_coarse_clock_is_no_sleep() {
        let (hands, clocks) = clocks();
        for _ in 0..1_000 {
            hands.pass(Duration::from_millis(10), Duration::ZERO);
            clocks.now();
            hands.pass(Duration::ZERO, Duration::from_millis(10));
        }
        assert_eq!(passed(&clocks), Duration::from_secs(10));
    }

    #[test]
    fn many_short_sleeps_add_up() {
        let (hands, clocks) = clocks();
        for _ in 0..1_000 {
            hands.pass(Duration::from_millis(15), Duration::from_millis(10));
            clocks.now();
        }
        let lost = Duration::from_secs(15).checked_sub(passed(&clocks)).unwrap();
        assert!(lost <= Duration::from_nanos(UNNOTICED), "{lost:?}");
    }

    #[test]
    fn a_coarse_clock_that_runs_ahead_is_left_alone() {
        let (hands, clocks) = clocks();
        hands.pass(HOUR, 2 * HOUR);
        clocks.now();
        assert_eq!(passed(&clocks), 2 * HOUR);
    }
}
