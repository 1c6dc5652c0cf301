//! The keys of one tenant in memory.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Clock, Instant};

use crate::keys::TenantKey;

/// The unwrapped keys of one tenant. They are zeroized when the last user drops them.
pub(crate) struct TenantKeys {
    /// By number, the active one last.
    epochs: Vec<(u32, TenantKey)>,
    active: (u32, TenantKey),
    loaded: Instant,
    most_age: Duration,
    clock: Arc<dyn Clock>,
}

impl TenantKeys {
    /// `active` seals and opens, `opening` only open. `loaded` is when their loading began.
    pub(crate) fn new(
        active: (u32, TenantKey),
        opening: Vec<(u32, TenantKey)>,
        loaded: Instant,
        most_age: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { epochs: opening, active, loaded, most_age, clock }
    }

    /// The key that seals, with its number.
    pub(crate) fn active(&self) -> (u32, &TenantKey) {
        (self.active.0, &self.active.1)
    }

    /// The key of an epoch.
    pub(crate) fn of_epoch(&self, number: u32) -> Option<&TenantKey> {
        if self.active.0 == number {
            return Some(&self.active.1);
        }
        self.epochs.iter().find(|(epoch, _)| *epoch == number).map(|(_, key)| key)
    }

    /// Whether they are young enough to be handed out.
    pub(crate) fn are_fresh(&self) -> bool {
        self.age() < self.most_age
    }

    /// Whether they are young enough to write with. A write that began while they were fresh may still be made: what
    /// it needs was prepared before anything was sent. But keys that are much older may have been retired meanwhile,
    /// and what is sealed under a retired key is lost.
    pub(crate) fn may_write(&self) -> bool {
        self.age() < self.most_age * 2
    }

    fn age(&self) -> Duration {
        self.clock.now().since(self.loaded)
    }
}

impl fmt::Debug for TenantKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantKeys(epoch {}, {} older, [redacted])", self.active.0, self.epochs.len())
    }
}
