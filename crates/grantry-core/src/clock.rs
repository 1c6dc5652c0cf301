//! Three clocks, three types, and the traits that hand time and randomness in.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A moment on the boot clock of this process, in nanoseconds. It counts suspended time and never jumps.
///
/// Lifetimes and deadlines are in `Instant`: it is the clock that no person and no time server sets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The clock's zero.
    pub const ZERO: Self = Self(0);
    /// The last moment that can be named, about 584 years after the first.
    pub const MAX: Self = Self(u64::MAX);

    /// The moment `nanos` nanoseconds after the clock's zero.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's zero.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Later by `duration`, at most [`Instant::MAX`].
    #[must_use]
    pub const fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }

    /// Earlier by `duration`, at least [`Instant::ZERO`].
    #[must_use]
    pub const fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A duration in nanoseconds, at most `u64::MAX`.
const fn nanos(duration: Duration) -> u64 {
    let n = duration.as_nanos();
    // Checked on the line itself: anything larger is the largest.
    #[allow(clippy::cast_possible_truncation, reason = "the branch before rules it out")]
    if n > u64::MAX as u128 { u64::MAX } else { n as u64 }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instant({:?})", Duration::from_nanos(self.0))
    }
}

/// A moment on the wall clock, in nanoseconds since 1970-01-01 UTC. For people, logs and assertions.
///
/// It jumps when somebody sets the clock, so no lifetime is measured with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// `nanos` nanoseconds after 1970-01-01 UTC; good from 1677 to 2262.
    pub const fn from_unix_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// `seconds` after 1970-01-01 UTC, held inside 1677 to 2262.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since 1970-01-01 UTC.
    pub const fn as_unix_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01 UTC, rounded down.
    pub const fn as_unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// Later by `duration`, held inside the range.
    #[must_use]
    pub const fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(nanos(duration)))
    }

    /// Earlier by `duration`, held inside the range.
    #[must_use]
    pub const fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub_unsigned(nanos(duration)))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub const fn since(self, earlier: Self) -> Duration {
        if self.0 <= earlier.0 { Duration::ZERO } else { Duration::from_nanos(self.0.abs_diff(earlier.0)) }
    }
}

/// As RFC 3339 has it, in UTC, down to the second: `2026-11-25T21:42:28Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.as_unix_seconds();
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// The date of a day, counted from 1970-01-01 (Gregorian, also before it was).
const fn civil(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the leap day is the last of one.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + if month <= 2 { 1 } else { 0 }, month, day)
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({} s)", self.as_unix_seconds())
    }
}

/// A moment on a vault's own clock, in nanoseconds. Stored leases and expiries are in it.
///
/// Two stores' times have nothing to do with each other, nor with [`Instant`] or [`Timestamp`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreTime(u64);

impl StoreTime {
    /// `nanos` nanoseconds on the store's clock.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds on the store's clock.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Later by `duration`, at most the last moment that can be named.
    #[must_use]
    pub const fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }

    /// Earlier by `duration`, at least the clock's zero.
    #[must_use]
    pub const fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Carries a stored moment into this process: how far it lay from the store's `read_at`, added to the
    /// local reading `local` that was taken *before* the store was asked, so that the answer is never late.
    #[must_use]
    pub const fn to_local(self, read_at: Self, local: Instant) -> Instant {
        if self.0 >= read_at.0 {
            local.after(Duration::from_nanos(self.0 - read_at.0))
        } else {
            local.before(Duration::from_nanos(read_at.0 - self.0))
        }
    }
}

impl fmt::Debug for StoreTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreTime({:?})", Duration::from_nanos(self.0))
    }
}

/// A cheap reading for the fast path: the coarse monotonic clock and the coarse wall clock, at one moment.
///
/// The monotonic reading stops while the machine sleeps, the wall reading jumps when it is set; a token that
/// both call fit is fit. Where either does not, [`Clock::now`] decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "two readings, built by every clock")]
pub struct CoarseReading {
    /// Nanoseconds on the monotonic clock; the zero is the clock's own.
    pub monotonic: u64,
    /// The wall clock.
    pub wall: Timestamp,
}

/// Time as a capability: whoever needs it is handed one.
///
/// The readings of one clock belong together: [`now`](Clock::now) never runs backwards, and a token expires by
/// it alone. Implementations must not block, are called from several threads at once, and have no error to give.
/// [`SystemClock`](crate::SystemClock) reads the machine's clocks; the testkit has one that a test moves by hand.
///
/// ```
/// use grantry_core::{Clock, CoarseReading, Instant, SystemClock, Timestamp};
///
/// /// The machine's clock, with a wall clock that is ten minutes fast.
/// #[derive(Debug)]
/// struct TenMinutesFast(SystemClock);
///
/// impl Clock for TenMinutesFast {
///     fn now(&self) -> Instant {
///         self.0.now()
///     }
///     fn wall(&self) -> Timestamp {
///         self.0.wall().after(std::time::Duration::from_secs(600))
///     }
///     fn coarse(&self) -> CoarseReading {
///         CoarseReading { wall: self.wall(), ..self.0.coarse() }
///     }
/// }
/// let clock = TenMinutesFast(SystemClock::new());
/// assert!(clock.wall() > SystemClock::new().wall());
/// ```
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The boot clock: counts suspended time, never jumps.
    fn now(&self) -> Instant;
    /// The wall clock: for people, logs and assertions.
    fn wall(&self) -> Timestamp;
    /// Both in their cheap form, a few milliseconds coarse, for the fast path.
    fn coarse(&self) -> CoarseReading;
}

/// Random bytes as a capability: from the operating system, or seeded in a simulation.
///
/// Implementations must not block for long, and are called from several threads at once.
///
/// ```
/// use grantry_core::{Entropy, SystemEntropy};
/// let mut id = [0u8; 16];
/// SystemEntropy.fill(&mut id);
/// assert_ne!(id, [0u8; 16]);
/// ```
pub trait Entropy: fmt::Debug + Send + Sync + 'static {
    /// Fills `bytes`. An implementation that cannot must panic: predictable bytes are worse than none.
    fn fill(&self, bytes: &mut [u8]);
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<C: Clock + ?Sized> Clock for $pointer<C> {
            #[inline]
            fn now(&self) -> Instant {
                (**self).now()
            }
            #[inline]
            fn wall(&self) -> Timestamp {
                (**self).wall()
            }
            #[inline]
            fn coarse(&self) -> CoarseReading {
                (**self).coarse()
            }
        }

        #[deny(clippy::missing_trait_methods)]
        impl<E: Entropy + ?Sized> Entropy for $pointer<E> {
            #[inline]
            fn fill(&self, bytes: &mut [u8]) {
                (**self).fill(bytes);
            }
        }
    )*};
}
forward!(Arc, Box);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_rfc_3339_has_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_795_642_948, "2026-11-25T21:42:28Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (i64::MAX, "2262-04-11T23:47:16Z"),
            (i64::MIN, "1677-09-21T00:12:43Z"),
        ] {
            assert_eq!(Timestamp::from_unix_seconds(seconds).to_string(), text);
        }
    }

    /// A clock that stands still, and bytes that are all the same.
    #[derive(Debug)]
    struct Still;

    impl Clock for Still {
        fn now(&self) -> Instant {
            Instant::from_nanos(1)
        }
        fn wall(&self) -> Timestamp {
            Timestamp::from_unix_nanos(2)
        }
        fn coarse(&self) -> CoarseReading {
            CoarseReading { monotonic: 3, wall: self.wall() }
        }
    }

    impl Entropy for Still {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(4);
        }
    }

    #[test]
    fn a_shared_clock_is_a_clock_and_shared_entropy_is_entropy() {
        fn readings(clock: impl Clock) -> (Instant, Timestamp, CoarseReading) {
            (clock.now(), clock.wall(), clock.coarse())
        }
        fn bytes(entropy: impl Entropy) -> [u8; 2] {
            let mut bytes = [0; 2];
            entropy.fill(&mut bytes);
            bytes
        }
        let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (Arc::new(Still), Arc::new(Still));
        assert_eq!(readings(Arc::clone(&clock)), readings(Still));
        assert_eq!(readings(Box::new(clock)), readings(Still));
        assert_eq!((bytes(Arc::clone(&entropy)), bytes(Box::new(entropy))), ([4; 2], [4; 2]));
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        assert_eq!(Instant::MAX.after(Duration::MAX), Instant::MAX);
        assert_eq!(Instant::ZERO.before(Duration::MAX), Instant::ZERO);
        assert_eq!(Instant::ZERO.since(Instant::MAX), Duration::ZERO);
        assert_eq!(Timestamp::from_unix_seconds(i64::MAX).after(Duration::MAX).as_unix_nanos(), i64::MAX);
        assert_eq!(Timestamp::from_unix_seconds(-1).as_unix_seconds(), -1);
    }

    #[test]
    fn a_stored_moment_keeps_its_distance_when_carried_over() {
        let local = Instant::from_nanos(1_000);
        let read_at = StoreTime::from_nanos(50);
        assert_eq!(StoreTime::from_nanos(80).to_local(read_at, local), Instant::from_nanos(1_030));
        assert_eq!(StoreTime::from_nanos(20).to_local(read_at, local), Instant::from_nanos(970));
    }
}
