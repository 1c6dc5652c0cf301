//! Who holds the keys above the tenants' keys.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use grantry_core::Timestamp;

use super::{KeyContext, KeyError, KeyId, TenantKey, WrappedKey};

/// Wraps tenant keys under a key-encryption key that never leaves it: a key file, an HSM, a KMS.
///
/// The vault calls it seldom: once for each tenant and cache period, never for a record. A tenant key does come
/// back into the memory of this process, because records are encrypted here; the key above it does not.
///
/// # What a provider promises
///
/// * **What was wrapped is unwrapped** under the same [`KeyContext`] and by every process that uses the same
///   keys, as long as the key that wrapped it was not retired.
/// * **The context is authenticated.** Under another deployment, tenant or epoch, or with a byte changed, a
///   wrapped key does not unwrap: [`KeyError::Damaged`].
/// * **[`WrappedKey::key_id`] names the key that wrapped it**, also where another was promoted meanwhile. Old
///   versions go on unwrapping after a promotion.
/// * **Bounded**: a call returns within the provider's own limit of time, with [`KeyError::Unavailable`] if need
///   be, and the next one tries again; nothing has to be restarted after an outage.
/// * **Silent**: no error, `Debug` or log line shows a key, a PIN or a token.
///
/// # Cancel-safety and concurrency
///
/// A dropped future of these three has changed nothing; one of [`KeyRotation`]'s may have done its work or not. Calls
/// come from several tasks at once.
///
/// # Example
///
/// A provider that counts what it unwraps:
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use async_trait::async_trait;
/// use grantry_vault::{KeyContext, KeyError, KeyId, KeyProvider, LocalKey, TenantKey, WrappedKey};
///
/// #[derive(Debug)]
/// struct Counted {
///     inner: LocalKey,
///     unwrapped: AtomicU64,
/// }
///
/// #[async_trait]
/// impl KeyProvider for Counted {
///     async fn wrap_key(&self, key: &TenantKey, context: &KeyContext) -> Result<WrappedKey, KeyError> {
///         self.inner.wrap_key(key, context).await
///     }
///     async fn unwrap_key(&self, wrapped: &WrappedKey, context: &KeyContext) -> Result<TenantKey, KeyError> {
///         self.unwrapped.fetch_add(1, Ordering::Relaxed);
///         self.inner.unwrap_key(wrapped, context).await
///     }
///     async fn active(&self) -> Result<KeyId, KeyError> {
///         self.inner.active().await
///     }
/// }
/// ```
#[async_trait]
pub trait KeyProvider: fmt::Debug + Send + Sync + 'static {
    /// Wraps a tenant key under the active key.
    ///
    /// # Errors
    /// [`KeyError`] sorts them by whose move it is.
    async fn wrap_key(&self, key: &TenantKey, context: &KeyContext) -> Result<WrappedKey, KeyError>;

    /// Unwraps what [`wrap_key`](KeyProvider::wrap_key) returned.
    ///
    /// # Errors
    /// [`KeyError::Damaged`] where the bytes or the context are not those that were wrapped,
    /// [`KeyError::UnknownKey`] where the key that wrapped them is not there.
    async fn unwrap_key(&self, wrapped: &WrappedKey, context: &KeyContext) -> Result<TenantKey, KeyError>;

    /// The key that wraps from now on.
    ///
    /// # Errors
    /// As [`wrap_key`](KeyProvider::wrap_key).
    async fn active(&self) -> Result<KeyId, KeyError>;
}

/// A provider whose keys can be exchanged: a new version is created, promoted, and the old one retired after nothing
/// names it any more.
///
/// Each step may be repeated after a crash: creating leaves at most a version that nobody uses, promoting what is
/// active and retiring what is gone are no errors. The vault calls
/// [`retire`](KeyRotation::retire) only after it proved that no wrapped key names the version.
#[async_trait]
pub trait KeyRotation: KeyProvider {
    /// Every version that can still unwrap, the oldest first.
    ///
    /// # Errors
    /// As [`KeyProvider::wrap_key`].
    async fn versions(&self) -> Result<Vec<KeyVersion>, KeyError>;

    /// Makes a new version, inside the provider. It does not wrap yet.
    ///
    /// # Errors
    /// As [`KeyProvider::wrap_key`].
    async fn create(&self) -> Result<KeyId, KeyError>;

    /// Makes a version the active one.
    ///
    /// # Errors
    /// [`KeyError::UnknownKey`] where there is no such version.
    async fn promote(&self, key: &KeyId) -> Result<(), KeyError>;

    /// Destroys a version, or takes it out of use where it cannot be destroyed.
    ///
    /// # Errors
    /// [`KeyError::Refused`] for the active one, and by a provider that lets go of its oldest version only for another;
    /// the vault tries again with its next rotation.
    async fn retire(&self, key: &KeyId) -> Result<(), KeyError>;
}

/// One version of a provider's key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "providers build it")]
pub struct KeyVersion {
    /// What wrapped keys name.
    pub id: KeyId,
    /// When it was created, where the provider knows.
    pub created: Option<Timestamp>,
    /// What it is used for.
    pub state: KeyVersionState,
}

/// What a version of a key is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyVersionState {
    /// Created, and not used yet.
    Waiting,
    /// Wraps and unwraps.
    Active,
    /// Unwraps only.
    Unwrapping,
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<P: KeyProvider + ?Sized> KeyProvider for $pointer<P> {
            async fn wrap_key(&self, key: &TenantKey, context: &KeyContext) -> Result<WrappedKey, KeyError> {
                (**self).wrap_key(key, context).await
            }
            async fn unwrap_key(
                &self,
                wrapped: &WrappedKey,
                context: &KeyContext,
            ) -> Result<TenantKey, KeyError> {
                (**self).unwrap_key(wrapped, context).await
            }
            async fn active(&self) -> Result<KeyId, KeyError> {
                (**self).active().await
            }
        }

        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<P: KeyRotation + ?Sized> KeyRotation for $pointer<P> {
            async fn versions(&self) -> Result<Vec<KeyVersion>, KeyError> {
                (**self).versions().await
            }
            async fn create(&self) -> Result<KeyId, KeyError> {
                (**self).create().await
            }
            async fn promote(&self, key: &KeyId) -> Result<(), KeyError> {
                (**self).promote(key).await
            }
            async fn retire(&self, key: &KeyId) -> Result<(), KeyError> {
                (**self).retire(key).await
            }
        }
    )*};
}
forward!(Arc, Box);
