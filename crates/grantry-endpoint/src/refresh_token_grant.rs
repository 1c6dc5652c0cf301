//! The refresh-token grant (RFC 6749 section 6), without custody.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use grantry_core::{
    Attempt, Consumed, Diagnosis, Error, ErrorKind, Failure, Grant, GrantKey, Party, RefreshToken, Retry,
    Scope, Stage, TokenSet,
};
use tokio::sync::Mutex;

use crate::client::check;
use crate::{Keeper, Kept, TokenEndpoint, TokenRequest};

/// Renews with a refresh token that it holds itself, and has each new one kept before anybody sees what came
/// with it.
///
/// It holds every refresh token that it received until a newer one is kept, redeems one at a time, and sends at
/// most one request for each [`obtain`](Grant::obtain). It is for one process: two processes that hold the same
/// refresh token of a rotating server end each other's grant. Give its endpoint a transport built with
/// `for_single_use_credentials`.
///
/// ```
/// # use std::sync::Arc;
/// # use grantry_core::{AuthorizationServer, RefreshToken, Scope};
/// # use grantry_endpoint::*;
/// # async fn example(keeper: Arc<dyn Keeper>, stored: RefreshToken) -> Result<(), grantry_core::Error> {
/// let transport = HttpTransport::builder().for_single_use_credentials().build()?;
/// let server = AuthorizationServer::builder("https://as.example.com/token").build()?;
/// let client = Client::new("calendar", ClientAuthentication::none())?;
/// let endpoint = TokenEndpoint::new(server, client, Arc::new(transport))?;
/// let grant = RefreshTokenGrant::new(endpoint, stored, keeper)?;
/// # Ok(())
/// # }
/// ```
pub struct RefreshTokenGrant {
    endpoint: TokenEndpoint,
    keeper: Arc<dyn Keeper>,
    narrowed: Option<Scope>,
    resources: Vec<String>,
    key: Option<GrantKey>,
    /// Held for the whole of an attempt: a refresh token is never redeemed twice at once.
    held: Mutex<Held>,
}

struct Held {
    /// What is redeemed next.
    current: RefreshToken,
    /// The one before, while `current` was only salvaged from an unusable answer.
    before: Option<RefreshToken>,
    /// Whether the keeper has not confirmed `current` yet.
    unkept: bool,
    /// What came with `current`, not given out yet because of that.
    withheld: Option<TokenSet>,
    /// What the resource owner granted.
    granted: Scope,
}

impl RefreshTokenGrant {
    /// A grant that holds this refresh token.
    ///
    /// # Errors
    /// As [`RefreshTokenGrantBuilder::build`].
    pub fn new(
        endpoint: TokenEndpoint,
        refresh_token: RefreshToken,
        keeper: Arc<dyn Keeper>,
    ) -> Result<Self, Error> {
        Self::builder(endpoint, refresh_token, keeper).build()
    }

    /// Starts from what every such grant has.
    pub fn builder(
        endpoint: TokenEndpoint,
        refresh_token: RefreshToken,
        keeper: Arc<dyn Keeper>,
    ) -> RefreshTokenGrantBuilder {
        RefreshTokenGrantBuilder {
            endpoint,
            refresh_token,
            keeper,
            granted: Scope::EMPTY,
            narrowed: None,
            resources: Vec::new(),
            key: None,
        }
    }

    /// Has the current refresh token kept, if it is not yet.
    async fn keep(&self, held: &mut Held) -> Result<(), Error> {
        if !held.unkept {
            return Ok(());
        }
        let kept = Kept { refresh_token: &held.current, token_set: held.withheld.as_ref() };
        self.keeper.keep(kept).await.map_err(|e| {
            let fact = "the new refresh token is not kept yet, so that its access token is not given out";
            Error::new(ErrorKind::Storage, Stage::Keep, fact).with_source(e)
        })?;
        held.unkept = false;
        Ok(())
    }

    fn request(&self, held: &Held) -> TokenRequest {
        let mut request = TokenRequest::new("refresh_token")
            .parameter("refresh_token", held.current.expose())
            .keeping_refresh_token(held.current.clone())
            .assumed_scope(held.granted.clone());
        if let Some(narrowed) = &self.narrowed {
            request = request.scope(narrowed.clone()).assumed_scope(narrowed.clone());
        }
        for resource in &self.resources {
            request = request.resource(resource);
        }
        match &self.key {
            Some(key) => request.key(key.clone()),
            None => request,
        }
    }

    /// A token set is at hand, perhaps with a new refresh token.
    async fn succeed(&self, held: &mut Held, set: TokenSet) -> Result<TokenSet, Failure> {
        if held.granted.is_empty() && self.narrowed.is_none() {
            held.granted = set.token().scope().clone();
        }
        held.before = None;
        let Some(newest) = set.refresh_token().filter(|new| new.expose() != held.current.expose()) else {
            return Ok(set);
        };
        held.current = newest.clone();
        held.unkept = true;
        held.withheld = Some(set.clone());
        match self.keep(held).await {
            Ok(()) => {
                held.withheld = None;
                Ok(set)
            }
            // The live credential is in memory: nothing is lost.
            Err(error) => Err(Failure::not_consumed(error).with_salvaged(Some(held.current.clone()))),
        }
    }

    async fn fail(&self, held: &mut Held, failure: Failure) -> Failure {
        if let Some(salvaged) = &failure.salvaged {
            if salvaged.expose() != held.current.expose() {
                let replaced = std::mem::replace(&mut held.current, salvaged.clone());
                held.before = Some(replaced);
                held.unkept = true;
                held.withheld = None;
                // If it is not kept now, it is before the next request.
                let _ = self.keep(held).await;
            }
            return failure;
        }
        if failure.consumed != Consumed::Refused {
            return failure;
        }
        // A salvaged token that is refused may have been none: the one before it has not been refused.
        let Some(before) = held.before.take() else { return failure };
        held.current = before;
        held.unkept = true;
        let fact = "a refresh token from an unusable answer was refused, and the one before it is tried next";
        let error = Error::new(ErrorKind::InDoubt, Stage::Token, fact).with_diagnosis(Diagnosis::new(
            Party::AuthorizationServer,
            "nothing to do: the source tries again by itself",
            Retry::Now,
        ));
        Failure::unknown(error)
    }
}

#[async_trait]
impl Grant for RefreshTokenGrant {
    async fn obtain(&self, attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        let mut held = self.held.lock().await;
        let held = &mut *held;
        self.keep(held).await.map_err(Failure::unsent)?;
        if let Some(withheld) = held.withheld.take() {
            let newer =
                attempt.replacing().is_none_or(|old| old.token().serial() < withheld.token().serial());
            if newer && withheld.token().is_fit(self.endpoint.clock().now()) {
                return Ok(withheld);
            }
        }
        match self.endpoint.request(self.request(held), attempt).await {
            Ok(set) => self.succeed(held, set).await,
            Err(failure) => Err(self.fail(held, failure).await),
        }
    }
}

impl fmt::Debug for RefreshTokenGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshTokenGrant")
            .field("endpoint", &self.endpoint)
            .field("keeper", &self.keeper)
            .field("narrowed", &self.narrowed)
            .finish_non_exhaustive()
    }
}

/// Builds a [`RefreshTokenGrant`].
#[derive(Debug)]
#[must_use]
pub struct RefreshTokenGrantBuilder {
    endpoint: TokenEndpoint,
    refresh_token: RefreshToken,
    keeper: Arc<dyn Keeper>,
    granted: Scope,
    narrowed: Option<Scope>,
    resources: Vec<String>,
    key: Option<GrantKey>,
}

impl RefreshTokenGrantBuilder {
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

    /// Checks the refresh token and the scopes.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) where the refresh token is empty or holds control
    /// characters, or the narrowed scope is empty or wider than the granted one (RFC 6749 section 6).
    pub fn build(self) -> Result<RefreshTokenGrant, Error> {
        check("refresh token", self.refresh_token.expose())?;
        if self.narrowed.as_ref().is_some_and(|n| n.is_empty() || !self.granted.covers(n)) {
            return Err(Error::configuration(
                "the narrowed scope has to be a part of the granted scope: name both, or ask for less",
            ));
        }
        Ok(RefreshTokenGrant {
            endpoint: self.endpoint,
            keeper: self.keeper,
            narrowed: self.narrowed,
            resources: self.resources,
            key: self.key,
            held: Mutex::new(Held {
                current: self.refresh_token,
                before: None,
                unkept: false,
                withheld: None,
                granted: self.granted,
            }),
        })
    }
}
