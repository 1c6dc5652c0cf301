//! The authorization server and the resource of a race.

use std::net::SocketAddr;
use std::sync::Arc;

use grantry_core::{RefreshToken, Scope};
use grantry_testkit::{RegisteredClient, SeededGrant, TestServer};
use grantry_tests::{OidcProvider, Settings};

use crate::gate::Gate;
use crate::{Fallible, Scenario, Server};

/// Servers that have been started, with grants for one client. Dropping them ends them.
#[derive(Debug)]
pub(crate) struct Servers {
    running: Running,
    pub(crate) client_id: &'static str,
    pub(crate) client_secret: &'static str,
    pub(crate) issuer: String,
    /// Where the token endpoint itself is; workers go by the relay.
    pub(crate) token_endpoint: SocketAddr,
    pub(crate) resource: String,
    /// The first refresh token of each grant.
    pub(crate) first: Vec<String>,
}

#[derive(Debug)]
enum Running {
    Testkit(Arc<TestServer>, Gate),
    OidcProvider(Box<OidcProvider>),
}

impl Servers {
    /// Starts what the scenario asks for. Tokens of the testkit's server come of the seed.
    pub(crate) async fn start(scenario: &Scenario, seed: u64) -> Fallible<Self> {
        match scenario.server {
            Server::Testkit(rotation) => {
                let (id, secret) = ("races", "races-secret");
                let server = TestServer::builder()
                    .client(RegisteredClient::with_secret(id, secret))
                    .rotation(rotation)
                    .token_lifetime(scenario.lifetime)
                    .seed(seed)
                    .start()
                    .await?;
                let server = Arc::new(server);
                let scope = Scope::parse("read")?;
                let grant = |_| server.seed_grant(SeededGrant::new(id, scope.clone())).expose().to_owned();
                let first = (0..scenario.grants).map(grant).collect();
                let gate = Gate::start(Arc::clone(&server)).await?;
                Ok(Self {
                    client_id: id,
                    client_secret: secret,
                    issuer: server.issuer(),
                    token_endpoint: address(&server.issuer())?,
                    resource: gate.url(),
                    first,
                    running: Running::Testkit(server, gate),
                })
            }
            Server::OidcProvider => {
                let access_ttl = u32::try_from(scenario.lifetime.as_secs())?;
                let server = OidcProvider::start(Settings { access_ttl, ..Settings::default() })?;
                let first = (0..scenario.grants).map(|_| server.refresh_token()).collect::<Fallible<_>>()?;
                Ok(Self {
                    client_id: "refreshing",
                    client_secret: "refreshing-secret",
                    issuer: server.issuer().to_owned(),
                    token_endpoint: address(server.issuer())?,
                    // Its userinfo endpoint takes every live access token of a person.
                    resource: server.url("/me"),
                    first,
                    running: Running::OidcProvider(Box::new(server)),
                })
            }
        }
    }

    /// Whether a refresh token would be accepted now. Nothing is spent by asking.
    pub(crate) fn is_live(&self, token: &str) -> Fallible<bool> {
        match &self.running {
            Running::Testkit(server, _) => {
                let token = RefreshToken::new(token);
                Ok(server.with_authority(|authority, at| authority.is_live(&token, at)))
            }
            Running::OidcProvider(server) => server.is_live(token),
        }
    }

    /// How many presentations brought 200 at the resource, and how many 401.
    pub(crate) fn presentations(&self) -> Fallible<(u64, u64)> {
        match &self.running {
            Running::Testkit(_, gate) => Ok(gate.presentations()),
            Running::OidcProvider(server) => {
                Ok((server.requests("GET /me 200")?, server.requests("GET /me 401")?))
            }
        }
    }

    /// How many requests came to the token endpoint itself.
    pub(crate) fn token_requests(&self) -> Fallible<u64> {
        match &self.running {
            Running::Testkit(server, _) => Ok(server.ledger().count(grantry_testkit::Endpoint::Token)),
            Running::OidcProvider(server) => server.requests("POST /token"),
        }
    }
}

/// The address of an issuer on loopback, `http://127.0.0.1:port`.
fn address(issuer: &str) -> Fallible<SocketAddr> {
    let authority = issuer.strip_prefix("http://").ok_or("the issuer is not reached by plain http")?;
    Ok(authority.trim_end_matches('/').parse()?)
}
