//! How much a grant is used: counted in memory, written with the next renewal.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use grantry_core::Timestamp;
use grantry_vault::{FieldReader, FieldWriter};

const DAY: i64 = 24 * 3600;
const NEVER: i64 = i64::MIN;

/// How much a grant was used, as far as it is known: by all processes up to the last renewal, and by this one since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Usage {
    /// The UTC day on which it was used last, as its first moment.
    pub last_used: Option<Timestamp>,
    /// How many times it was used.
    pub calls: u64,
}

impl Usage {
    /// The last moment at which it may have been used on that day.
    pub fn used_until(&self) -> Option<Timestamp> {
        self.last_used.map(|day| day.after(Duration::from_secs(DAY.unsigned_abs())))
    }

    /// This and that together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { last_used: self.last_used.max(other.last_used), calls: self.calls.saturating_add(other.calls) }
    }

    pub(crate) fn write(&self, to: &mut FieldWriter) {
        to.option(self.last_used, FieldWriter::time);
        to.number(self.calls);
    }

    pub(crate) fn read(from: &mut FieldReader<'_>) -> Option<Self> {
        Some(Self { last_used: from.option(FieldReader::time)?, calls: from.number()? })
    }
}

/// Counts uses that no record knows of yet.
#[derive(Debug)]
pub(crate) struct Meter {
    calls: AtomicU64,
    day: AtomicI64,
}

impl Default for Meter {
    fn default() -> Self {
        Self { calls: AtomicU64::new(0), day: AtomicI64::new(NEVER) }
    }
}

impl Meter {
    pub(crate) fn used(&self, calls: u64, wall: Timestamp) {
        if calls > 0 {
            self.calls.fetch_add(calls, Ordering::Relaxed);
            self.day.fetch_max(wall.as_unix_seconds().div_euclid(DAY), Ordering::Relaxed);
        }
    }

    /// What is not written yet.
    pub(crate) fn pending(&self) -> Usage {
        self.usage(self.calls.load(Ordering::Relaxed))
    }

    /// Takes what is not written yet, for a write.
    pub(crate) fn take(&self) -> Usage {
        self.usage(self.calls.swap(0, Ordering::Relaxed))
    }

    /// The write did not take place.
    pub(crate) fn give_back(&self, usage: Usage) {
        self.calls.fetch_add(usage.calls, Ordering::Relaxed);
    }

    fn usage(&self, calls: u64) -> Usage {
        let day = self.day.load(Ordering::Relaxed);
        let last_used = (day != NEVER).then(|| Timestamp::from_unix_seconds(day.saturating_mul(DAY)));
        Usage { last_used, calls }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_count_once_whether_the_write_takes_place_or_not() {
        let meter = Meter::default();
        assert_eq!(meter.pending(), Usage::default());
        meter.used(3, Timestamp::from_unix_seconds(2 * DAY + 5));
        meter.used(0, Timestamp::from_unix_seconds(9 * DAY));
        let taken = meter.take();
        let day = Timestamp::from_unix_seconds(2 * DAY);
        assert_eq!(taken, Usage { last_used: Some(day), calls: 3 });
        assert_eq!(meter.pending().calls, 0);
        meter.give_back(taken);
        assert_eq!(meter.take(), taken);
        assert_eq!(taken.used_until(), Some(Timestamp::from_unix_seconds(3 * DAY)));
    }
}
