//! The authorization server as a state machine: a request and a moment in, an answer out.

mod answers;
mod assertion;
mod authentication;
mod authorization;
mod bearer;
mod code;
mod decisions;
mod device;
mod exchange;
mod id_token;
mod introspection;
mod metadata;
mod pushed;
mod refresh;
mod revocation;
mod settings;
mod signing_keys;
mod store;
mod token;
mod user_info;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use grantry_core::{AccessToken, ClientId, Clock, Instant, RefreshToken, Scope, Timestamp};
use grantry_endpoint::Answer;
use http::Method;

use crate::proof::Proofs;
use crate::request::is_form;
use crate::{Endpoint, ReceivedRequest, RegisteredClient, SeededEntropy};

use answers::Refusal;
use assertion::SeenAssertions;
pub use decisions::{Decision, DeviceDecision, ResponseIssuer, ResponseState};
pub use id_token::{IdTokenSignature, IdTokenStyle};
pub(crate) use metadata::{METHODS, Metadata};
pub use settings::{AnswerStyle, ExpiresIn, ScopeForm, ScopePolicy, Settings};
use signing_keys::SigningKeys;
use store::{Store, StoredGrant};

/// The person who decides, where nobody else was named.
const PERSON: &str = "resource-owner";

/// The boot clock and the wall clock at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "two readings of one clock")]
pub struct Moment {
    /// The boot clock, which lifetimes are measured by.
    pub now: Instant,
    /// The wall clock, which stands in answers and assertions.
    pub wall: Timestamp,
}

impl Moment {
    /// Reads both clocks.
    pub fn read(clock: &dyn Clock) -> Self {
        Self { now: clock.now(), wall: clock.wall() }
    }
}

/// A grant that a test puts there, as if a person had consented.
///
/// ```
/// use grantry_core::Scope;
/// use grantry_testkit::SeededGrant;
/// let grant = SeededGrant::new("crm", Scope::parse("contacts.read")?).subject("user-17");
/// # let _ = grant;
/// # Ok::<(), grantry_core::InvalidScope>(())
/// ```
#[derive(Debug, Clone)]
pub struct SeededGrant {
    client: ClientId,
    subject: Arc<str>,
    scope: Scope,
}

impl SeededGrant {
    /// A grant to a client, by a person called `resource-owner`.
    pub fn new(client: impl Into<ClientId>, scope: Scope) -> Self {
        Self { client: client.into(), subject: "resource-owner".into(), scope }
    }

    /// By somebody else.
    #[must_use]
    pub fn subject(self, subject: &str) -> Self {
        Self { subject: subject.into(), ..self }
    }
}

/// What the authorization server knows of a live access token.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessTokenFacts {
    /// Whom it was issued to.
    pub client: ClientId,
    /// On whose behalf: the resource owner, or the client itself.
    pub subject: String,
    /// What it may be used for.
    pub scope: Scope,
    /// When it expires.
    pub expires: Instant,
    /// The thumbprint of the key that it is bound to, if it is (RFC 9449 section 6).
    pub bound_to: Option<String>,
}

/// An OAuth 2.0 authorization server without any I/O: it answers a request that came at a given moment.
///
/// [`TestServer`](crate::TestServer) puts it behind a socket and behind a transport in memory. On its own it
/// is for simulations that want to decide about every byte and moment themselves.
///
/// ```
/// use grantry_core::Clock;
/// use grantry_testkit::{ManualClock, Moment, ReceivedRequest, RegisteredClient, TestServer};
/// use http::{HeaderMap, HeaderValue, Method, header::CONTENT_TYPE};
///
/// let client = RegisteredClient::with_secret("billing", "s3cret");
/// let mut authority = TestServer::builder().client(client).build_authority("https://as.test");
/// let form = HeaderValue::from_static("application/x-www-form-urlencoded");
/// let request = ReceivedRequest::new(
///     Method::POST,
///     "https://as.test/token".parse()?,
///     HeaderMap::from_iter([(CONTENT_TYPE, form)]),
///     "grant_type=client_credentials&client_id=billing&client_secret=s3cret",
/// );
/// let answer = authority.answer(&request, Moment::read(&ManualClock::new()));
/// assert_eq!(answer.status(), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Authority {
    issuer: String,
    /// The path of the issuer, without a slash at its end.
    path: String,
    clients: BTreeMap<String, Arc<RegisteredClient>>,
    settings: Settings,
    store: Store,
    assertions: SeenAssertions,
    proofs: Proofs,
    signing_keys: SigningKeys,
}

impl Authority {
    /// `issuer` has no slash at its end, unless it has a path that ends with one.
    pub(crate) fn new(issuer: &str, settings: Settings, entropy: SeededEntropy) -> Self {
        let after_scheme = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
        let path = after_scheme.split_once('/').map(|(_, path)| format!("/{}", path.trim_end_matches('/')));
        Self {
            issuer: issuer.to_owned(),
            path: path.filter(|p| p != "/").unwrap_or_default(),
            clients: BTreeMap::new(),
            settings,
            store: Store::new(entropy),
            assertions: SeenAssertions::default(),
            proofs: Proofs::new("as"),
            signing_keys: SigningKeys::default(),
        }
    }

    /// Answers a request. What it spends is spent, whatever becomes of the answer.
    pub fn answer(&mut self, request: &ReceivedRequest, at: Moment) -> Answer {
        let endpoint = self.endpoint(request.path());
        let answer = match endpoint {
            Endpoint::Metadata => metadata::answer(self, request),
            Endpoint::Token => accept(request).and_then(|()| token::answer(self, request, at)),
            Endpoint::Authorization => authorization::answer(self, request, at),
            Endpoint::PushedAuthorization => accept(request).and_then(|()| pushed::answer(self, request, at)),
            Endpoint::DeviceAuthorization => accept(request).and_then(|()| device::answer(self, request, at)),
            Endpoint::Revocation => accept(request).and_then(|()| revocation::answer(self, request, at)),
            Endpoint::Introspection => {
                accept(request).and_then(|()| introspection::answer(self, request, at))
            }
            Endpoint::Keys => signing_keys::answer(self, request),
            Endpoint::UserInfo => user_info::answer(self, request, at),
            Endpoint::Resource | Endpoint::Unknown => Err(Refusal::not_found()),
        };
        let answer = answer.unwrap_or_else(Answer::from);
        if endpoint != Endpoint::Token || self.settings.proofs.ignored {
            return answer;
        }
        let mut headers = answer.headers().clone();
        self.proofs.name_nonce(self.settings.proofs.nonces, &mut headers);
        answer.with_headers(headers)
    }

    /// Which endpoint is at a path.
    pub fn endpoint(&self, path: &str) -> Endpoint {
        if metadata::is_at(&self.path, path) {
            return Endpoint::Metadata;
        }
        match path.strip_prefix(self.path.as_str()) {
            Some("/token") => Endpoint::Token,
            Some("/authorize") => Endpoint::Authorization,
            Some("/par") => Endpoint::PushedAuthorization,
            Some("/device_authorization") => Endpoint::DeviceAuthorization,
            Some("/revoke") => Endpoint::Revocation,
            Some("/introspect") => Endpoint::Introspection,
            Some("/jwks") => Endpoint::Keys,
            Some("/userinfo") => Endpoint::UserInfo,
            _ => Endpoint::Unknown,
        }
    }

    /// The issuer identifier (RFC 8414 section 2).
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What the server goes by, to be changed between requests.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Registers a client, in place of one with the same id.
    pub fn register(&mut self, client: RegisteredClient) {
        self.clients.insert(client.id().as_str().to_owned(), Arc::new(client));
    }

    /// Forgets a client; its tokens stay as they are.
    pub fn unregister(&mut self, client: &ClientId) {
        self.clients.remove(client.as_str());
    }

    /// Puts a grant there and gives its first refresh token.
    pub fn seed_grant(&mut self, grant: SeededGrant) -> RefreshToken {
        let SeededGrant { client, subject, scope } = grant;
        let number = self.store.grant(StoredGrant { client, subject, scope, revoked: false });
        RefreshToken::new(self.store.refresh_token(number))
    }

    /// Revokes the grant that a refresh token belongs to, as a person does in the provider's settings.
    pub fn revoke_grant_of(&mut self, token: &RefreshToken) {
        if let Some(grant) = self.store.refresh_tokens.get(token.expose()).map(|t| t.grant) {
            self.store.revoke_grant(grant);
        }
    }

    /// A person types a user code in and approves. `false` where there is no such code, or not any more.
    pub fn approve_device(&mut self, user_code: &str, at: Moment) -> bool {
        device::decide(self, user_code, true, at)
    }

    /// A person types a user code in and declines. `false` where there is no such code, or not any more.
    pub fn deny_device(&mut self, user_code: &str, at: Moment) -> bool {
        device::decide(self, user_code, false, at)
    }

    /// Signs ID tokens with new keys from now on, under new ids; those before are published no more.
    pub fn rotate_signing_keys(&mut self) {
        self.signing_keys.rotate();
    }

    /// Takes back every access token issued so far.
    pub fn revoke_access_tokens(&mut self) {
        self.store.access_tokens.clear();
    }

    /// Whether a refresh token, presented now by its client, would bring a token. Nothing is spent by asking.
    pub fn is_live(&self, token: &RefreshToken, at: Moment) -> bool {
        refresh::would_be_accepted(self, token.expose(), at)
    }

    /// What an access token is good for at the moment; `None` if it is unknown, expired or revoked.
    pub fn check(&self, token: &AccessToken, at: Moment) -> Option<AccessTokenFacts> {
        let stored = self.store.live_access_token(token.expose(), at)?;
        Some(AccessTokenFacts {
            client: stored.client.clone(),
            subject: stored.subject.to_string(),
            scope: stored.scope.clone(),
            expires: stored.expires,
            bound_to: self.store.bound.get(token.expose()).cloned(),
        })
    }

    pub(crate) fn metadata(&self) -> Metadata {
        metadata::of(self)
    }

    fn client(&self, id: &str) -> Option<Arc<RegisteredClient>> {
        self.clients.get(id).cloned()
    }
}

/// What every endpoint with a form asks of a request (RFC 6749 section 3.2).
fn accept(request: &ReceivedRequest) -> Result<(), Refusal> {
    if request.method() != Method::POST {
        return Err(Refusal::method_not_allowed("POST"));
    }
    if !is_form(request.headers()) {
        return Err(Refusal::new("invalid_request", "the body is not application/x-www-form-urlencoded"));
    }
    if request.form().repeated().is_some() {
        return Err(Refusal::new("invalid_request", "a parameter is repeated"));
    }
    Ok(())
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("issuer", &self.issuer)
            .field("clients", &self.clients.keys())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
