//! What is under way, so that closing can wait for it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Tasks that run to their end, whoever waits for them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks(Arc<Running>);

#[derive(Debug, Default)]
struct Running {
    count: AtomicUsize,
    is_closed: AtomicBool,
    changed: Notify,
}

/// Counts a task until it ends, also by a panic or with its runtime.
struct Counted(Tasks);

impl Tasks {
    /// Starts a task on the current runtime; not after closing.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> bool {
        self.0.count.fetch_add(1, Ordering::AcqRel);
        let counted = Counted(self.clone());
        // After the count, so that closing either sees the task or refuses it.
        if self.is_closed() {
            return false;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return false };
        runtime.spawn(async move {
            let _counted = counted;
            task.await;
        });
        true
    }

    /// Whether no task is started any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed.load(Ordering::Acquire)
    }

    /// Starts no more, and waits for those that run.
    pub(crate) async fn close(&self) {
        self.0.is_closed.store(true, Ordering::Release);
        self.0.changed.notify_waiters();
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            if self.0.count.load(Ordering::Acquire) == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Resolves when closing begins.
    pub(crate) async fn closing(&self) {
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            if self.is_closed() {
                return;
            }
            changed.await;
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.count.fetch_sub(1, Ordering::AcqRel);
        self.0.0.changed.notify_waiters();
    }
}
