//! A gateway with a vault, a server, and browsers with cookies.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use grantry::authorization_code::{AuthorizationCode, AuthorizationCodeBuilder, PendingInMemory};
use grantry::vault::access::{AccessPolicy, Principal};
use grantry::vault::audit::MemorySink;
use grantry::vault::{LocalKey, MemoryVault, PrincipalVault, SealedVault, Vault};
use grantry::{AuthorizationServer, Client, ClientAuthentication, TokenEndpoint};
use grantry_axum::{Logins, LoginsBuilder, PendingPlace, People, Person, VaultKeeper};
use grantry_testkit::{Endpoint, ManualClock, RegisteredClient, TestServer};
use http_body_util::BodyExt;
use tower::ServiceExt;
use zeroize::Zeroizing;

pub(crate) const CALLBACK: &str = "https://gateway.example/oauth/callback";
const CLIENT: &str = "gateway";
const SECRET: &str = "a client secret of 32 bytes or more";

/// Whoever the header `x-user` says, as `tenant/account`.
#[derive(Debug)]
pub(crate) struct Sessions;

#[async_trait]
impl People for Sessions {
    async fn person(&self, request: &Parts) -> Result<Person, Response> {
        let user = request.headers.get("x-user").and_then(|user| user.to_str().ok());
        let Some((tenant, account)) = user.and_then(|user| user.split_once('/')) else {
            return Err(Redirect::to("/login").into_response());
        };
        Person::new(tenant, account).map_err(|_| StatusCode::FORBIDDEN.into_response())
    }
}

pub(crate) struct App {
    pub(crate) clock: ManualClock,
    pub(crate) server: Arc<TestServer>,
    pub(crate) backend: Arc<MemoryVault>,
    pub(crate) vault: PrincipalVault,
    pub(crate) logins: Logins,
    pub(crate) router: Router,
}

pub(crate) fn test_server(clock: &ManualClock, path: &str, redirect_uris: &[&str]) -> TestServer {
    let mut client = RegisteredClient::with_secret(CLIENT, SECRET);
    for uri in redirect_uris {
        client = client.redirect_uri(*uri);
    }
    TestServer::builder().client(client).issuer_path(path).clock(Arc::new(clock.clone())).build()
}

pub(crate) fn endpoint(server: AuthorizationServer, of: &TestServer, clock: &ManualClock) -> TokenEndpoint {
    let client = Client::new(CLIENT, ClientAuthentication::secret_basic(SECRET)).unwrap();
    TokenEndpoint::builder(server, client, Arc::new(of.transport()))
        .clock(Arc::new(clock.clone()))
        .build()
        .unwrap()
}

pub(crate) fn flow(server: &TestServer, clock: &ManualClock) -> AuthorizationCodeBuilder {
    let facts = server.authorization_server().unwrap();
    AuthorizationCode::builder(endpoint(facts, server, clock), CALLBACK).scope("read")
}

/// A replica's view of the vault.
pub(crate) async fn vault(backend: impl Vault) -> PrincipalVault {
    let me = Principal::workload("gateway").unwrap();
    let key = LocalKey::from_bytes(Zeroizing::new([7; 32]));
    SealedVault::builder(backend, key, AccessPolicy::sole(&me))
        .audit_elsewhere()
        .audit_sink(MemorySink::as_if_durable())
        .open()
        .await
        .unwrap()
        .as_principal(me)
}

impl App {
    pub(crate) async fn new() -> Self {
        Self::with(|logins, _, _| logins).await
    }

    pub(crate) async fn with(
        change: impl FnOnce(LoginsBuilder, &TestServer, &ManualClock) -> LoginsBuilder,
    ) -> Self {
        let clock = ManualClock::new();
        let server = test_server(&clock, "crm", &[CALLBACK]);
        let backend = Arc::new(MemoryVault::with_clock(clock.clone()));
        let vault = vault(Arc::clone(&backend)).await;
        for tenant in ["acme", "globex"] {
            vault.create_tenant(tenant).await.unwrap();
        }
        let logins = builder(&vault, &clock).service("crm", flow(&server, &clock).build().unwrap());
        let logins = change(logins, &server, &clock).build().unwrap();
        let router = logins.router();
        Self { clock, server: Arc::new(server), backend, vault, logins, router }
    }

    /// Another process with the same services and the same store.
    pub(crate) async fn replica(&self) -> Router {
        let vault = vault(Arc::clone(&self.backend)).await;
        let flow = flow(&self.server, &self.clock).build().unwrap();
        builder(&vault, &self.clock).service("crm", flow).build().unwrap().router()
    }

    pub(crate) fn browser(&self, user: &str) -> Browser {
        Browser::new(self.router.clone(), user)
    }

    pub(crate) fn token_requests(&self) -> u64 {
        self.server.ledger().count(Endpoint::Token)
    }

    pub(crate) async fn is_connected(&self, tenant: &str, account: &str) -> bool {
        self.vault.tenant(tenant).unwrap().grant("crm", account).await.unwrap().is_some()
    }
}

fn builder(vault: &PrincipalVault, clock: &ManualClock) -> LoginsBuilder {
    let keeper = VaultKeeper::new(vault.clone()).with_clock(Arc::new(clock.clone()));
    Logins::builder(Sessions, keeper, PendingPlace::vault(vault.clone()))
}

/// The same with the logins in memory.
pub(crate) fn in_memory(clock: &ManualClock) -> (PendingInMemory, PendingPlace) {
    let store = PendingInMemory::new(Arc::new(clock.clone()));
    let place = PendingPlace::shared(Arc::new(store.clone()));
    (store, place)
}

/// A browser with somebody logged in at the gateway.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) router: Router,
    pub(crate) user: String,
    pub(crate) cookies: BTreeMap<String, String>,
}

pub(crate) struct Seen {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn location(&self) -> &str {
        self.headers[LOCATION].to_str().unwrap()
    }
}

impl Browser {
    pub(crate) fn new(router: Router, user: &str) -> Self {
        Self { router, user: user.to_owned(), cookies: BTreeMap::new() }
    }

    pub(crate) fn request(&self, method: &str, url: &str, headers: &[(&str, &str)]) -> Request<Body> {
        let mut request = Request::builder().method(method).uri(url).header("x-user", &self.user);
        if !self.cookies.is_empty() {
            let pairs: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    pub(crate) async fn load(&mut self, url: &str) -> Seen {
        self.send("GET", url, &[]).await
    }

    pub(crate) async fn send(&mut self, method: &str, url: &str, headers: &[(&str, &str)]) -> Seen {
        let request = self.request(method, url, headers);
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for set in parts.headers.get_all(SET_COOKIE) {
            let (name, value) = set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Seen { status: parts.status, headers: parts.headers, body }
    }

    /// Begins, and walks through the server; where the browser is sent then.
    pub(crate) async fn walk(&mut self, server: &TestServer, service: &str) -> String {
        let sent = self.load(&format!("/oauth/start/{service}")).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
        server.visit(sent.location()).await.unwrap()
    }
}

pub(crate) fn title(seen: &Seen) -> &str {
    seen.body.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).unwrap_or_default()
}

pub(crate) fn parameter(url: &str, name: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    url.query_pairs().find(|(found, _)| found == name).unwrap().1.into_owned()
}
