//! The machine's own clocks and randomness: the one file of this crate that asks the operating system.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Clock, CoarseReading, Entropy, Instant, Timestamp};

/// The machine's clocks.
///
/// On Linux and Android [`now`](Clock::now) is the boot clock, which goes on while the machine sleeps; elsewhere it is
/// the system's monotonic clock, which may stand still meanwhile: a token that expired in the machine's sleep is then
/// found out when a resource server refuses it.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct SystemClock;

impl SystemClock {
    /// The machine's clocks.
    pub const fn new() -> Self {
        Self
    }
}

#[cfg(unix)]
mod read {
    use rustix::time::{ClockId, Timespec, clock_gettime};

    /// Nanoseconds of a reading; zero for what lies before the clock's own zero.
    #[inline]
    fn unsigned(time: Timespec) -> u64 {
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
        seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
    }

    #[inline]
    fn signed(time: Timespec) -> i64 {
        #[allow(clippy::useless_conversion, reason = "the fields' widths differ between platforms")]
        let (seconds, nanos) = (i64::from(time.tv_sec), i64::try_from(time.tv_nsec).unwrap_or(0));
        seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    mod ids {
        use super::ClockId;
        pub(super) const BOOT: ClockId = ClockId::Boottime;
        pub(super) const COARSE: ClockId = ClockId::MonotonicCoarse;
        pub(super) const WALL_COARSE: ClockId = ClockId::RealtimeCoarse;
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    mod ids {
        use super::ClockId;
        pub(super) const BOOT: ClockId = ClockId::Monotonic;
        pub(super) const COARSE: ClockId = ClockId::Monotonic;
        pub(super) const WALL_COARSE: ClockId = ClockId::Realtime;
    }

    pub(super) fn boot() -> u64 {
        unsigned(clock_gettime(ids::BOOT))
    }
    #[inline]
    pub(super) fn monotonic_coarse() -> u64 {
        unsigned(clock_gettime(ids::COARSE))
    }
    #[inline]
    pub(super) fn wall_coarse() -> i64 {
        signed(clock_gettime(ids::WALL_COARSE))
    }
}

#[cfg(not(unix))]
#[allow(clippy::disallowed_methods, reason = "this is the clock that everyone else is handed")]
mod read {
    use std::sync::OnceLock;
    use std::time::Instant;

    static START: OnceLock<Instant> = OnceLock::new();

    pub(super) fn boot() -> u64 {
        let start = *START.get_or_init(Instant::now);
        u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
    #[inline]
    pub(super) fn monotonic_coarse() -> u64 {
        boot()
    }
    pub(super) fn wall_coarse() -> i64 {
        super::wall()
    }
}

/// Nanoseconds since 1970, asked for as the rest of the process asks, TLS among it: through the C library where there is
/// one. Whoever shows a process another time (libfaketime) stands there, and shows it to all of it.
#[allow(clippy::disallowed_methods, reason = "this is the clock that everyone else is handed")]
fn wall() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |n| -n),
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::from_nanos(read::boot())
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_unix_nanos(wall())
    }

    #[inline]
    fn coarse(&self) -> CoarseReading {
        CoarseReading {
            monotonic: read::monotonic_coarse(),
            wall: Timestamp::from_unix_nanos(read::wall_coarse()),
        }
    }
}

/// The operating system's random bytes.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs, reason = "it holds nothing, and never will")]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[allow(
        clippy::expect_used,
        reason = "predictable bytes are worse than none: the trait asks for a panic"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_move_forward_together() {
        let clock = SystemClock::new();
        let (now, coarse, wall) = (clock.now(), clock.coarse(), clock.wall());
        assert!(clock.now() >= now);
        assert!(clock.coarse().monotonic >= coarse.monotonic);
        assert!(wall.as_unix_seconds() > 1_700_000_000, "the machine's clock is not set");
    }
}
