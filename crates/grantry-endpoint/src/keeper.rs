//! Where a grant without custody puts its refresh tokens.

use std::fmt;

use async_trait::async_trait;
use grantry_core::{RefreshToken, TokenSet};

/// Keeps the newest refresh token of a grant, outside this process.
///
/// A [`RefreshTokenGrant`](crate::RefreshTokenGrant) awaits it for every refresh token that is new, before
/// anybody sees the access token that came with it. Where it fails, the new refresh token stays in memory, the
/// access token is not given out, and the keeper is asked again before anything else is spent. It is awaited for as
/// long as it takes; one that may hang sets itself a limit and fails.
///
/// **Two tokens**: one that was salvaged from an unusable answer may be none at all. It comes with the last one that
/// is known to work in [`Kept::before`], and a keeper that can keeps both, for
/// [`before`](crate::RefreshTokenGrantBuilder::before) after a restart. The next call says how it ended: it has one
/// token alone, the one that is left.
///
/// **Cancel-safety**: the future is not dropped while the runtime lives, if a source runs the grant.
/// **Concurrency**: one call at a time for each grant. **Errors**: [`KeepError`] is told to callers as
/// [`Storage`](grantry_core::ErrorKind::Storage).
///
/// ```
/// use async_trait::async_trait;
/// use grantry_core::RefreshToken;
/// use grantry_endpoint::{KeepError, Keeper, Kept};
/// use std::sync::Mutex;
///
/// /// Keeps it in memory: good for a test, or where a restart may ask the person again.
/// #[derive(Debug, Default)]
/// struct InMemory(Mutex<Option<RefreshToken>>);
///
/// #[async_trait]
/// impl Keeper for InMemory {
///     async fn keep(&self, kept: Kept<'_>) -> Result<(), KeepError> {
///         let mut held = self.0.lock().map_err(|_| KeepError::new("another thread panicked"))?;
///         *held = Some(kept.refresh_token.clone());
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait Keeper: fmt::Debug + Send + Sync + 'static {
    /// Keeps the token, durably, in place of what was kept so far, and [`Kept::before`] beside it where there is one.
    ///
    /// # Errors
    /// [`KeepError`] where it is not kept, or nobody knows.
    async fn keep(&self, kept: Kept<'_>) -> Result<(), KeepError>;
}

/// What is to be kept.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Kept<'a> {
    /// The refresh token that is redeemed next.
    pub refresh_token: &'a RefreshToken,
    /// The last one that is known to work, while `refresh_token` was only salvaged from an unusable answer. It is
    /// redeemed if the server refuses the other.
    pub before: Option<&'a RefreshToken>,
    /// What it came with; `None` where it was saved from an answer that could not be used otherwise.
    pub token_set: Option<&'a TokenSet>,
}

/// A refresh token that could not be kept.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the keeper failed: {reason}")]
pub struct KeepError {
    reason: String,
}

impl KeepError {
    /// `reason` is a phrase for a person, without anything secret.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}
