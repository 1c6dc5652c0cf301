//! How far each sink has come, and waiting for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// How many lines of the chain each sink has taken. Clones are the same.
///
/// Those who wait are woken in the order in which they came; tokio's own channel for this wakes them at random, and a
/// simulation has to come again with its seed.
#[derive(Debug, Clone)]
pub(crate) struct Progress(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    reached: Mutex<Vec<Reached>>,
    changed: Notify,
}

#[derive(Debug, Clone, Copy)]
struct Reached {
    durable: bool,
    lines: u64,
}

impl Progress {
    /// Nothing taken yet, by sinks that are durable or not.
    pub(crate) fn new(sinks: impl Iterator<Item = bool>) -> Self {
        let reached = sinks.map(|durable| Reached { durable, lines: 0 }).collect();
        Self(Arc::new(Shared { reached: Mutex::new(reached), changed: Notify::new() }))
    }

    /// A sink has taken the first `lines` lines.
    pub(crate) fn reached(&self, sink: usize, lines: u64) {
        if let Some(reached) = self.lock().get_mut(sink) {
            reached.lines = reached.lines.max(lines);
        }
        self.0.changed.notify_waiters();
    }

    /// How many lines are in a durable sink.
    pub(crate) fn durable(&self) -> u64 {
        self.lock().iter().filter(|r| r.durable).map(|r| r.lines).max().unwrap_or(0)
    }

    /// How many lines every sink has taken.
    pub(crate) fn everywhere(&self) -> u64 {
        self.lock().iter().map(|r| r.lines).min().unwrap_or(0)
    }

    /// Waits until that is so. Dropping the future leaves nothing behind.
    pub(crate) async fn until(&self, is: impl Fn(&Self) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            if is(self) {
                return;
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Reached>> {
        self.0.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
