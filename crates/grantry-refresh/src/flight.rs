//! A renewal in flight, and those who wait for it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// One episode of renewal: its attempts, one after the other, until one succeeds or none is left.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    /// How many attempts have ended; the episode's end counts as one more.
    ended: AtomicU32,
    waiting: AtomicU32,
    wake: Notify,
    /// Whether the task ended without a result: its runtime went.
    cut_off: AtomicBool,
    /// Has a pause look at the clock. What comes while no pause goes on is there for the next one.
    hurry: Notify,
}

/// Why waiting came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// As many callers wait as may.
    Full,
    /// The caller's patience is over.
    OutOfPatience,
}

impl Flight {
    /// The task ended without a result.
    pub(crate) fn cut_off(&self) {
        self.cut_off.store(true, Ordering::Release);
    }

    /// Whether the task ended without a result.
    pub(crate) fn was_cut_off(&self) -> bool {
        self.cut_off.load(Ordering::Acquire)
    }

    /// Somebody asks after the time of the next attempt has come: a pause that still goes on finds that it has.
    pub(crate) fn hurry(&self) {
        self.hurry.notify_one();
    }

    /// Resolves when somebody is in a hurry.
    pub(crate) fn hurried(&self) -> Notified<'_> {
        self.hurry.notified()
    }

    /// How many attempts have ended.
    pub(crate) fn ended(&self) -> u32 {
        self.ended.load(Ordering::Acquire)
    }

    /// How many callers wait.
    pub(crate) fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// An attempt, or the whole episode, has ended: everyone looks again.
    pub(crate) fn attempt_ended(&self) {
        self.ended.fetch_add(1, Ordering::AcqRel);
        self.wake.notify_waiters();
    }

    /// Waits until more than `seen` attempts have ended.
    ///
    /// Dropping the future gives up the place in the queue and nothing else.
    pub(crate) async fn wait(&self, seen: u32, most: u32, patience: Duration) -> Result<(), NoAnswer> {
        let _place = Place::take(&self.waiting, most).ok_or(NoAnswer::Full)?;
        let mut woken = std::pin::pin!(self.wake.notified());
        woken.as_mut().enable();
        if self.ended() != seen {
            return Ok(());
        }
        tokio::time::timeout(patience, woken).await.map_err(|_| NoAnswer::OutOfPatience)
    }
}

/// A place in the queue, given back on drop.
struct Place<'a>(&'a AtomicU32);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicU32, most: u32) -> Option<Self> {
        if waiting.fetch_add(1, Ordering::Relaxed) >= most {
            waiting.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Self(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
