//! A server, a flow, and a person who walks from one to the other.

use std::sync::Arc;

use grantry_authorization_code::*;
use grantry_core::{AuthorizationServer, Error};
use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint, Transport};
use grantry_testkit::{Endpoint, Form, ManualClock, RegisteredClient, Settings, TestServer};
use url::Url;

pub(crate) const REDIRECT_URI: &str = "https://app.example/callback?tenant=a";
pub(crate) const CLIENT: &str = "calendar";
pub(crate) const SECRET: &str = "a client secret of 32 bytes or more";

/// A server in memory and everything around it.
pub(crate) struct Case {
    pub(crate) server: TestServer,
    pub(crate) clock: ManualClock,
    pub(crate) flow: AuthorizationCode,
    pub(crate) user_agent: UserAgentBinding,
}

pub(crate) fn test_server(clock: &ManualClock, path: &str) -> TestServer {
    let client = RegisteredClient::with_secret(CLIENT, SECRET).redirect_uri(REDIRECT_URI);
    TestServer::builder().client(client).issuer_path(path).clock(Arc::new(clock.clone())).build()
}

pub(crate) fn endpoint(
    server: AuthorizationServer,
    transport: impl Transport,
    clock: &ManualClock,
) -> TokenEndpoint {
    let client = Client::new(CLIENT, ClientAuthentication::secret_basic(SECRET)).unwrap();
    TokenEndpoint::builder(server, client, Arc::new(transport))
        .clock(Arc::new(clock.clone()))
        .build()
        .unwrap()
}

pub(crate) fn builder(server: &TestServer, clock: &ManualClock) -> AuthorizationCodeBuilder {
    let facts = server.authorization_server().unwrap();
    AuthorizationCode::builder(endpoint(facts, server.transport(), clock), REDIRECT_URI)
}

impl Case {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder.scope("read openid"))
    }

    pub(crate) fn with(change: impl FnOnce(AuthorizationCodeBuilder) -> AuthorizationCodeBuilder) -> Self {
        let clock = ManualClock::new();
        let server = test_server(&clock, "");
        let flow = change(builder(&server, &clock)).build().unwrap();
        let user_agent = flow.user_agent();
        Self { server, clock, flow, user_agent }
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Settings)) {
        self.server.with_authority(|authority, _| change(authority.settings_mut()));
    }

    /// Begins, has the person walk to the server and back, and gives what they brought.
    pub(crate) async fn walk(&self) -> (PendingAuthorization, String) {
        let (redirect, pending) = self.flow.begin(&self.user_agent).await.unwrap();
        let location = redirect.into_location().unwrap();
        let back = self.server.visit(&location).await.expect("the server sends the person back");
        assert!(back.starts_with(&format!("{REDIRECT_URI}&")), "{back}");
        (pending, back)
    }

    pub(crate) async fn finish(
        &self,
        pending: PendingAuthorization,
        back: &str,
    ) -> Result<Granted, Unfinished> {
        pending.finish(&self.flow, &self.user_agent, &Callback::from_url(back).unwrap()).await
    }

    pub(crate) async fn run(&self) -> Result<Granted, Unfinished> {
        let (pending, back) = self.walk().await;
        self.finish(pending, &back).await
    }

    pub(crate) fn token_requests(&self) -> u64 {
        self.server.ledger().count(Endpoint::Token)
    }
}

/// The parameters in the query of a URL.
pub(crate) fn query(url: &str) -> Form {
    Form::parse(Url::parse(url).unwrap().query().unwrap_or_default().as_bytes())
}

/// The same URL with one parameter of its query changed, or taken out.
pub(crate) fn with_parameter(url: &str, name: &str, value: Option<&str>) -> String {
    let mut changed = Url::parse(url).unwrap();
    let pairs: Vec<(String, String)> =
        changed.query_pairs().into_owned().filter(|(n, _)| n != name).collect();
    changed.query_pairs_mut().clear().extend_pairs(pairs);
    if let Some(value) = value {
        changed.query_pairs_mut().append_pair(name, value);
    }
    changed.into()
}

/// The error that the flow cannot be built for.
pub(crate) fn refused(builder: AuthorizationCodeBuilder) -> Error {
    builder.build().unwrap_err()
}
