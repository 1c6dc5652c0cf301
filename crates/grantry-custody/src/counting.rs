//! What goes through the `metrics` crate: what happens to stored grants, and how they are. Names of tenants and accounts stay
//! out of it, for there is no end of them.

use std::time::Duration;

use grantry_core::{Event, Timestamp};

use crate::{GrantHealth, HealthState};

/// How the grants of one look are, by state, and when the first of them needs a person.
#[derive(Debug, Default)]
pub(crate) struct Census {
    grants: [u32; HealthState::ALL.len()],
    first_person: Option<Duration>,
}

impl Census {
    /// Whether anybody counts: otherwise nothing is worth computing.
    pub(crate) const COUNTS: bool = cfg!(feature = "metrics");

    /// One more grant.
    pub(crate) fn add(&mut self, health: &GrantHealth, now: Timestamp) {
        for (state, grants) in HealthState::ALL.iter().zip(&mut self.grants) {
            *grants += u32::from(*state == health.state);
        }
        if let Some(needed) = health.person_needed_unless_used() {
            let left = needed.since(now);
            self.first_person = Some(self.first_person.map_or(left, |first| first.min(left)));
        }
    }

    /// Gives the numbers out.
    #[cfg(feature = "metrics")]
    pub(crate) fn publish(&self) {
        for (state, grants) in HealthState::ALL.iter().zip(self.grants) {
            metrics::gauge!("grantry_grants", "state" => state.as_str()).set(grants);
        }
        // Without a limit that is known there is no such moment.
        let left = self.first_person.map_or(f64::INFINITY, |left| left.as_secs_f64());
        metrics::gauge!("grantry_person_needed_seconds").set(left);
    }

    #[cfg(not(feature = "metrics"))]
    pub(crate) fn publish(&self) {}
}

/// Something happened to a stored grant.
#[cfg(feature = "metrics")]
pub(crate) fn happened(event: &Event) {
    metrics::counter!("grantry_custody_events_total", "event" => event.name()).increment(1);
}

#[cfg(not(feature = "metrics"))]
pub(crate) fn happened(_event: &Event) {}

/// A renewal brought another scope than the token before it had.
#[cfg(feature = "metrics")]
pub(crate) fn scope_changed() {
    metrics::counter!("grantry_custody_events_total", "event" => "scope_changed").increment(1);
}

#[cfg(not(feature = "metrics"))]
pub(crate) fn scope_changed() {}

/// So many revocations wait to be finished by this process.
#[cfg(feature = "metrics")]
pub(crate) fn revocations_waiting(count: usize) {
    metrics::gauge!("grantry_revocations_waiting").set(u32::try_from(count).unwrap_or(u32::MAX));
}

#[cfg(not(feature = "metrics"))]
pub(crate) fn revocations_waiting(_count: usize) {}
