//! Builds the refresh-token grant.

use std::sync::Arc;

use grantry_core::{Error, GrantKey, RefreshToken, Scope};
use tokio::sync::Mutex;

use super::RefreshTokenGrant;
use super::held::Held;
use crate::client::check;
use crate::{DpopKey, IdTokenVerifier, Keeper, OriginalLogin, TokenEndpoint, check_resource};

/// Builds a [`RefreshTokenGrant`].
#[derive(Debug)]
#[must_use]
pub struct RefreshTokenGrantBuilder {
    endpoint: TokenEndpoint,
    refresh_token: RefreshToken,
    before: Option<RefreshToken>,
    keeper: Arc<dyn Keeper>,
    granted: Scope,
    narrowed: Option<Scope>,
    resources: Vec<String>,
    key: Option<GrantKey>,
    dpop_key: Option<DpopKey>,
    login: Option<(IdTokenVerifier, OriginalLogin)>,
}

impl RefreshTokenGrantBuilder {
    pub(super) fn new(endpoint: TokenEndpoint, refresh_token: RefreshToken, keeper: Arc<dyn Keeper>) -> Self {
        Self {
            endpoint,
            refresh_token,
            before: None,
            keeper,
            granted: Scope::EMPTY,
            narrowed: None,
            resources: Vec::new(),
            key: None,
            dpop_key: None,
            login: None,
        }
    }

    /// The refresh token that was kept as [`Kept::before`](crate::Kept::before), if one was: it is redeemed if the
    /// server refuses the other.
    pub fn before(mut self, refresh_token: RefreshToken) -> Self {
        self.before = Some(refresh_token);
        self
    }

    /// The scope that was granted with the refresh token; if left out, what the first answer names.
    pub fn granted_scope(mut self, scope: Scope) -> Self {
        self.granted = scope;
        self
    }

    /// Asks for less than was granted.
    pub fn narrow_to(mut self, scope: Scope) -> Self {
        self.narrowed = Some(scope);
        self
    }

    /// A resource that the access tokens are for (RFC 8707); may be repeated.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Whose grant it is, for the events.
    pub fn key(mut self, key: GrantKey) -> Self {
        self.key = Some(key);
        self
    }

    /// The key that the refresh token is bound to (RFC 9449 section 5): the one that was kept with it, which the token set
    /// of its consent named ([`Prover::private_key`](grantry_core::Prover::private_key)).
    pub fn dpop_key(mut self, key: DpopKey) -> Self {
        self.dpop_key = Some(key);
        self
    }

    /// Checks the ID token that an answer holds, where it holds one: it has to be right, and of the login that the grant began
    /// with (OpenID Connect Core section 12.2). The refresh token that came along is kept before, whatever the ID token says;
    /// the access token of an answer with a wrong one is given to nobody, and not handed to the keeper. Without this, ID tokens
    /// of renewals are passed over.
    pub fn login(mut self, verifier: IdTokenVerifier, login: OriginalLogin) -> Self {
        self.login = Some((verifier, login));
        self
    }

    /// Checks the refresh tokens, the scopes and the resources.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) where a refresh token is empty or holds control
    /// characters, the narrowed scope is empty or wider than the granted one (RFC 6749 section 6), or a resource is
    /// no absolute URI without a fragment (RFC 8707 section 2); where a public client's endpoint binds tokens to keys, and
    /// the refresh token's key is not named.
    pub fn build(self) -> Result<RefreshTokenGrant, Error> {
        check("refresh token", self.refresh_token.expose())?;
        if let Some(before) = &self.before {
            check("refresh token from before", before.expose())?;
        }
        if self.narrowed.as_ref().is_some_and(|n| n.is_empty() || !self.granted.covers(n)) {
            return Err(Error::configuration(
                "the narrowed scope has to be a part of the granted scope: name both, or ask for less",
            ));
        }
        for resource in &self.resources {
            check_resource(resource)?;
        }
        let binds = self.endpoint.channel().dpop.is_some();
        if binds && self.dpop_key.is_none() && !self.endpoint.client().is_confidential() {
            return Err(Error::configuration(
                "the refresh token of a public client works with the key alone that it is bound to (RFC 9449 section 5): \
                 keep that key beside it, and name it with `dpop_key`",
            ));
        }
        Ok(RefreshTokenGrant {
            endpoint: self.endpoint,
            keeper: self.keeper,
            narrowed: self.narrowed,
            resources: self.resources,
            key: self.key,
            dpop_key: self.dpop_key,
            login: self.login,
            held: Mutex::new(Held::new(self.refresh_token, self.before, self.granted)),
        })
    }
}
