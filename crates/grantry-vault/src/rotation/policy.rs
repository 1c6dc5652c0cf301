//! How often, how fast, how carefully.

use std::time::Duration;

use grantry_core::Error;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// When keys are rotated, and at which pace.
///
/// ```
/// use std::time::Duration;
/// use grantry_vault::RotationPolicy;
/// let policy = RotationPolicy::default().every(Duration::from_secs(30 * 24 * 3600)).records_per_second(500);
/// assert_eq!(policy.warn_at(), Duration::from_secs(25 * 24 * 3600));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationPolicy {
    pub(super) every: Duration,
    pub(super) warn_before: Duration,
    pub(super) distribution: Duration,
    pub(super) hold: Duration,
    pub(super) lease: Duration,
    pub(super) records_per_second: u32,
    pub(super) counts_first: bool,
}

impl Default for RotationPolicy {
    /// Every 90 days, with a warning from day 85 on; keys that nothing names are held a week; 1,000 records a second.
    fn default() -> Self {
        Self {
            every: DAY * 90,
            warn_before: DAY * 5,
            distribution: Duration::ZERO,
            hold: DAY * 7,
            lease: Duration::from_secs(60),
            records_per_second: 1_000,
            counts_first: false,
        }
    }
}

impl RotationPolicy {
    /// At which age a key is exchanged. Zero rotates everything at the next run.
    #[must_use]
    pub fn every(self, every: Duration) -> Self {
        Self { every, ..self }
    }

    /// How long before that age its nearness is reported.
    #[must_use]
    pub fn warn_before(self, warn_before: Duration) -> Self {
        Self { warn_before, ..self }
    }

    /// How long a new version of the provider's key waits before it is used, so that it can be brought to every machine:
    /// none by default, which is right for keys that all machines share.
    #[must_use]
    pub fn distribution(self, distribution: Duration) -> Self {
        Self { distribution, ..self }
    }

    /// How long a key is kept after nothing names it any more. It has to be far longer than any process may stand
    /// still in the midst of a write: what is sealed under a key that is gone is lost. At least twice as long as
    /// unwrapped keys may be in memory, or the rotation is refused.
    #[must_use]
    pub fn hold(self, hold: Duration) -> Self {
        Self { hold, ..self }
    }

    /// For how long keys that nothing names any more are kept.
    #[must_use]
    pub fn held_for(&self) -> Duration {
        self.hold
    }

    /// How many records the sweep seals anew in a second, at most.
    #[must_use]
    pub fn records_per_second(self, records_per_second: u32) -> Self {
        Self { records_per_second: records_per_second.max(1), ..self }
    }

    /// Whether records are counted before the sweep, so that its progress can say of how many. That reads all of them
    /// once more.
    #[must_use]
    pub fn counts_first(self, counts_first: bool) -> Self {
        Self { counts_first, ..self }
    }

    /// How long the lease of the process that rotates holds without being renewed: a minute by default. So long does
    /// nobody go on where one was killed.
    #[must_use]
    pub fn lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// The age from which a key is reported.
    pub fn warn_at(&self) -> Duration {
        self.every.saturating_sub(self.warn_before)
    }

    /// Refuses a hold time that is too short for keys that may be in memory for so long.
    pub(crate) fn check(&self, in_memory: Duration) -> Result<(), Error> {
        if self.hold < in_memory * 2 {
            return Err(Error::configuration(format!(
                "the hold time of keys is {:?}: it has to be at least twice the {in_memory:?} for which they may be in \
                 memory, because what is sealed under a key that is gone is lost",
                self.hold
            )));
        }
        Ok(())
    }
}
