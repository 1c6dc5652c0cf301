//! What is so in a world.

use std::time::Duration;

use grantry_core::{RefreshRate, Rotation};

use crate::caller::earliest_renewal;
use crate::plan::Plan;

/// What is so in a world.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts {
    /// Whether the server refuses a used token at once.
    pub(crate) is_strict: bool,
    /// For how long it takes one again, where it refuses it after that.
    pub(crate) window: Option<Duration>,
    /// Whether the store may lose what it confirmed.
    pub(crate) forgets: bool,
    /// Whether the store's clock leaps.
    pub(crate) leaps: bool,
    /// Whether processes have no lifeboat.
    pub(crate) has_no_lifeboat: bool,
    /// Whether callers get no token before the store has what came with it.
    pub(crate) waits_for_store: bool,
    /// Whether the records are looked into whenever one is written.
    pub(crate) inspects: bool,
    /// Whether nothing ever goes wrong.
    pub(crate) is_calm: bool,
    /// How long before its expiry a token is renewed at the earliest, unless somebody gave it up.
    pub(crate) early: Duration,
    /// How often one refresh token may be used, where the server bounds that.
    pub(crate) rate: Option<RefreshRate>,
}

impl Facts {
    /// What is so in a world of this plan.
    pub(crate) fn of(plan: &Plan) -> Self {
        Self {
            is_strict: !plan.forgives(),
            window: match plan.rotation {
                Rotation::Grace { window, .. } => Some(window),
                _ => None,
            },
            forgets: plan.failover,
            leaps: plan.clock_leaps,
            has_no_lifeboat: plan.no_lifeboat,
            waits_for_store: plan.after_store || plan.no_lifeboat,
            inspects: plan.inspects,
            is_calm: plan.is_calm(),
            early: if plan.managed { earliest_renewal(plan) } else { Duration::from_secs(3) },
            rate: plan.rate,
        }
    }
}
