//! How many renewals may run at once at one token endpoint.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The lane to one token endpoint, shared by all sources that renew there.
#[derive(Debug, Clone)]
pub(crate) struct Lane(Arc<Semaphore>);

/// A place in the lane, given back on drop.
pub(crate) type Slot = OwnedSemaphorePermit;

impl Lane {
    pub(crate) fn new(width: usize) -> Self {
        Self(Arc::new(Semaphore::new(width)))
    }

    /// A place for background work, if one is free now.
    pub(crate) fn try_enter(&self) -> Option<Slot> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }

    /// A place for a renewal that a caller waits for, in the order of asking.
    pub(crate) async fn enter(&self) -> Option<Slot> {
        // The semaphore is never closed, so `None` does not happen; a renewal without a slot is still right.
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}
