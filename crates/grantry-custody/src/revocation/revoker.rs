//! Who revokes tokens at the server.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use grantry_core::{AccessToken, Error, RefreshToken, shown_url};
use grantry_endpoint::RevocationEndpoint;

/// What a server made of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Revoked {
    /// It is not valid any more.
    AtServer,
    /// The server cannot revoke such a token: it lives until it ends by itself.
    Unsupported,
}

/// Revokes tokens at the authorization server that issued them.
///
/// **Cancel-safety**: a call that is dropped may or may not have revoked the token; it is made again. **Concurrency**:
/// calls come from many tasks, and two processes may revoke the same token. **Errors**: the token may still be valid,
/// and the call is made again later.
///
/// ```
/// use async_trait::async_trait;
/// use grantry_core::{AccessToken, Error, RefreshToken};
/// use grantry_custody::{Revoked, Revoker};
///
/// /// A provider that ends a whole connection when its refresh token is deleted.
/// #[derive(Debug)]
/// struct DeletesConnections;
///
/// #[async_trait]
/// impl Revoker for DeletesConnections {
///     async fn revoke_refresh_token(&self, _token: &RefreshToken) -> Result<Revoked, Error> {
///         Ok(Revoked::AtServer) // after a DELETE of the provider's own
///     }
///     async fn revoke_access_token(&self, _token: &AccessToken) -> Result<Revoked, Error> {
///         Ok(Revoked::Unsupported)
///     }
/// }
/// ```
#[async_trait]
pub trait Revoker: fmt::Debug + Send + Sync + 'static {
    /// Revokes a refresh token.
    ///
    /// # Errors
    /// It may still be valid.
    async fn revoke_refresh_token(&self, token: &RefreshToken) -> Result<Revoked, Error>;

    /// Revokes an access token.
    ///
    /// # Errors
    /// It may still be valid.
    async fn revoke_access_token(&self, token: &AccessToken) -> Result<Revoked, Error>;

    /// Whether a token can be revoked without harm to a later consent of the same person. With some providers it takes
    /// all that the person ever granted to the client along, so this says no if left as it is.
    fn spares_later_consents(&self) -> bool {
        false
    }

    /// Whether revoking an access token leaves the refresh token that it came of alone. A server may take that along
    /// (RFC 7009 section 2.1), so this says no if left as it is, and access tokens of grants that are to live on are not
    /// revoked.
    fn spares_refresh_tokens(&self) -> bool {
        false
    }

    /// Which authorization server it asks, such as the URL of the endpoint: one that does not answer holds up what is revoked
    /// there, for all tenants, and nothing else. Where it says none, each service of each tenant is taken to have one of its own.
    fn server(&self) -> Option<String> {
        None
    }
}

/// A revoker of a server of which more is known.
///
/// ```
/// use grantry_custody::{NoRevocation, Revoker, Sparing};
/// let revoker = Sparing::new(NoRevocation).refresh_tokens();
/// assert!(revoker.spares_refresh_tokens() && !revoker.spares_later_consents());
/// ```
#[derive(Debug, Clone)]
pub struct Sparing<R> {
    revoker: R,
    later_consents: bool,
    refresh_tokens: bool,
}

impl<R: Revoker> Sparing<R> {
    /// Nothing more is known yet.
    pub const fn new(revoker: R) -> Self {
        Self { revoker, later_consents: false, refresh_tokens: false }
    }

    /// It spares [later consents](Revoker::spares_later_consents) of the same person.
    #[must_use]
    pub fn later_consents(self) -> Self {
        Self { later_consents: true, ..self }
    }

    /// It spares [the refresh token](Revoker::spares_refresh_tokens) of an access token.
    #[must_use]
    pub fn refresh_tokens(self) -> Self {
        Self { refresh_tokens: true, ..self }
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<R: Revoker> Revoker for Sparing<R> {
    async fn revoke_refresh_token(&self, token: &RefreshToken) -> Result<Revoked, Error> {
        self.revoker.revoke_refresh_token(token).await
    }

    async fn revoke_access_token(&self, token: &AccessToken) -> Result<Revoked, Error> {
        self.revoker.revoke_access_token(token).await
    }

    fn spares_later_consents(&self) -> bool {
        self.later_consents || self.revoker.spares_later_consents()
    }

    fn spares_refresh_tokens(&self) -> bool {
        self.refresh_tokens || self.revoker.spares_refresh_tokens()
    }

    fn server(&self) -> Option<String> {
        self.revoker.server()
    }
}

#[async_trait]
impl Revoker for RevocationEndpoint {
    async fn revoke_refresh_token(&self, token: &RefreshToken) -> Result<Revoked, Error> {
        revoked(RevocationEndpoint::revoke_refresh_token(self, token).await)
    }

    async fn revoke_access_token(&self, token: &AccessToken) -> Result<Revoked, Error> {
        revoked(RevocationEndpoint::revoke_access_token(self, token).await)
    }

    fn server(&self) -> Option<String> {
        RevocationEndpoint::server(self).revocation_endpoint().map(|url| shown_url(url).into())
    }
}

fn revoked(answer: Result<(), Error>) -> Result<Revoked, Error> {
    match answer {
        Ok(()) => Ok(Revoked::AtServer),
        // RFC 7009 section 2.2.1.
        Err(error) if error.oauth_code() == Some("unsupported_token_type") => Ok(Revoked::Unsupported),
        Err(error) => Err(error),
    }
}

/// A server that revokes nothing.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs, reason = "it holds nothing, and never will")]
pub struct NoRevocation;

#[async_trait]
impl Revoker for NoRevocation {
    async fn revoke_refresh_token(&self, _token: &RefreshToken) -> Result<Revoked, Error> {
        Ok(Revoked::Unsupported)
    }

    async fn revoke_access_token(&self, _token: &AccessToken) -> Result<Revoked, Error> {
        Ok(Revoked::Unsupported)
    }
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<R: Revoker + ?Sized> Revoker for $pointer<R> {
            async fn revoke_refresh_token(&self, token: &RefreshToken) -> Result<Revoked, Error> {
                (**self).revoke_refresh_token(token).await
            }
            async fn revoke_access_token(&self, token: &AccessToken) -> Result<Revoked, Error> {
                (**self).revoke_access_token(token).await
            }
            fn spares_later_consents(&self) -> bool {
                (**self).spares_later_consents()
            }
            fn spares_refresh_tokens(&self) -> bool {
                (**self).spares_refresh_tokens()
            }
            fn server(&self) -> Option<String> {
                (**self).server()
            }
        }
    )*};
}
forward!(Arc, Box);
