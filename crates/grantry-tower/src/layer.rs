//! The layer.

use std::sync::Arc;

use grantry_core::presenting::AllowedOrigins;
use grantry_core::{Error, Thumbprint, TokenSource};
use tower_layer::Layer;

use crate::terms::Terms;
use crate::{Authorize, EmptyBodies};

/// Wraps services into [`Authorize`]: every request carries a token.
///
/// `R` says which bodies can be sent once more ([`Replay`](crate::Replay)).
#[derive(Debug, Clone)]
pub struct AuthorizeLayer<R = EmptyBodies> {
    terms: Arc<Terms>,
    replay: R,
}

impl AuthorizeLayer {
    /// Puts tokens of `source` on requests to `origins`, and refuses all others. Requests have to say where they
    /// go: by an absolute URI, as hyper's client wants it.
    ///
    /// # Errors
    /// What [`AllowedOrigins::new`] refuses.
    pub fn new<O: AsRef<str>>(
        source: impl TokenSource,
        origins: impl IntoIterator<Item = O>,
    ) -> Result<Self, Error> {
        Ok(Self::with(Terms::new(Box::new(source), AllowedOrigins::new(origins)?, false)))
    }

    /// The same for a service that is bound to one origin: a tonic channel, a single hyper connection. Requests
    /// may leave their origin out; one that names another is refused.
    ///
    /// It is the caller's word that the service leads there.
    ///
    /// # Errors
    /// What [`AllowedOrigins::new`] refuses.
    pub fn fixed(source: impl TokenSource, origin: impl AsRef<str>) -> Result<Self, Error> {
        Ok(Self::with(Terms::new(Box::new(source), AllowedOrigins::new([origin])?, true)))
    }

    /// The same as [`new`](Self::new) for a service that presents a client certificate on every connection (RFC 8705), by
    /// its SHA-256 thumbprint: tokens that are bound to it go through, those that are bound to another are refused.
    ///
    /// It is the caller's word that the service presents it.
    ///
    /// # Errors
    /// What [`AllowedOrigins::new`] refuses.
    pub fn with_identity<O: AsRef<str>>(
        source: impl TokenSource,
        origins: impl IntoIterator<Item = O>,
        identity: Thumbprint,
    ) -> Result<Self, Error> {
        let terms = Terms::new(Box::new(source), AllowedOrigins::new(origins)?, false);
        Ok(Self::with(terms.presenting(identity)))
    }

    fn with(terms: Terms) -> Self {
        Self { terms: Arc::new(terms), replay: EmptyBodies }
    }
}

impl<R> AuthorizeLayer<R> {
    /// The same with another choice of bodies that can be sent once more.
    #[must_use]
    pub fn replaying<R2>(self, replay: R2) -> AuthorizeLayer<R2> {
        AuthorizeLayer { terms: self.terms, replay }
    }
}

impl<S, R: Clone> Layer<S> for AuthorizeLayer<R> {
    type Service = Authorize<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Authorize::new(inner, Arc::clone(&self.terms), self.replay.clone())
    }
}
