//! Looking at a source without asking it for a token.

use std::sync::atomic::Ordering;
use std::time::Duration;

use grantry_core::{Error, Instant};

use super::ManagedSource;
use crate::{Condition, Health};

impl ManagedSource {
    /// A snapshot of how the source is doing. It holds nothing secret and changes nothing.
    pub fn health(&self) -> Health {
        let now = self.profile.clock.now();
        let monotonic = self.profile.clock.coarse().monotonic;
        let state = self.lock();
        let held = self.held.token();
        let condition = match held.as_ref() {
            None => Condition::Empty,
            Some(token) if !token.is_fit(now) => Condition::Expired,
            // A failure moves the next attempt, not the moment from which it was due.
            Some(_) if now >= state.renew_at || state.failure().is_some() => Condition::Due,
            Some(_) => Condition::Fresh,
        };
        let failure = state.failure();
        let shards = self.shards.load_full();
        let tallies = || {
            let shards = shards.iter().flat_map(|shards| shards.tallies());
            let near = state.unusual().and_then(|u| u.near.as_ref()).map(|near| &*near.tally);
            std::iter::once(&self.tally).chain(near).chain(shards)
        };
        let last = tallies().filter_map(|tally| tally.last()).max();
        Health {
            key: self.key.clone(),
            condition,
            fit_for: held.as_ref().and_then(|token| token.expires()).map(|at| at.since(now)),
            renewal_at: (state.renew_at != Instant::MAX && state.renew_at > now).then_some(state.renew_at),
            renewing: state.flight().is_some(),
            waiting: state.flight().map_or(0, |flight| flight.waiting()),
            last_error: failure.map(|failed| Error::clone(failed.error)),
            retry_at: failure.map(|failed| failed.retry_at),
            hits: tallies().map(|tally| tally.hits()).sum(),
            last_used: last.map(|last| Duration::from_nanos(monotonic.saturating_sub(last))),
            renewals: self.renewals.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
        }
    }
}
