//! How many renewals may run at once at one token endpoint.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::source::ManagedSource;

/// The lane to one token endpoint, shared by all sources that renew there.
#[derive(Debug)]
pub(crate) struct Lane {
    room: Arc<Semaphore>,
    /// Tells the scheduler that a place was given back.
    freed: Arc<Notify>,
    /// Sources that were due while the lane was full, with the tick that they were booked for.
    queue: Mutex<VecDeque<(u64, Weak<ManagedSource>)>>,
}

/// A place in the lane, given back on drop. Giving it back starts nothing: that is the scheduler's to do, outside of
/// every lock and every `drop`.
#[derive(Debug)]
pub(crate) struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    freed: Arc<Notify>,
}

impl Lane {
    pub(crate) fn new(width: usize, freed: Arc<Notify>) -> Self {
        let width = width.min(Semaphore::MAX_PERMITS);
        Self { room: Arc::new(Semaphore::new(width)), freed, queue: Mutex::default() }
    }

    /// A place for background work, if one is free now.
    pub(crate) fn try_enter(&self) -> Option<Slot> {
        let permit = Arc::clone(&self.room).try_acquire_owned().ok()?;
        Some(Slot { permit: Some(permit), freed: Arc::clone(&self.freed) })
    }

    /// A place for a renewal that a caller waits for, in the order of asking and before all background work.
    pub(crate) async fn enter(&self) -> Slot {
        // The semaphore is never closed; if it were, a renewal without a permit would still be right.
        Slot { permit: Arc::clone(&self.room).acquire_owned().await.ok(), freed: Arc::clone(&self.freed) }
    }

    /// Lines a source up for the next free place.
    pub(crate) fn line_up(&self, tick: u64, source: Weak<ManagedSource>) {
        self.queue().push_back((tick, source));
        self.freed.notify_one();
    }

    /// Starts sources that stand in line while there is room for them. Called by the scheduler's loop alone.
    pub(crate) fn start_next(&self) {
        // One that finds no room lines up again, so no more are called than stand there now.
        let standing = self.queue().len();
        for _ in 0..standing {
            if self.room.available_permits() == 0 {
                return;
            }
            let next = self.queue().pop_front();
            if let Some((tick, source)) = next
                && let Some(source) = source.upgrade()
            {
                source.due(tick);
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<(u64, Weak<ManagedSource>)>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.freed.notify_one();
    }
}
