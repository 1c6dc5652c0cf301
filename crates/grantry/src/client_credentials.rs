//! From a client's credential to a source, in one line.

use std::fmt;
use std::sync::Arc;

use grantry_client_credentials::ClientCredentials;
use grantry_core::{AuthorizationServer, ClientId, Error, GrantKey, NoObserver, Observer};
use grantry_endpoint::{Client, Discovered, Dpop, TokenEndpoint, TokenEndpointBuilder, Transport};
use grantry_refresh::{ManagedSource, Profile, RefreshPolicy, Scheduler};

use crate::Credential;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
use crate::default_transport::default_transport;

/// Starts a source of tokens for a client that acts on its own behalf (RFC 6749 section 4.4).
///
/// `server` is an [`AuthorizationServer`], from a preset in [`providers`](crate::providers) or your own, or what
/// [`discover`](crate::discover) found. `credential` is a secret, a
/// [`SigningKey`](crate::SigningKey), or a [`ClientAuthentication`](crate::ClientAuthentication).
///
/// ```
/// use grantry::{SigningKey, providers};
/// let key = SigningKey::generate_es256()?.with_key_id("2026-11");
/// let source = grantry::client_credentials(providers::okta("acme")?, "0oa1b2c3", key)
///     .scope("okta.users.read")
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn client_credentials(
    server: impl Into<Server>,
    client_id: impl Into<ClientId>,
    credential: impl Into<Credential>,
) -> ClientCredentialsSource {
    ClientCredentialsSource {
        server: server.into(),
        client_id: client_id.into(),
        credential: credential.into(),
        scopes: Vec::new(),
        audience: None,
        resources: Vec::new(),
        parameters: Vec::new(),
        key: None,
        policy: RefreshPolicy::default(),
        observer: Arc::new(NoObserver),
        scheduler: None,
        profile: None,
        transport: None,
        dpop: None,
        certificate_bound: false,
    }
}

/// An authorization server that was configured or discovered.
#[derive(Debug, Clone)]
pub struct Server(Origin);

#[derive(Debug, Clone)]
enum Origin {
    Configured(AuthorizationServer),
    Discovered(Discovered),
}

impl Server {
    fn facts(&self) -> &AuthorizationServer {
        match &self.0 {
            Origin::Configured(server) => server,
            Origin::Discovered(discovered) => discovered.server(),
        }
    }
}

impl From<AuthorizationServer> for Server {
    fn from(server: AuthorizationServer) -> Self {
        Self(Origin::Configured(server))
    }
}

impl From<Discovered> for Server {
    fn from(discovered: Discovered) -> Self {
        Self(Origin::Discovered(discovered))
    }
}

/// Builds a source of tokens by the client-credentials flow. See [`client_credentials`].
#[must_use]
pub struct ClientCredentialsSource {
    server: Server,
    client_id: ClientId,
    credential: Credential,
    scopes: Vec<String>,
    audience: Option<String>,
    resources: Vec<String>,
    parameters: Vec<(String, String)>,
    key: Option<GrantKey>,
    policy: RefreshPolicy,
    observer: Arc<dyn Observer>,
    scheduler: Option<Scheduler>,
    profile: Option<Arc<Profile>>,
    transport: Option<Arc<dyn Transport>>,
    dpop: Option<Dpop>,
    certificate_bound: bool,
}

impl ClientCredentialsSource {
    /// Asks for this scope too; several may stand in one text, with spaces between.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Asks for these scopes too.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// The `audience` parameter, which some servers want.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// A resource that the token is for (RFC 8707): an absolute URI without a fragment. May be given again.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Any other parameter of the token request.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// What the grant is called in events, logs and a [`Directory`](crate::Directory). If left out, it is named
    /// after the token endpoint's host: `default/HOST/default`.
    pub fn key(mut self, key: GrantKey) -> Self {
        self.key = Some(key);
        self
    }

    /// When to renew, and what an outage means for callers.
    pub fn policy(mut self, policy: RefreshPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Who is told what happens.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// The scheduler that renews in the background, for all sources that have it: one task, and one cap on renewals for each
    /// token endpoint. Its clock and randomness are the source's. If left out, it is the one of the runtime on which the
    /// source is built ([`Scheduler::of_this_runtime`]). A source that is built outside of one has a scheduler of its own: a
    /// task for each source, and a cap that holds for that source alone. Whoever builds many there, or wants to shut theirs
    /// down and nobody else's, hands one in.
    pub fn scheduler(mut self, scheduler: &Scheduler) -> Self {
        self.scheduler = Some(scheduler.clone());
        self
    }

    /// What the source shares with others of the same client: the policy, the observer, the scheduler and the breaker,
    /// in the place of what was said of them here.
    pub fn profile(mut self, profile: &Arc<Profile>) -> Self {
        self.profile = Some(Arc::clone(profile));
        self
    }

    /// How requests reach the server; if left out, that of the discovery, else an `HttpTransport` with its defaults, which
    /// all sources share that are built without one on the same runtime. Outside of a runtime each builds its own.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Binds its tokens to a key (RFC 9449): see [`Dpop`](crate::Dpop).
    pub fn dpop(mut self, dpop: Dpop) -> Self {
        self.dpop = Some(dpop);
        self
    }

    /// Says that the server binds its tokens to the certificate of the transport (RFC 8705 section 3): see
    /// [`TokenEndpointBuilder::certificate_bound`](crate::TokenEndpointBuilder::certificate_bound).
    pub fn certificate_bound(mut self) -> Self {
        self.certificate_bound = true;
        self
    }

    /// Checks everything and builds the source. Nothing is sent before somebody asks for a token.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) says what to change. A host that nobody knows is not found here,
    /// since a build needs no network: it shows at the first request, as [`Unreachable`](crate::ErrorKind::Unreachable) with
    /// a diagnosis.
    pub fn build(mut self) -> Result<Arc<ManagedSource>, Error> {
        let profile = match self.profile.take() {
            Some(profile) => profile,
            None => Profile::builder(
                self.server.facts().token_endpoint().as_str(),
                self.client_id.as_str(),
                &self.scheduler.take().unwrap_or_else(Scheduler::of_this_runtime),
            )
            .policy(self.policy.fitted_to(self.server.facts()))
            .observer(Arc::clone(&self.observer))
            .build(),
        };
        let key = match self.key.take() {
            Some(key) => key,
            None => default_key(self.server.facts())?,
        };
        let client = Client::new(self.client_id, self.credential.at(self.server.facts()))?;
        let mut endpoint = endpoint(self.server, client, self.transport)?;
        if let Some(dpop) = self.dpop {
            endpoint = endpoint.dpop(dpop);
        }
        if self.certificate_bound {
            endpoint = endpoint.certificate_bound();
        }
        let endpoint = endpoint
            .clock(profile.scheduler().clock())
            .entropy(profile.scheduler().entropy())
            .observer(Arc::clone(profile.observer()))
            .build()?;
        let mut grant = ClientCredentials::builder(endpoint).scopes(self.scopes).key(key.clone());
        for resource in self.resources {
            grant = grant.resource(resource);
        }
        for (name, value) in self.parameters {
            grant = grant.parameter(name, value);
        }
        if let Some(audience) = self.audience {
            grant = grant.audience(audience);
        }
        Ok(ManagedSource::new(key, Arc::new(grant.build()?), &profile))
    }
}

// A parameter's value may be a credential, and is not shown.
impl fmt::Debug for ClientCredentialsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("ClientCredentialsSource")
            .field("server", &self.server)
            .field("client_id", &self.client_id)
            .field("credential", &self.credential)
            .field("scopes", &self.scopes)
            .field("audience", &self.audience)
            .field("resources", &self.resources)
            .field("parameters", &names)
            .field("key", &self.key)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

fn endpoint(
    server: Server,
    client: Client,
    transport: Option<Arc<dyn Transport>>,
) -> Result<TokenEndpointBuilder, Error> {
    match (server.0, transport) {
        (Origin::Discovered(discovered), None) => Ok(discovered.endpoint(client)),
        (Origin::Discovered(discovered), Some(transport)) => Ok(discovered.endpoint_over(client, transport)),
        (Origin::Configured(server), Some(transport)) => {
            Ok(TokenEndpoint::builder(server, client, transport))
        }
        (Origin::Configured(server), None) => {
            Ok(TokenEndpoint::builder(server, client, default_transport()?))
        }
    }
}

#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
fn default_transport() -> Result<Arc<dyn Transport>, Error> {
    Err(Error::configuration(
        "there is no transport: turn the feature `rustls` or `native-tls` on, or hand one in",
    ))
}

/// A name for a grant that was given none: the host is a service name already, but for an address in brackets.
fn default_key(server: &AuthorizationServer) -> Result<GrantKey, Error> {
    let host = server.token_endpoint().host_str().unwrap_or_default().to_ascii_lowercase();
    let name: String =
        host.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')).take(63).collect();
    GrantKey::new("default", name.trim_start_matches(['.', '-']), "default").map_err(|e| {
        Error::configuration("the token endpoint's host makes no name: give the source a key").with_source(e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_without_a_key_is_named_after_the_host() {
        let key = |url: &str| {
            let server = AuthorizationServer::builder(url).build().unwrap();
            default_key(&server).unwrap().to_string()
        };
        assert_eq!(key("https://AS.example.com/token"), "default/as.example.com/default");
        assert_eq!(key("http://127.0.0.1:8080/token"), "default/127.0.0.1/default");
        assert_eq!(key("http://[::1]:8080/token"), "default/1/default");
    }

    #[tokio::test]
    async fn sources_without_a_scheduler_of_their_own_are_renewed_by_one_task() {
        let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
        let test = grantry_testkit::TestServer::builder().client(client).build();
        let mut sources = Vec::new();
        for _ in 0..10 {
            let server = AuthorizationServer::builder(test.token_endpoint()).build().unwrap();
            let source =
                client_credentials(server, "billing", "s3cret").transport(Arc::new(test.transport()));
            let source = source.build().unwrap();
            grantry_core::TokenSource::token(&source).await.unwrap();
            sources.push(source);
        }
        while sources[0].profile().scheduler().renewals_in_flight() > 0 {
            tokio::task::yield_now().await;
        }
        tokio::task::yield_now().await;
        assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 1);
        assert_eq!(sources[0].profile().scheduler().booked(), 10);
    }

    #[test]
    fn mistakes_are_found_when_the_source_is_built() {
        let server = || AuthorizationServer::builder("https://as.example.com/token").build().unwrap();
        let refused = [
            (client_credentials(server(), "", "secret"), "client id"),
            (client_credentials(server(), "id", ""), "secret"),
            (client_credentials(server(), "id", "secret").scope("a\"b"), "scope"),
            (client_credentials(server(), "id", "secret").resource("not a uri"), "resource"),
            (client_credentials(server(), "id", "secret").parameter("grant_type", "x"), "grant_type"),
            (client_credentials(crate::providers::okta("acme").unwrap(), "id", "secret"), "private_key_jwt"),
        ];
        for (builder, named) in refused {
            let error = builder.build().unwrap_err();
            let text = format!("{error} {}", error.diagnosis());
            assert_eq!(error.kind(), grantry_core::ErrorKind::Configuration);
            assert!(text.contains(named), "{text}");
        }
    }
}
