//! The key provider of all processes, which may be gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use grantry_vault::{KeyContext, KeyError, KeyId, KeyProvider, LocalKey, TenantKey, WrappedKey};
use zeroize::Zeroizing;

use crate::life::Life;
use crate::trace::Trace;

/// A key provider behind a network.
#[derive(Debug)]
pub(crate) struct Keys {
    key: LocalKey,
    is_gone: Arc<AtomicBool>,
    trace: Trace,
    life: Option<Arc<Life>>,
}

impl Keys {
    /// The key of the deployment, as long as it is not gone.
    pub(crate) fn new(is_gone: &Arc<AtomicBool>, trace: &Trace) -> Self {
        let key = LocalKey::from_bytes(Zeroizing::new([7; 32]));
        Self { key, is_gone: Arc::clone(is_gone), trace: trace.clone(), life: None }
    }

    /// The keys as a process reaches them, who may not live to see the answer.
    pub(crate) fn of(life: &Arc<Life>) -> Self {
        let keys = Self::new(&life.fate.keys_gone, &life.fate.trace);
        Self { life: Some(Arc::clone(life)).filter(|life| life.fate.plan.finer), ..keys }
    }

    async fn pass(&self, what: &'static str) {
        if let Some(life) = &self.life {
            life.pass(what).await;
        }
    }

    async fn reach(&self) -> Result<&LocalKey, KeyError> {
        self.pass("key provider").await;
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
        let wrapped = self.reach().await?.wrap_key(key, context).await;
        self.pass("wrapped").await;
        wrapped
    }

    async fn unwrap_key(&self, wrapped: &WrappedKey, context: &KeyContext) -> Result<TenantKey, KeyError> {
        let unwrapped = self.reach().await?.unwrap_key(wrapped, context).await;
        self.pass("unwrapped").await;
        unwrapped
    }

    async fn active(&self) -> Result<KeyId, KeyError> {
        self.reach().await?.active().await
    }
}
