//! Where pending authorizations are kept, so that another replica can finish them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{Error, ErrorKind, Stage};
use zeroize::Zeroizing;

use crate::PendingKey;

/// Keeps pending authorizations from [`begin`](crate::AuthorizationCode::begin) to the response.
///
/// It is dumb: bytes under a [`PendingKey`], for a while. **Taking is atomic**: of all that take a key at once, in
/// whatever process, one gets the bytes. The bytes hold what redeems a code, so they belong where secrets may be.
///
/// **Cancel-safety**: dropping `keep` may leave the bytes kept or not; dropping `take` may lose them, and the person
/// begins again. **Concurrency**: calls are independent.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Mutex, PoisonError};
/// use std::time::Duration;
///
/// use async_trait::async_trait;
/// use grantry_authorization_code::{PendingAuthorizations, PendingKey, PendingStoreError};
/// use zeroize::Zeroizing;
///
/// /// Keeps without a bound and for ever, which no real store should.
/// #[derive(Debug, Default)]
/// struct Unbounded(Mutex<HashMap<PendingKey, Zeroizing<Vec<u8>>>>);
///
/// #[async_trait]
/// impl PendingAuthorizations for Unbounded {
///     async fn keep(
///         &self,
///         key: PendingKey,
///         pending: Zeroizing<Vec<u8>>,
///         _lifetime: Duration,
///     ) -> Result<(), PendingStoreError> {
///         self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, pending);
///         Ok(())
///     }
///
///     async fn take(&self, key: PendingKey) -> Result<Option<Zeroizing<Vec<u8>>>, PendingStoreError> {
///         Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key))
///     }
/// }
/// ```
#[async_trait]
pub trait PendingAuthorizations: fmt::Debug + Send + Sync + 'static {
    /// Keeps the bytes, at most 17 KiB, for as long as `lifetime`; then they have to be gone.
    ///
    /// # Errors
    /// [`PendingStoreError`] says why they are not kept; the person is not sent off then.
    async fn keep(
        &self,
        key: PendingKey,
        pending: Zeroizing<Vec<u8>>,
        lifetime: Duration,
    ) -> Result<(), PendingStoreError>;

    /// Takes the bytes out, so that nobody gets them again; `None` where there are none, or no more.
    ///
    /// # Errors
    /// [`PendingStoreError`] where the store does not say.
    async fn take(&self, key: PendingKey) -> Result<Option<Zeroizing<Vec<u8>>>, PendingStoreError>;
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<P: PendingAuthorizations + ?Sized> PendingAuthorizations for $pointer<P> {
            async fn keep(
                &self,
                key: PendingKey,
                pending: Zeroizing<Vec<u8>>,
                lifetime: Duration,
            ) -> Result<(), PendingStoreError> {
                (**self).keep(key, pending, lifetime).await
            }

            async fn take(&self, key: PendingKey) -> Result<Option<Zeroizing<Vec<u8>>>, PendingStoreError> {
                (**self).take(key).await
            }
        }
    )*};
}
forward!(Arc, Box);

/// Why a store did not keep, or did not say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PendingStoreError {
    /// It is full.
    #[error("no room is left for another pending authorization")]
    Full,
    /// It cannot be used; the reason holds nothing secret.
    #[error("the store of pending authorizations cannot be used: {0}")]
    Unusable(String),
}

impl From<PendingStoreError> for Error {
    fn from(error: PendingStoreError) -> Self {
        match error {
            PendingStoreError::Full => {
                Self::new(ErrorKind::Overloaded, Stage::Keep, "too many authorizations are pending")
            }
            PendingStoreError::Unusable(_) => {
                Self::new(ErrorKind::Storage, Stage::Keep, "the pending authorization is not kept")
            }
        }
        .with_source(error)
    }
}
