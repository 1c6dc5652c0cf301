//! The refresh-token grant (RFC 6749 section 6), without custody.

mod builder;
mod held;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use grantry_core::{
    AccessToken, Attempt, Consumed, Diagnosis, Error, ErrorKind, Failure, Grant, GrantKey, Party,
    RefreshToken, Retry, Scope, Stage, TokenSet,
};
use tokio::sync::Mutex;

pub use builder::RefreshTokenGrantBuilder;

use crate::{
    DpopKey, ExpectedIdToken, IdToken, IdTokenVerifier, Keeper, OriginalLogin, TokenEndpoint, TokenRequest,
};
use held::Held;

/// Renews with a refresh token that it holds itself, and has each new one kept before anybody sees what came
/// with it.
///
/// It holds every refresh token that it received until a newer one is kept, redeems one at a time, and sends at
/// most one request for each [`obtain`](Grant::obtain); none where a token set that is newer than
/// [`Attempt::replacing`](grantry_core::Attempt::replacing) is at hand and fit, as when several sources share it. A
/// refresh token that was salvaged from an unusable answer is redeemed first, and the last one that worked is held
/// until a successor works: where the server refuses the salvaged one, that one is redeemed again.
///
/// It is for one process: two processes that hold the same refresh token of a rotating server end each other's
/// grant. Give its endpoint a transport built with `for_single_use_credentials`.
///
/// ```
/// # use std::sync::{Arc, Mutex};
/// # use grantry_core::{Attempt, AuthorizationServer, Grant, RefreshToken};
/// # use grantry_endpoint::*;
/// # #[derive(Debug, Default)]
/// # struct Shelf(Mutex<Vec<String>>);
/// # #[async_trait::async_trait]
/// # impl Keeper for Shelf {
/// #     async fn keep(&self, kept: Kept<'_>) -> Result<(), KeepError> {
/// #         self.0.lock().unwrap().push(kept.refresh_token.expose().to_owned());
/// #         Ok(())
/// #     }
/// # }
/// # #[derive(Debug)]
/// # struct Pretended;
/// # #[async_trait::async_trait]
/// # impl Transport for Pretended {
/// #     async fn send(&self, _: Request) -> Result<Answer, TransportFailure> {
/// #         let body = r#"{"access_token":"abc","token_type":"Bearer","refresh_token":"r2"}"#;
/// #         Ok(Answer::new(http::StatusCode::OK).with_body(body))
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), grantry_core::Error> {
/// # let (stored, keeper) = (RefreshToken::new("r1"), Arc::new(Shelf::default()));
/// let transport = HttpTransport::builder().for_single_use_credentials().build()?;
/// # let transport = Pretended;
/// let server = AuthorizationServer::builder("https://as.example.com/token").build()?;
/// let client = Client::new("calendar", ClientAuthentication::none())?;
/// let endpoint = TokenEndpoint::new(server, client, Arc::new(transport))?;
/// let grant = RefreshTokenGrant::new(endpoint, stored, keeper.clone())?;
///
/// let set = grant.obtain(Attempt::first()).await.map_err(|failure| failure.error)?;
/// assert_eq!(set.token().header(), "Bearer abc");
/// # assert_eq!(*keeper.0.lock().unwrap(), ["r2"]);
/// # Ok(())
/// # }
/// ```
pub struct RefreshTokenGrant {
    endpoint: TokenEndpoint,
    keeper: Arc<dyn Keeper>,
    narrowed: Option<Scope>,
    resources: Vec<String>,
    key: Option<GrantKey>,
    dpop_key: Option<DpopKey>,
    /// What ID tokens are held against, where they are.
    login: Option<(IdTokenVerifier, OriginalLogin)>,
    /// Held for the whole of an attempt: a refresh token is never redeemed twice at once.
    held: Mutex<Held>,
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
        RefreshTokenGrantBuilder::new(endpoint, refresh_token, keeper)
    }

    /// Has what is held kept, if it is not yet.
    async fn keep(&self, held: &mut Held) -> Result<(), Error> {
        if !held.unkept {
            return Ok(());
        }
        self.keeper.keep(held.to_keep()).await.map_err(|e| {
            let fact = "the new refresh token is not kept yet, so that its access token is not given out";
            Error::new(ErrorKind::Storage, Stage::Keep, fact).with_source(e)
        })?;
        held.unkept = false;
        Ok(())
    }

    fn request(&self, held: &Held) -> TokenRequest {
        let mut request = TokenRequest::new("refresh_token")
            .parameter("refresh_token", held.current().expose())
            .keeping_refresh_token(held.current().clone())
            .assumed_scope(held.granted.clone());
        if let Some(narrowed) = &self.narrowed {
            request = request.scope(narrowed.clone()).assumed_scope(narrowed.clone());
        }
        for resource in &self.resources {
            request = request.resource(resource);
        }
        if let Some(key) = &self.dpop_key {
            request = request.dpop_key(key.clone());
        }
        match &self.key {
            Some(key) => request.key(key.clone()),
            None => request,
        }
    }

    /// A token set is at hand, perhaps with a new refresh token, which is kept before anything else.
    async fn succeed(
        &self,
        held: &mut Held,
        set: TokenSet,
        id_token: Option<IdToken>,
    ) -> Result<TokenSet, Failure> {
        if held.granted.is_empty() && self.narrowed.is_none() {
            held.granted = set.token().scope().clone();
        }
        let unchecked = self.login.as_ref().zip(id_token);
        let changed = held.succeed(&set);
        if unchecked.is_some() {
            held.take_back();
        }
        if changed {
            if let Err(error) = self.keep(held).await {
                // The live credential is in memory, and nowhere else yet.
                return Err(Failure::unknown(error).with_salvaged(Some(held.current().clone())));
            }
            held.publish();
        }
        if let Some(((verifier, login), id_token)) = unchecked {
            let access_token = AccessToken::new(set.token().expose());
            let expected = ExpectedIdToken::new().renewing(login).access_token(access_token);
            // What is redeemed next is known, kept, and not spent.
            verifier.verify(&id_token, &expected).await.map_err(Failure::not_consumed)?;
            held.show(&set);
        }
        Ok(set)
    }

    async fn fail(&self, held: &mut Held, failure: Failure) -> Failure {
        if let Some(found) = &failure.salvaged {
            if held.salvage(found) {
                // If it is not kept now, it is before the next request.
                let _ = self.keep(held).await;
            }
            return failure;
        }
        // What is no refresh token at all may be an invalid request rather than an invalid grant.
        let refused = failure.consumed == Consumed::Refused || failure.error.kind() == ErrorKind::Refused;
        if !(refused && held.fall_back()) {
            return failure;
        }
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
        if let Some(newer) = held.newer(attempt, self.endpoint.clock().now()) {
            return Ok(newer);
        }
        let (result, news) = self.endpoint.ask(self.request(held), attempt).await;
        let result = match result {
            Ok(redeemed) => self.succeed(held, redeemed.token_set, redeemed.id_token).await,
            Err(failure) => Err(self.fail(held, failure).await),
        };
        // Only now: what came is held, and kept.
        self.endpoint.channel().tell(news);
        result
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
