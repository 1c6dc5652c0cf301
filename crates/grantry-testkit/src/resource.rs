//! A resource server that checks access tokens.

mod about;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use grantry_core::{AccessToken, Scope};
use grantry_endpoint::Answer;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use about::About;

use crate::authority::Moment;
use crate::fault::Fault;
use crate::front::{Bound, Front};
use crate::proof::{Flaw, Proofs};
use crate::server::Desk;
use crate::stage::{Site, Stage};
use crate::{AccessTokenFacts, Endpoint, Ledger, Nonces, ReceivedRequest, TestServer};

/// A resource server on a loopback port that asks its [`TestServer`] whether a bearer token is live
/// (RFC 6750). Every path is a resource; a good token brings 200 and the token's subject. Its metadata (RFC 9728) names the
/// server, and its challenges name the metadata.
///
/// Without a token the answer is 401 with a bare challenge, with a bad one 401 `invalid_token`, with too small
/// a scope 403 `insufficient_scope`. Its ledger tells which requests carried an `Authorization` header.
/// Dropping it closes its socket.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use grantry_core::Scope;
/// use grantry_testkit::{ProtectedResource, TestServer};
///
/// let server = TestServer::builder().start().await?;
/// let orders = ProtectedResource::start_requiring(&server, Scope::parse("orders.read")?).await?;
/// orders.refuse_next(1);
/// // ... send requests to orders.url("/orders/17") with your client, then:
/// assert!(orders.ledger().entries().iter().all(|entry| entry.request.has_authorization()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ProtectedResource {
    stage: Arc<Stage>,
    origin: String,
    front: Front,
    proofs: Arc<Mutex<(Nonces, Proofs)>>,
    about: Arc<About>,
}

impl ProtectedResource {
    /// A resource server that takes every live token of `server`.
    ///
    /// # Errors
    /// Where no port can be bound.
    pub async fn start(server: &TestServer) -> io::Result<Self> {
        Self::start_requiring(server, Scope::EMPTY).await
    }

    /// A resource server that takes tokens of `server` with at least this scope.
    ///
    /// # Errors
    /// Where no port can be bound.
    pub async fn start_requiring(server: &TestServer, scope: Scope) -> io::Result<Self> {
        let bound = Bound::bind().await?;
        let origin = bound.origin();
        let desk = server.desk().clone();
        let clock = desk.clock.clone();
        let proofs = Arc::new(Mutex::new((Nonces::None, Proofs::new(origin.replace("://", "-")))));
        let wanted = Arc::clone(&proofs);
        let about = Arc::new(About::new(&origin, server.issuer(), &scope));
        let gate = Gate { desk, required: scope, proofs, about: Arc::clone(&about) };
        let stage = Arc::new(Stage::new(gate, clock));
        let front = bound.serve(stage.clone());
        Ok(Self { stage, origin, front, proofs: wanted, about })
    }

    /// Its origin: `http://127.0.0.1:port`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The URL of a resource; `path` begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Its identifier, which stands in its metadata (RFC 9728 section 2): its origin, if nothing else was said.
    pub fn identifier(&self) -> String {
        self.about.identifier()
    }

    /// Is known by this path from now on, which begins with a slash: its identifier and the address of its metadata have it.
    pub fn identify_as(&self, path: &str) {
        self.about.identify_as(path);
    }

    /// Every request that came: at [`Endpoint::Resource`], and at [`Endpoint::Metadata`] for its metadata.
    pub fn ledger(&self) -> &Ledger {
        &self.stage.ledger
    }

    /// Wants such nonces in the proofs that come with bound tokens (RFC 9449 section 9).
    pub fn want_nonces(&self, nonces: Nonces) {
        self.proofs.lock().unwrap_or_else(PoisonError::into_inner).0 = nonces;
    }

    /// Answers the next `n` requests 401 `invalid_token`, however good their tokens.
    pub fn refuse_next(&self, n: u32) {
        let challenge = HeaderValue::from_static(INVALID_TOKEN);
        self.inject(Fault::status(401).header(header::WWW_AUTHENTICATE, challenge).times(n));
    }

    /// Sends the next `n` requests on to `location` with this status: 302, 307 and the like. A location that
    /// cannot stand in a header is left out.
    pub fn redirect_next(&self, n: u32, status: u16, location: &str) {
        let redirect = Fault::status(status).times(n);
        self.inject(match HeaderValue::from_str(location) {
            Ok(location) => redirect.header(header::LOCATION, location),
            Err(_) => redirect,
        });
    }

    /// Queues any fault for the next requests of its metadata.
    pub fn inject_into_metadata(&self, fault: Fault) {
        self.stage.faults.push(Endpoint::Metadata, fault);
    }

    /// Queues any fault for the next requests.
    pub fn inject(&self, fault: Fault) {
        self.stage.faults.push(Endpoint::Resource, fault);
    }

    /// Takes back the faults that have not happened yet.
    pub fn clear_faults(&self) {
        self.stage.faults.clear(Endpoint::Resource);
    }

    /// Closes the socket and every connection, and waits until they are.
    pub async fn shutdown(self) {
        self.front.shutdown().await;
    }
}

impl fmt::Debug for ProtectedResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtectedResource")
            .field("origin", &self.origin)
            .field("requests", &self.ledger().total())
            .finish_non_exhaustive()
    }
}

const NONCE_WANTED: &str = "DPoP error=\"use_dpop_nonce\", algs=\"ES256 EdDSA\"";
const INVALID_PROOF: &str = "DPoP error=\"invalid_dpop_proof\", algs=\"ES256 EdDSA\"";
const INVALID_BOUND_TOKEN: &str = "DPoP error=\"invalid_token\", algs=\"ES256 EdDSA\"";
const INVALID_TOKEN: &str =
    "Bearer realm=\"resource\", error=\"invalid_token\", error_description=\"the token is not live\"";

/// Lets requests with a live token of enough scope through.
struct Gate {
    desk: Desk,
    required: Scope,
    proofs: Arc<Mutex<(Nonces, Proofs)>>,
    about: Arc<About>,
}

impl Site for Gate {
    fn endpoint(&self, path: &str) -> Endpoint {
        if about::is_at(path) { Endpoint::Metadata } else { Endpoint::Resource }
    }

    fn answer(&self, request: &ReceivedRequest, at: Moment) -> Answer {
        if about::is_at(request.path()) {
            return self.about.answer(request);
        }
        self.about.named_in(self.decide(request, at))
    }
}

impl Gate {
    fn decide(&self, request: &ReceivedRequest, at: Moment) -> Answer {
        let by_query = request.expose_query().is_some_and(|q| q.contains("access_token="));
        let headers = request.headers().get_all(header::AUTHORIZATION).iter().count();
        if by_query || headers > 1 {
            // One way, once (RFC 6750 section 2); the query is no way (OAuth 2.1 section 5.2).
            return refuse(StatusCode::BAD_REQUEST, "Bearer realm=\"resource\", error=\"invalid_request\"");
        }
        let proved = request.expose_proved();
        let Some(token) = request.expose_bearer().or(proved) else {
            return refuse(StatusCode::UNAUTHORIZED, "Bearer realm=\"resource\"");
        };
        let Some(facts) = self.desk.with(|authority, _| authority.check(&AccessToken::new(token), at)) else {
            return refuse(StatusCode::UNAUTHORIZED, INVALID_TOKEN);
        };
        let mut proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        let (nonces, proofs) = &mut *proofs;
        // A bound token is no bearer token, and a bearer token is not made one by a proof (RFC 9449 section 7).
        let answer = match (&facts.bound_to, proved) {
            (None, None) => self.serve(&facts),
            (Some(key), Some(_)) => match proofs.check(*nonces, request, Some(token), at) {
                Ok(Some(thumbprint)) if thumbprint == *key => self.serve(&facts),
                Err(Flaw::NonceWanted) => refuse(StatusCode::UNAUTHORIZED, NONCE_WANTED),
                Ok(_) => refuse(StatusCode::UNAUTHORIZED, INVALID_BOUND_TOKEN),
                Err(Flaw::Invalid(_)) => refuse(StatusCode::UNAUTHORIZED, INVALID_PROOF),
            },
            _ => refuse(StatusCode::UNAUTHORIZED, INVALID_BOUND_TOKEN),
        };
        if facts.bound_to.is_none() {
            return answer;
        }
        let mut headers = answer.headers().clone();
        proofs.name_nonce(*nonces, &mut headers);
        answer.with_headers(headers)
    }

    fn serve(&self, facts: &AccessTokenFacts) -> Answer {
        if !facts.scope.covers(&self.required) {
            let challenge = format!(
                "Bearer realm=\"resource\", error=\"insufficient_scope\", scope=\"{}\"",
                self.required
            );
            return refuse(StatusCode::FORBIDDEN, &challenge);
        }
        Answer::new(StatusCode::OK).with_body(facts.subject.as_str())
    }
}

fn refuse(status: StatusCode, challenge: &str) -> Answer {
    // Scopes hold no quotes and no control characters, so every challenge can stand in a header.
    let value = HeaderValue::from_str(challenge).ok();
    Answer::new(status).with_headers(HeaderMap::from_iter(value.map(|v| (header::WWW_AUTHENTICATE, v))))
}
