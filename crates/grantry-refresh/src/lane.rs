//! How many renewals may run at once at one token endpoint.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::source::ManagedSource;

/// The lane to one token endpoint, shared by all sources that renew there.
#[derive(Debug, Clone)]
pub(crate) struct Lane(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    room: Arc<Semaphore>,
    /// Sources that were due while the lane was full, with the tick that they were booked for.
    queue: Mutex<VecDeque<(u64, Weak<ManagedSource>)>>,
}

/// A place in the lane. When it is given back, the next source that is due gets it.
#[derive(Debug)]
pub(crate) struct Slot {
    lane: Lane,
    /// Taken out on drop, before the next source asks for it.
    permit: Option<OwnedSemaphorePermit>,
}

impl Lane {
    pub(crate) fn new(width: usize) -> Self {
        Self(Arc::new(Inner { room: Arc::new(Semaphore::new(width)), queue: Mutex::default() }))
    }

    /// A place for background work, if one is free now.
    pub(crate) fn try_enter(&self) -> Option<Slot> {
        let permit = Arc::clone(&self.0.room).try_acquire_owned().ok()?;
        Some(Slot { lane: self.clone(), permit: Some(permit) })
    }

    /// A place for a renewal that a caller waits for, in the order of asking and before all background work.
    pub(crate) async fn enter(&self) -> Slot {
        // The semaphore is never closed; if it were, a renewal without a permit would still be right.
        Slot { lane: self.clone(), permit: Arc::clone(&self.0.room).acquire_owned().await.ok() }
    }

    /// Lines a source up for the next free place.
    pub(crate) fn line_up(&self, tick: u64, source: Weak<ManagedSource>) {
        self.queue().push_back((tick, source));
        // A place that was given back since it was asked for would leave the source waiting for ever.
        if self.0.room.available_permits() > 0 {
            self.call_next();
        }
    }

    fn call_next(&self) {
        let next = self.queue().pop_front();
        if let Some((tick, source)) = next
            && let Some(source) = source.upgrade()
        {
            source.due(tick);
        }
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<(u64, Weak<ManagedSource>)>> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.lane.call_next();
    }
}
