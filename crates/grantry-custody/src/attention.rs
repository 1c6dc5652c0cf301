//! Since when this process has looked at a grant without a pause.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use grantry_core::{Instant, StoreTime};

/// Remembers when a grant was read last, and since when that went on without a long pause.
///
/// A machine that slept wakes with all that runs on it: the owner, which has the successor in its hands, and whoever finds its
/// lease over. So whoever has not looked for a while looks twice, with an allowance in between, before it takes the owner
/// for gone.
#[derive(Debug, Default)]
pub(crate) struct Attention(Mutex<Option<Seen>>);

#[derive(Debug, Clone, Copy)]
struct Seen {
    last: Instant,
    since: StoreTime,
}

impl Attention {
    /// The grant was read at a moment of the boot clock, which is that one of the store's. Gives since when it has been, with
    /// no pause that is longer than `pause`.
    pub(crate) fn look(&self, at: Instant, now: StoreTime, pause: Duration) -> StoreTime {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = seen.filter(|seen| at.since(seen.last) <= pause).map_or(now, |seen| seen.since);
        let last = seen.map_or(at, |seen| seen.last.max(at));
        *seen = Some(Seen { last, since });
        since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_begins_anew_and_readings_that_come_late_do_not() {
        let attention = Attention::default();
        let since = |second: u64| {
            let seconds = Duration::from_secs(second);
            let since = attention.look(
                Instant::ZERO.after(seconds),
                StoreTime::from_nanos(0).after(seconds),
                Duration::from_secs(11),
            );
            since.since(StoreTime::from_nanos(0)).as_secs()
        };
        assert_eq!([100, 105, 116, 110, 127].map(since), [100; 5]);
        assert_eq!([139, 144].map(since), [139; 2]);
    }
}
