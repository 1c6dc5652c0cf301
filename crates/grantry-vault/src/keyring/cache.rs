//! Unwrapped keys, for a bounded time and in a bounded number.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Mutex as AsyncMutex;

use super::TenantKeys;

/// The keys of a tenant, behind a lock that one loader holds while the others wait for it.
pub(crate) type Slot = Arc<AsyncMutex<Option<Arc<TenantKeys>>>>;

/// Unwrapped keys by tenant. How old they may get is the keys' own matter; how many there are is this one's.
#[derive(Debug)]
pub(crate) struct KeyCache {
    slots: Mutex<HashMap<String, (Slot, u64)>>,
    most: usize,
    uses: std::sync::atomic::AtomicU64,
}

impl KeyCache {
    /// Keeps the keys of `most` tenants at most, those that were used last.
    pub(crate) fn new(most: usize) -> Self {
        Self { slots: Mutex::default(), most: most.max(1), uses: 0.into() }
    }

    /// The place of a tenant's keys, made if need be.
    pub(crate) fn slot(&self, tenant: &str) -> Slot {
        let use_number = self.uses.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((slot, used)) = slots.get_mut(tenant) {
            *used = use_number;
            return Arc::clone(slot);
        }
        if slots.len() >= self.most {
            // Seldom, and a tenth at a time: those that were used longest ago.
            let mut ages: Vec<u64> = slots.values().map(|(_, used)| *used).collect();
            ages.sort_unstable();
            let oldest = ages.get(self.most / 10).copied().unwrap_or(u64::MAX);
            slots.retain(|_, (_, used)| *used > oldest);
        }
        let slot = Slot::default();
        slots.insert(tenant.to_owned(), (Arc::clone(&slot), use_number));
        slot
    }

    /// Forgets a tenant's keys. Whoever uses them at this moment still does.
    pub(crate) fn forget(&self, tenant: &str) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(tenant);
    }

    /// Forgets all keys that are too old, so that they are not in memory longer than they may be.
    pub(crate) fn forget_old(&self) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, (slot, _)| {
            // A slot that is locked is being loaded.
            slot.try_lock().map_or(true, |keys| keys.as_ref().is_some_and(|keys| keys.are_fresh()))
        });
    }
}
