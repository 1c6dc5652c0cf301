//! The key provider.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::Clock;
use grantry_vault::{
    KeyContext, KeyError, KeyId, KeyProvider, KeyRotation, KeyVersion, LocalKeySet, TenantKey, WrappedKey,
};
use tokio::sync::{Semaphore, oneshot};

use crate::builder::KeychainKeyBuilder;
use crate::entry::Entry;
use crate::lock::lock;

/// The key of a vault, in the keychain of the operating system.
///
/// Its calls need a tokio runtime with its timer. Each runs on a thread of its own, one after the other, and ends within the
/// patience; a call that was given up goes on by itself, and what it was to change may have been changed.
#[derive(Debug)]
pub struct KeychainKey {
    shared: Arc<Shared>,
    patience: Duration,
    /// One call at a time: a keychain that asks its person does not ask them twice.
    turn: Arc<Semaphore>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) entry: Entry,
    pub(crate) lock: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
}

impl KeychainKey {
    /// Begins with the name of the entry, 1 to 64 characters of `[A-Za-z0-9._-]`, which each vault has for itself, and a file by
    /// which the processes of this machine change it one at a time: the same for all of them, in a folder that others cannot
    /// write to.
    pub fn builder(name: impl Into<String>, lock_file: impl Into<PathBuf>) -> KeychainKeyBuilder {
        KeychainKeyBuilder::new(name.into(), lock_file.into())
    }

    pub(crate) fn new(shared: Shared, patience: Duration) -> Self {
        Self { shared: Arc::new(shared), patience, turn: Arc::new(Semaphore::new(1)) }
    }

    pub(crate) async fn begin(&self, create_if_missing: bool) -> Result<(), KeyError> {
        self.call(move |shared| match shared.entry.keys_if_any()? {
            Some(_) => Ok(()),
            None if create_if_missing => shared.create(),
            None => shared.entry.keys().map(drop),
        })
        .await
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, KeyError> + Send + 'static,
    ) -> Result<T, KeyError> {
        let waited = tokio::time::timeout(self.patience, async {
            let turn = Arc::clone(&self.turn).acquire_owned().await;
            let (done, result) = oneshot::channel();
            let shared = Arc::clone(&self.shared);
            // Not one of the runtime's, which would not end before the keychain's person has come back.
            let thread = std::thread::Builder::new().name("grantry-keychain".to_owned()).spawn(move || {
                let worked = work(&shared);
                drop(turn);
                // Whoever gave up does not want to know.
                let _ = done.send(worked);
            });
            thread.map_err(|error| {
                KeyError::unavailable(format!("no thread can be started: {}", error.kind()))
            })?;
            result
                .await
                .unwrap_or_else(|_| Err(KeyError::unavailable("what talks to the keychain broke off")))
        });
        waited.await.unwrap_or_else(|_| {
            Err(KeyError::unavailable(format!(
                "{} was not there within {} s: the keychain does not answer, or waits for somebody to unlock it",
                self.shared.entry,
                self.patience.as_secs()
            )))
        })
    }
}

impl Shared {
    fn create(&self) -> Result<(), KeyError> {
        let _lock = lock(&self.lock)?;
        // Another process may have been first.
        match self.entry.keys_if_any()? {
            Some(_) => Ok(()),
            None => self.entry.keep(&LocalKeySet::generate(self.clock.wall()), None),
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut LocalKeySet) -> Result<T, KeyError>) -> Result<T, KeyError> {
        let _lock = lock(&self.lock)?;
        let (before, mut keys) = (self.entry.keys()?, self.entry.keys()?);
        let changed = change(&mut keys)?;
        if *keys.to_text() != *before.to_text() {
            self.entry.keep(&keys, Some(&before))?;
        }
        Ok(changed)
    }
}

#[async_trait]
impl KeyProvider for KeychainKey {
    async fn wrap_key(&self, key: &TenantKey, context: &KeyContext) -> Result<WrappedKey, KeyError> {
        self.call(|shared| shared.entry.keys()).await?.wrap(key, context)
    }

    async fn unwrap_key(&self, wrapped: &WrappedKey, context: &KeyContext) -> Result<TenantKey, KeyError> {
        self.call(|shared| shared.entry.keys()).await?.unwrap(wrapped, context)
    }

    async fn active(&self) -> Result<KeyId, KeyError> {
        self.call(|shared| shared.entry.keys()).await?.active()
    }
}

#[async_trait]
impl KeyRotation for KeychainKey {
    async fn versions(&self) -> Result<Vec<KeyVersion>, KeyError> {
        Ok(self.call(|shared| shared.entry.keys()).await?.versions())
    }

    async fn create(&self) -> Result<KeyId, KeyError> {
        self.call(|shared| shared.change(|keys| Ok(keys.add(shared.clock.wall())))).await
    }

    async fn promote(&self, key: &KeyId) -> Result<(), KeyError> {
        let key = key.clone();
        self.call(move |shared| shared.change(|keys| keys.promote(&key))).await
    }

    async fn retire(&self, key: &KeyId) -> Result<(), KeyError> {
        let key = key.clone();
        self.call(move |shared| shared.change(|keys| keys.retire(&key))).await
    }
}
