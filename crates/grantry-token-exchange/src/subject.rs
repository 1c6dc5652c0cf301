//! The tokens that are handed in.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use grantry_core::{Error, TokenSource};
use zeroize::Zeroizing;

/// A token to be exchanged, or that of who acts: one that stays the same, or one of those that a [`SubjectTokens`]
/// gives.
///
/// `Debug` prints `[redacted]`; there is no `Display`, `Serialize` or `PartialEq`; the memory is zeroized when it is
/// dropped.
#[derive(Clone)]
pub struct SubjectToken(Zeroizing<String>);

impl SubjectToken {
    /// Takes the token over.
    pub fn new(token: impl Into<String>) -> Self {
        Self(Zeroizing::new(token.into()))
    }

    /// The token itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SubjectToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubjectToken([redacted])")
    }
}

/// Gives the token that is exchanged, or that of who acts: it is asked once for each attempt.
///
/// **Cancel-safety**: a grant is not dropped while the runtime lives (see [`Grant`](grantry_core::Grant)), so none is
/// needed. **Time**: it should give up by itself; nothing here limits it.
///
/// ```
/// use async_trait::async_trait;
/// use grantry_core::{Error, ErrorKind, Stage};
/// use grantry_token_exchange::{SubjectToken, SubjectTokens};
///
/// /// The token that the platform writes into a file, and renews there.
/// #[derive(Debug)]
/// struct Mounted(&'static str);
///
/// #[async_trait]
/// impl SubjectTokens for Mounted {
///     async fn token(&self) -> Result<SubjectToken, Error> {
///         let read = std::fs::read_to_string(self.0).map_err(|e| {
///             Error::new(ErrorKind::Storage, Stage::Token, "the mounted token cannot be read").with_source(e)
///         })?;
///         Ok(SubjectToken::new(read.trim()))
///     }
/// }
/// ```
#[async_trait]
pub trait SubjectTokens: fmt::Debug + Send + Sync + 'static {
    /// A token that is valid now.
    ///
    /// # Errors
    /// Why there is none. It becomes the error of the attempt, which then sends nothing.
    async fn token(&self) -> Result<SubjectToken, Error>;
}

#[async_trait]
impl SubjectTokens for SubjectToken {
    async fn token(&self) -> Result<SubjectToken, Error> {
        Ok(self.clone())
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: SubjectTokens + ?Sized> SubjectTokens for Arc<S> {
    async fn token(&self) -> Result<SubjectToken, Error> {
        (**self).token().await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: SubjectTokens + ?Sized> SubjectTokens for Box<S> {
    async fn token(&self) -> Result<SubjectToken, Error> {
        (**self).token().await
    }
}

/// The access tokens of a source, such as one that renews itself.
#[derive(Debug, Clone)]
pub struct FromSource(Arc<dyn TokenSource>);

impl FromSource {
    /// Asks this source before each attempt. Its error is the attempt's.
    pub fn new(source: Arc<dyn TokenSource>) -> Self {
        Self(source)
    }
}

#[async_trait]
impl SubjectTokens for FromSource {
    async fn token(&self) -> Result<SubjectToken, Error> {
        let token = self.0.token().await?;
        Ok(SubjectToken::new(token.expose()))
    }
}
