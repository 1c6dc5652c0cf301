//! Hints that a record has changed.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use futures_util::FutureExt;
use std::sync::Arc;
use tokio::sync::watch;

use super::RecordKey;

/// Tells whoever waits that a record may have changed.
///
/// A hint may come without a change, may be late, and may be lost where a connection is: whoever waits for a change
/// reads again after some time by itself. Register first, then read, then wait: a change after the reading is not
/// missed.
///
/// ```
/// use grantry_vault::{ChangeHints, RecordKey, Watch};
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let hints = ChangeHints::default();
/// let key = RecordKey::parse("acme/grant/crm/user-17").unwrap();
/// let changed = hints.next_change(&key);
/// // Here the record is read; then somebody writes it.
/// hints.tell(&key);
/// changed.await;
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Watch: fmt::Debug + Send + Sync + 'static {
    /// Registers at once, and returns a future that is ready when the record may have changed since.
    fn next_change(&self, key: &RecordKey) -> ChangeHint;
}

/// Ready when a record may have changed. Dropping it is always right.
pub struct ChangeHint(Pin<Box<dyn Future<Output = ()> + Send>>);

impl ChangeHint {
    /// A hint that comes when the future ends.
    pub fn new(changed: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Box::pin(changed))
    }
}

impl Future for ChangeHint {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll_unpin(context)
    }
}

impl fmt::Debug for ChangeHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChangeHint(..)")
    }
}

/// Hands hints on inside a process: what a backend tells of its own writes, and of those that its store told it.
///
/// It remembers only keys that somebody waits for.
#[derive(Debug, Default)]
pub struct ChangeHints {
    waiting: Mutex<HashMap<RecordKey, Weak<watch::Sender<()>>>>,
}

impl ChangeHints {
    /// The record may have changed.
    pub fn tell(&self, key: &RecordKey) {
        let told = self.lock().remove(key);
        if let Some(sender) = told.and_then(|sender| sender.upgrade()) {
            sender.send_replace(());
        }
    }

    /// Any record may have changed: hints may have been lost, say with a connection.
    pub fn tell_all(&self) {
        let told: Vec<_> = self.lock().drain().filter_map(|(_, sender)| sender.upgrade()).collect();
        for sender in told {
            sender.send_replace(());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RecordKey, Weak<watch::Sender<()>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch for ChangeHints {
    fn next_change(&self, key: &RecordKey) -> ChangeHint {
        let mut waiting = self.lock();
        if waiting.len() >= 64 && waiting.len() == waiting.capacity() {
            // Before it grows: those that nobody waits for any more go.
            waiting.retain(|_, sender| sender.strong_count() > 0);
        }
        let entry = waiting.entry(key.clone()).or_default();
        let sender = entry.upgrade().unwrap_or_else(|| {
            let sender = Arc::new(watch::Sender::new(()));
            *entry = Arc::downgrade(&sender);
            sender
        });
        let mut changed = sender.subscribe();
        ChangeHint::new(async move {
            // The sender lives as long as this future does, so the channel is never closed.
            let _alive = sender;
            let _ = changed.changed().await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hint_reaches_everyone_who_registered_before_it() {
        let hints = ChangeHints::default();
        let key = RecordKey::parse("a/grant/b/c").unwrap();
        let other = RecordKey::parse("a/grant/b/d").unwrap();
        let (first, second) = (hints.next_change(&key), hints.next_change(&key));
        let unrelated = hints.next_change(&other);
        hints.tell(&key);
        first.await;
        second.await;
        assert!(unrelated.now_or_never().is_none());
        let lost = hints.next_change(&other);
        hints.tell_all();
        lost.await;
    }

    #[tokio::test]
    async fn keys_that_nobody_waits_for_are_forgotten() {
        let hints = ChangeHints::default();
        for nth in 0..10_000 {
            drop(hints.next_change(&RecordKey::parse(&format!("a/grant/b/{nth}")).unwrap()));
        }
        assert!(hints.lock().len() < 1_000);
    }
}
