//! Where a handle's own writes become hints: for those who wait in this process, and for those in others.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grantry_vault::{ChangeHints, RecordKey, VaultError};
use tokio::sync::{Notify, oneshot};
use tokio_postgres::types::ToSql;

use crate::link::{Does, Link, Waiting};

/// Stands for every key.
pub(crate) const EVERYTHING: &str = "*";

/// How long written keys are gathered: while others listen, and while nobody does. Who begins to listen looks anyway.
const PAUSE: Duration = Duration::from_millis(5);
const IDLE_PAUSE: Duration = Duration::from_millis(50);

/// How long it waits after a failure.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How many keys are remembered; of more than that it is told that everything may have changed.
const MOST_KEYS: usize = 4096;

/// Where it is told, and by whom.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    /// The name in `LISTEN`.
    pub(crate) name: String,
    /// The lock that whoever listens holds in share.
    pub(crate) listeners: i64,
    /// This handle, so that it knows its own news.
    pub(crate) handle: String,
}

/// The hints of a handle, and what other handles still have to be told.
#[derive(Default)]
pub(crate) struct Hub {
    pub(crate) hints: ChangeHints,
    untold: Mutex<Untold>,
    wake: Notify,
    is_closed: AtomicBool,
}

#[derive(Default)]
struct Untold {
    keys: HashSet<RecordKey>,
    is_everything: bool,
}

impl Hub {
    /// After whatever may have written, those who wait look.
    pub(crate) fn tell_after<T>(&self, key: &RecordKey, done: &Result<T, VaultError>) {
        if !matches!(done, Ok(_) | Err(VaultError::InDoubt(_))) {
            return;
        }
        self.hints.tell(key);
        {
            let mut untold = self.lock();
            if !untold.is_everything {
                untold.keys.insert(key.clone());
            }
            if untold.keys.len() > MOST_KEYS {
                *untold = Untold { is_everything: true, ..Untold::default() };
            }
        }
        self.wake.notify_one();
    }

    /// Nothing more will be told; what was told so far is still handed on.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Tells the other handles, until the hub is closed. A notification within the write's own transaction would make
    /// all writers of the server wait for each other, disk included; so it comes after, for many writes at once.
    pub(crate) async fn hand_on(self: Arc<Self>, link: Link, sql: String, channel: Channel) {
        let mut pause = IDLE_PAUSE;
        loop {
            self.wake.notified().await;
            let is_closed = self.is_closed.load(Ordering::Acquire);
            if !is_closed {
                tokio::time::sleep(pause).await;
            }
            let payloads = self.take(&channel.handle);
            if !payloads.is_empty() {
                pause = match tell(&link, &sql, &channel, &payloads).await {
                    Ok(true) => PAUSE,
                    Ok(false) => IDLE_PAUSE,
                    Err(error) => {
                        tracing::debug!(
                            exception.message = %error,
                            "other processes could not be told of a change"
                        );
                        *self.lock() = Untold { is_everything: true, ..Untold::default() };
                        self.wake.notify_one();
                        PAUSE_AFTER_FAILURE
                    }
                };
            }
            if is_closed {
                break;
            }
        }
    }

    fn take(&self, handle: &str) -> Vec<String> {
        let untold = std::mem::take(&mut *self.lock());
        if untold.is_everything {
            return vec![format!("{handle} {EVERYTHING}")];
        }
        untold.keys.iter().map(|key| format!("{handle} {key}")).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Untold> {
        // Each change is whole when the lock is let go of.
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("is_closed", &self.is_closed).finish_non_exhaustive()
    }
}

/// Whether anybody listens.
async fn tell(link: &Link, sql: &str, channel: &Channel, payloads: &[String]) -> Result<bool, VaultError> {
    let (waiting, _here) = oneshot::channel();
    let parameters: [&(dyn ToSql + Sync); 4] =
        [&link.session.mark.as_str(), &channel.listeners, &channel.name, &payloads];
    let rows = link.rows(Does::Read, &mut Waiting::new(waiting), sql, &parameters).await?;
    Ok(rows.first().is_some_and(|row| row.try_get(0).unwrap_or(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_keys_it_is_told_that_everything_may_have_changed() {
        let hub = Hub::default();
        for nth in 0..MOST_KEYS {
            let key = RecordKey::parse(&format!("a/grant/b/{nth}")).unwrap();
            hub.tell_after(&key, &Ok(()));
            hub.tell_after(&key, &Ok(()));
        }
        assert_eq!(hub.take("h").len(), MOST_KEYS);
        for nth in 0..=MOST_KEYS {
            hub.tell_after(&RecordKey::parse(&format!("a/grant/b/{nth}")).unwrap(), &Ok(()));
        }
        assert_eq!(hub.take("h"), ["h *"]);
        assert!(hub.take("h").is_empty());
    }

    #[test]
    fn what_was_certainly_not_written_is_not_told() {
        let hub = Hub::default();
        let key = RecordKey::parse("a/grant/b/c").unwrap();
        hub.tell_after(&key, &Err::<(), _>(VaultError::Conflict));
        hub.tell_after(&key, &Err::<(), _>(VaultError::unavailable("x")));
        assert!(hub.take("h").is_empty());
        hub.tell_after(&key, &Err::<(), _>(VaultError::in_doubt("x")));
        assert_eq!(hub.take("h"), ["h a/grant/b/c"]);
    }
}
