//! The authorization server that tests start.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use grantry_core::{
    AssertionAudience, AuthorizationServer, Clock, Pkce, RefreshToken, Rotation, SystemClock,
};
use grantry_endpoint::{Answer, Request, Transport};

use crate::authority::{AnswerStyle, Authority, METHODS, Moment, ScopePolicy, SeededGrant, Settings};
use crate::fault::Fault;
use crate::front::{Bound, Front};
use crate::stage::{Site, Stage};
use crate::{Endpoint, InMemoryTransport, Ledger, ReceivedRequest, RegisteredClient, SeededEntropy};

/// The issuer of a server without a socket.
const IN_MEMORY: &str = "https://as.test";

/// An OAuth 2.0 authorization server in this process: on a loopback port, in memory, or both.
///
/// It speaks authorization codes with PKCE, pushed authorization requests (RFC 9126), device authorizations (RFC 8628),
/// token exchange (RFC 8693), JWTs as grants (RFC 7523), client credentials and refresh tokens with the rotation
/// policies of real providers, revocation (RFC 7009), introspection (RFC 7662), ID tokens with the keys to them and UserInfo (OpenID Connect Core), and metadata (RFC 8414), enters every request in a [`Ledger`] and lets [`Fault`]s happen. Dropping it closes its socket.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use grantry_testkit::{Endpoint, Fault, RegisteredClient, TestServer};
///
/// let server = TestServer::builder()
///     .client(RegisteredClient::with_secret("billing", "s3cret"))
///     .start()
///     .await?;
/// server.inject(Endpoint::Token, Fault::status(503).retry_after("1").times(2));
/// // ... point your service at server.issuer(), then see what it sent:
/// assert_eq!(server.ledger().count(Endpoint::Token), 0);
/// server.shutdown().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TestServer {
    desk: Desk,
    stage: Arc<Stage>,
    origin: String,
    front: Option<Front>,
    seed: u64,
}

impl TestServer {
    /// A server without clients, an hour of life for its tokens, and no faults.
    pub fn builder() -> TestServerBuilder {
        TestServerBuilder {
            clients: Vec::new(),
            settings: Settings::default(),
            clock: Arc::new(SystemClock::new()),
            entropy: None,
            issuer_path: String::new(),
        }
    }

    /// The issuer identifier: `http://127.0.0.1:port`, or `https://as.test` for a server without a socket.
    pub fn issuer(&self) -> String {
        self.with_authority(|authority, _| authority.issuer().to_owned())
    }

    /// The token endpoint's URL.
    pub fn token_endpoint(&self) -> String {
        self.facts().token_endpoint
    }

    /// The facts about this server as a client holds them, filled in without asking its metadata.
    ///
    /// # Errors
    /// None in practice: its own URLs are loopback or https.
    pub fn authorization_server(&self) -> Result<AuthorizationServer, grantry_core::Error> {
        let facts = self.facts();
        let settings = self.with_authority(|authority, _| authority.settings_mut().clone());
        AuthorizationServer::builder(facts.token_endpoint)
            .issuer(facts.issuer)
            .authorization_endpoint(facts.authorization_endpoint)
            .pushed_authorization_request_endpoint(facts.pushed_authorization_request_endpoint)
            .device_authorization_endpoint(facts.device_authorization_endpoint)
            .authorization_response_iss_parameter(settings.advertises_response_issuer)
            .require_pushed_authorization_requests(settings.requires_pushed_requests)
            .pkce(Pkce::Supported)
            .revocation_endpoint(facts.revocation_endpoint)
            .introspection_endpoint(facts.introspection_endpoint)
            .jwks_uri(facts.jwks_uri)
            .userinfo_endpoint(facts.userinfo_endpoint)
            .client_authentication_methods(METHODS)
            .rotation(settings.rotation)
            .old_access_token_dies(settings.old_access_token_dies)
            .assertion_audience(settings.assertion_audience)
            .build()
    }

    /// Every request that came, and what became of it.
    pub fn ledger(&self) -> &Ledger {
        &self.stage.ledger
    }

    /// Queues a fault for an endpoint's next requests.
    pub fn inject(&self, endpoint: Endpoint, fault: Fault) {
        self.stage.faults.push(endpoint, fault);
    }

    /// Takes back an endpoint's faults that have not happened yet.
    pub fn clear_faults(&self, endpoint: Endpoint) {
        self.stage.faults.clear(endpoint);
    }

    /// Puts a grant there, as if a person had consented, and gives its first refresh token.
    pub fn seed_grant(&self, grant: SeededGrant) -> RefreshToken {
        self.with_authority(|authority, _| authority.seed_grant(grant))
    }

    /// Signs ID tokens with new keys from now on; those before are published no more.
    pub fn rotate_signing_keys(&self) {
        self.with_authority(|authority, _| authority.rotate_signing_keys());
    }

    /// Takes back every access token issued so far, as an incident does: resources answer 401 from now on.
    pub fn revoke_access_tokens(&self) {
        self.with_authority(|authority, _| authority.revoke_access_tokens());
    }

    /// Does something with the state machine inside, between two requests. No request is served meanwhile, and
    /// the server's own methods must not be called from inside.
    pub fn with_authority<R>(&self, act: impl FnOnce(&mut Authority, Moment) -> R) -> R {
        self.desk.with(act)
    }

    /// Opens a URL of the authorization endpoint as a person's browser does, without a socket, and gives where it is
    /// sent next: to the redirect URI, with whatever the person decided. `None` where it stays on a page of the server.
    pub async fn visit(&self, url: &str) -> Option<String> {
        let url = url::Url::parse(url).ok()?;
        let answer = self.transport().send(Request::new(http::Method::GET, url)).await.ok()?;
        let location = answer.headers().get(http::header::LOCATION)?;
        location.to_str().ok().map(str::to_owned)
    }

    /// A person types the user code of a device authorization in, and approves. `false` where there is no such code, or
    /// not any more.
    pub fn approve(&self, user_code: &str) -> bool {
        self.with_authority(|authority, at| authority.approve_device(user_code, at))
    }

    /// The same, and declines.
    pub fn deny(&self, user_code: &str) -> bool {
        self.with_authority(|authority, at| authority.deny_device(user_code, at))
    }

    /// A transport into this server that needs no socket.
    pub fn transport(&self) -> InMemoryTransport {
        InMemoryTransport::new(self.stage.clone(), self.origin.clone())
    }

    /// The seed that its tokens come of: [`TestServerBuilder::seed`] repeats them.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Closes the socket and every connection, and waits until they are. Transports in memory go on.
    pub async fn shutdown(self) {
        if let Some(front) = self.front {
            front.shutdown().await;
        }
    }

    pub(crate) fn desk(&self) -> &Desk {
        &self.desk
    }

    fn facts(&self) -> crate::authority::Metadata {
        self.with_authority(|authority, _| authority.metadata())
    }
}

impl fmt::Debug for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestServer")
            .field("issuer", &self.issuer())
            .field("seed", &self.seed)
            .field("requests", &self.ledger().total())
            .finish_non_exhaustive()
    }
}

/// Builds a [`TestServer`].
#[derive(Debug, Clone)]
#[must_use]
pub struct TestServerBuilder {
    clients: Vec<RegisteredClient>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    entropy: Option<SeededEntropy>,
    issuer_path: String,
}

impl TestServerBuilder {
    /// Registers a client. May be called several times.
    pub fn client(mut self, client: RegisteredClient) -> Self {
        self.clients.push(client);
        self
    }

    /// How long access tokens live. 1 h if not set.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.token_lifetime = lifetime;
        self
    }

    /// What is granted of the scope asked for. All of it if not set.
    pub fn scope_policy(mut self, policy: ScopePolicy) -> Self {
        self.settings.scope_policy = policy;
        self
    }

    /// What happens to refresh tokens that are used. [`Rotation::None`] if not set.
    pub fn rotation(mut self, rotation: Rotation) -> Self {
        self.settings.rotation = rotation;
        self
    }

    /// A renewal kills the access tokens before it.
    pub fn old_access_token_dies(mut self) -> Self {
        self.settings.old_access_token_dies = true;
        self
    }

    /// Whom client assertions have to be for. The issuer if not set.
    pub fn assertion_audience(mut self, audience: AssertionAudience) -> Self {
        self.settings.assertion_audience = audience;
        self
    }

    /// How token answers are written. As RFC 6749 has it if not set.
    pub fn answer_style(mut self, style: AnswerStyle) -> Self {
        self.settings.answer_style = style;
        self
    }

    /// The server's clock; the machine's if not set. One of its own, and `Date` tells of the difference.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The seed that tokens come of. A new one for each server if not set.
    pub fn seed(mut self, seed: u64) -> Self {
        self.entropy = Some(SeededEntropy::new(seed));
        self
    }

    /// A path behind the issuer's origin, such as `/tenant-1`, for servers that keep several issuers apart.
    pub fn issuer_path(mut self, path: &str) -> Self {
        self.issuer_path = path.trim_matches('/').to_owned();
        self
    }

    /// The state machine alone, under an issuer of your choice.
    pub fn build_authority(self, issuer: &str) -> Authority {
        let entropy = self.entropy.unwrap_or_else(SeededEntropy::from_system);
        let mut authority = Authority::new(issuer, self.settings, entropy);
        self.clients.into_iter().for_each(|client| authority.register(client));
        authority
    }

    /// A server without a socket, to be reached by [`TestServer::transport`].
    pub fn build(self) -> TestServer {
        self.assemble(IN_MEMORY.to_owned())
    }

    /// A server on an ephemeral port of 127.0.0.1, ready for requests when this returns.
    ///
    /// # Errors
    /// Where no port can be bound.
    pub async fn start(self) -> io::Result<TestServer> {
        let bound = Bound::bind().await?;
        let mut server = self.assemble(bound.origin());
        server.front = Some(bound.serve(server.stage.clone()));
        Ok(server)
    }

    fn assemble(mut self, origin: String) -> TestServer {
        let issuer = format!("{origin}/{}", self.issuer_path);
        let entropy = self.entropy.get_or_insert_with(SeededEntropy::from_system).clone();
        let clock = self.clock.clone();
        let authority = self.build_authority(issuer.trim_end_matches('/'));
        let desk = Desk { authority: Arc::new(Mutex::new(authority)), clock: clock.clone() };
        let stage = Arc::new(Stage::new(desk.clone(), clock));
        TestServer { desk, stage, origin, front: None, seed: entropy.seed() }
    }
}

/// The state machine as its fronts and resources share it.
#[derive(Clone)]
pub(crate) struct Desk {
    authority: Arc<Mutex<Authority>>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Desk {
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut Authority, Moment) -> R) -> R {
        let mut authority = self.authority.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut authority, Moment::read(&*self.clock))
    }
}

impl Site for Desk {
    fn endpoint(&self, path: &str) -> Endpoint {
        self.with(|authority, _| authority.endpoint(path))
    }

    fn answer(&self, request: &ReceivedRequest, at: Moment) -> Answer {
        self.with(|authority, _| authority.answer(request, at))
    }
}
