//! The key provider of all processes, which may be gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use grantry_vault::{KeyContext, KeyError, KeyId, KeyProvider, LocalKey, TenantKey, WrappedKey};
use zeroize::Zeroizing;

use crate::trace::Trace;

/// A key provider behind a network.
#[derive(Debug)]
pub(crate) struct Keys {
    key: LocalKey,
    is_gone: Arc<AtomicBool>,
    trace: Trace,
}

impl Keys {
    /// The key of the deployment, as long as it is not gone.
    pub(crate) fn new(is_gone: &Arc<AtomicBool>, trace: &Trace) -> Self {
        let key = LocalKey::from_bytes(Zeroizing::new([7; 32]));
        Self { key, is_gone: Arc::clone(is_gone), trace: trace.clone() }
    }

    fn reach(&self) -> Result<&LocalKey, KeyError> {
        if self.is_gone.load(Ordering::Relaxed) {
            self.trace.fault("key provider unavailable");
            return Err(KeyError::unavailable("an outage"));
        }
        Ok(&self.key)
    }
}

#[async_trait]
impl KeyProvider for Keys {
    async fn wrap_key(&self, key: &TenantKey, context: &KeyContext) -> Result<WrappedKey, KeyError> {
        self.reach()?.wrap_key(key, context).await
    }

    async fn unwrap_key(&self, wrapped: &WrappedKey, context: &KeyContext) -> Result<TenantKey, KeyError> {
        self.reach()?.unwrap_key(wrapped, context).await
    }

    async fn active(&self) -> Result<KeyId, KeyError> {
        self.reach()?.active().await
    }
}
