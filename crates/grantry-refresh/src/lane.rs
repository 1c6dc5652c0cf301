//! How many renewals may run at once at one token endpoint.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::lanes::Calls;
use crate::source::ManagedSource;

/// The lane to one token endpoint, shared by all sources that renew there.
#[derive(Debug)]
pub(crate) struct Lane {
    room: Arc<Semaphore>,
    /// Tells the scheduler which lanes it has to look at.
    calls: Arc<Calls>,
    line: Mutex<Line>,
}

/// Sources that were due while the lane was full.
#[derive(Debug, Default)]
struct Line {
    /// Each with the tick that it was booked for.
    sources: VecDeque<(u64, Weak<ManagedSource>)>,
    /// Whether the scheduler is told of the lane already, and has not looked yet.
    called: bool,
}

/// A place in the lane, given back on drop. Giving it back starts nothing: that is the scheduler's to do, outside of
/// every lock and every `drop`.
#[derive(Debug)]
pub(crate) struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    lane: Arc<Lane>,
}

impl Lane {
    pub(crate) fn new(width: usize, calls: Arc<Calls>) -> Self {
        let width = width.min(Semaphore::MAX_PERMITS);
        Self { room: Arc::new(Semaphore::new(width)), calls, line: Mutex::default() }
    }

    /// A place for background work, if one is free now.
    pub(crate) fn try_enter(self: &Arc<Self>) -> Option<Slot> {
        let permit = Arc::clone(&self.room).try_acquire_owned().ok()?;
        Some(Slot { permit: Some(permit), lane: Arc::clone(self) })
    }

    /// A place for a renewal that a caller waits for, in the order of asking and before all background work.
    pub(crate) async fn enter(self: &Arc<Self>) -> Slot {
        // Made first: a place may fall to one who gives up waiting at that moment, and then goes to the next.
        let mut slot = Slot { permit: None, lane: Arc::clone(self) };
        // The semaphore is never closed; if it were, a renewal without a permit would still be right.
        slot.permit = Arc::clone(&self.room).acquire_owned().await.ok();
        slot
    }

    /// Lines a source up for the next free place.
    pub(crate) fn line_up(self: &Arc<Self>, tick: u64, source: Weak<ManagedSource>) {
        self.line().sources.push_back((tick, source));
        // A place may have become free since the source found none.
        self.call();
    }

    /// Starts sources that stand in line while there is room for them. Called by the scheduler's loop alone.
    pub(crate) fn start_next(&self) {
        // One that finds no room lines up again, so no more are called than stand there now.
        let standing = {
            let mut line = self.line();
            line.called = false;
            line.sources.len()
        };
        for _ in 0..standing {
            // Whoever gives the next place back calls again.
            if self.room.available_permits() == 0 {
                return;
            }
            let next = self.line().sources.pop_front();
            if let Some((tick, source)) = next
                && let Some(source) = source.upgrade()
            {
                source.due(tick);
            }
        }
    }

    /// Has the scheduler look, if anybody stands in line.
    fn call(self: &Arc<Self>) {
        {
            let mut line = self.line();
            if line.called || line.sources.is_empty() {
                return;
            }
            line.called = true;
        }
        self.calls.add(self);
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.lane.call();
    }
}
