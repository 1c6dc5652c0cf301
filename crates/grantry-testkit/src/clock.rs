//! A clock that a test moves by hand.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use grantry_core::{Clock, CoarseReading, Instant, Timestamp};

/// Where the boot clock of a new [`ManualClock`] stands: 1,000 s after boot.
const BOOT: Duration = Duration::from_secs(1_000);
/// Where its wall clock stands: 2026-01-01T00:00:00Z.
const WALL: i64 = 1_767_225_600;

/// A clock that stands still until a test moves it. Clones move together.
///
/// A new one reads 1,000 s after boot and 2026-01-01T00:00:00Z on the wall, always.
///
/// ```
/// use std::time::Duration;
/// use grantry_core::Clock;
/// use grantry_testkit::ManualClock;
///
/// let clock = ManualClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now().since(before), Duration::from_secs(60));
///
/// // The machine sleeps for an hour: the monotonic clock does not see it.
/// let coarse = clock.coarse();
/// clock.suspend(Duration::from_secs(3600));
/// assert_eq!(clock.coarse().monotonic, coarse.monotonic);
/// assert_eq!(clock.now().since(before), Duration::from_secs(3660));
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock {
    readings: Arc<Mutex<Readings>>,
    follows: Option<tokio::time::Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Readings {
    boot: Instant,
    monotonic: Instant,
    wall: Timestamp,
}

impl Readings {
    fn later(self, by: Duration) -> Self {
        Self { boot: self.boot.after(by), monotonic: self.monotonic.after(by), wall: self.wall.after(by) }
    }
}

impl ManualClock {
    /// A clock that only the test moves.
    pub fn new() -> Self {
        let boot = Instant::ZERO.after(BOOT);
        let readings = Readings { boot, monotonic: boot, wall: Timestamp::from_unix_seconds(WALL) };
        Self { readings: Arc::new(Mutex::new(readings)), follows: None }
    }

    /// A clock that goes along with tokio's, besides being moved by hand. On a runtime with paused time, which
    /// jumps to the next timer whenever every task waits, clock and timers stay together by themselves.
    #[allow(clippy::disallowed_methods, reason = "tokio's clock is the one that it follows")]
    pub fn following_tokio() -> Self {
        Self { follows: Some(tokio::time::Instant::now()), ..Self::new() }
    }

    /// Time passes: boot, monotonic and wall clock all move on.
    pub fn advance(&self, by: Duration) {
        self.change(|r| r.later(by));
    }

    /// The machine sleeps: boot and wall clock move on, the monotonic clock does not.
    pub fn suspend(&self, by: Duration) {
        self.change(|r| Readings { monotonic: r.monotonic, ..r.later(by) });
    }

    /// Somebody sets the wall clock, forwards or back. The other two do not move.
    pub fn set_wall(&self, wall: Timestamp) {
        let passed = self.passed();
        self.change(|r| Readings { wall: wall.before(passed), ..r });
    }

    /// Time passes for this clock and for tokio's paused timers, in one jump: every timer due inside `by`
    /// fires, and all of them see the later time.
    ///
    /// Only with [`InMemoryTransport`](crate::InMemoryTransport): paused time jumps to the next timer whenever
    /// every task waits, also while a socket is pending, so that timeouts fire at once.
    ///
    /// # Panics
    /// Where tokio's time is not paused.
    #[cfg(any(test, feature = "paused-time"))]
    pub async fn advance_with_tokio(&self, by: Duration) {
        if self.follows.is_none() {
            self.advance(by);
        }
        tokio::time::advance(by).await;
    }

    /// The same in steps, so that a task that sleeps again and again wakes at each of its times.
    ///
    /// # Panics
    /// Where tokio's time is not paused.
    #[cfg(any(test, feature = "paused-time"))]
    pub async fn advance_with_tokio_by_steps(&self, by: Duration, step: Duration) {
        // A step of nothing would never arrive.
        let step = step.max(Duration::from_nanos(1));
        let mut left = by;
        while !left.is_zero() {
            let next = left.min(step);
            self.advance_with_tokio(next).await;
            left -= next;
        }
    }

    fn change(&self, change: impl FnOnce(Readings) -> Readings) {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        *readings = change(*readings);
    }

    /// What tokio's clock adds.
    fn passed(&self) -> Duration {
        self.follows.map_or(Duration::ZERO, |start| start.elapsed())
    }

    fn read(&self) -> Readings {
        let readings = *self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        readings.later(self.passed())
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.read().boot
    }

    fn wall(&self) -> Timestamp {
        self.read().wall
    }

    fn coarse(&self) -> CoarseReading {
        let readings = self.read();
        CoarseReading { monotonic: readings.monotonic.as_nanos(), wall: readings.wall }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn clones_move_together_and_start_at_a_fixed_time() {
        let clock = ManualClock::new();
        clock.clone().advance(MINUTE);
        assert_eq!(clock.now(), ManualClock::new().now().after(MINUTE));
        assert_eq!(clock.wall().as_unix_seconds(), WALL + 60);
    }

    #[test]
    fn setting_the_wall_clock_back_moves_nothing_else() {
        let clock = ManualClock::new();
        let (now, coarse) = (clock.now(), clock.coarse());
        clock.set_wall(Timestamp::from_unix_seconds(0));
        assert_eq!(clock.now(), now);
        assert_eq!(clock.coarse().monotonic, coarse.monotonic);
        assert_eq!(clock.wall().as_unix_seconds(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_following_clock_moves_with_paused_timers() {
        let clock = ManualClock::following_tokio();
        let before = clock.now();
        tokio::time::sleep(MINUTE).await;
        assert!(clock.now().since(before) >= MINUTE);
        clock.set_wall(Timestamp::from_unix_seconds(5));
        assert_eq!(clock.wall().as_unix_seconds(), 5);
        clock.suspend(MINUTE);
        assert!(clock.now().since(before) >= 2 * MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn clock_and_timers_advance_together() {
        for clock in [ManualClock::new(), ManualClock::following_tokio()] {
            let before = clock.now();
            let timer = tokio::spawn(tokio::time::sleep(MINUTE));
            clock.advance_with_tokio_by_steps(2 * MINUTE, Duration::from_secs(7)).await;
            assert!(timer.is_finished());
            assert_eq!(clock.now().since(before), 2 * MINUTE);
        }
    }
}
