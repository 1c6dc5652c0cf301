//! Secrets on their way to an authorization server, and what it answers.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use grantry_client_credentials::ClientCredentials;
use grantry_core::{
    AccessToken, Attempt, AuthorizationServer, Event, Grant, GrantKey, Observer, RefreshToken, Scope,
    TokenSource,
};
use grantry_endpoint::{
    Client, ClientAuthentication, Discovery, HttpTransport, IntrospectionEndpoint, KeepError, Keeper, Kept,
    RefreshTokenGrant, RevocationEndpoint, TokenEndpoint, TokenRequest,
};
use grantry_jose::SigningKey;
use grantry_refresh::{Fallback, ManagedSource, Profile, RefreshPolicy, Scheduler};
use grantry_testkit::{RawAnswer, RawServer};
use http::StatusCode;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::rows::{self, Row};
use crate::secrets::{CANARY, Needles, client_secret, private_key};
use crate::servers;
use crate::shown::Shown;

/// Keeps nothing, and says why in too many words.
#[derive(Debug)]
pub(crate) struct Full;

#[async_trait]
impl Keeper for Full {
    async fn keep(&self, kept: Kept<'_>) -> Result<(), KeepError> {
        Err(KeepError::new(format!("no room for {kept:?} {kept:#?}")))
    }
}

/// Prints every event.
#[derive(Debug)]
pub(crate) struct Printer(pub(crate) Shown);

impl Observer for Printer {
    fn on(&self, event: &Event) {
        self.0.debug(event);
    }
}

/// Each way to authenticate, with secrets that have the canary in them.
pub(crate) fn authentications() -> [ClientAuthentication; 4] {
    let key = SigningKey::from_ed25519_seed(&private_key()).unwrap().with_key_id("key-1");
    [
        ClientAuthentication::secret_basic(client_secret()).or_secret(format!("second.{CANARY}")),
        ClientAuthentication::secret_post(client_secret()),
        ClientAuthentication::secret_jwt(client_secret()),
        ClientAuthentication::private_key(key),
    ]
}

fn transport(impatient: bool) -> Arc<HttpTransport> {
    static BOTH: LazyLock<[Arc<HttpTransport>; 2]> = LazyLock::new(|| {
        [25, 2].map(|seconds| {
            let limits = HttpTransport::builder().total_timeout(Duration::from_secs(seconds));
            Arc::new(limits.for_single_use_credentials().build().unwrap())
        })
    });
    Arc::clone(&BOTH[usize::from(impatient)])
}

fn facts(server: &RawServer) -> AuthorizationServer {
    AuthorizationServer::builder(server.url("/token"))
        .issuer(server.origin())
        .revocation_endpoint(server.url("/revoke"))
        .introspection_endpoint(server.url("/introspect"))
        .build()
        .unwrap()
}

fn endpoint(server: &RawServer, with: ClientAuthentication, impatient: bool, shown: &Shown) -> TokenEndpoint {
    shown.debug(&with);
    let client = Client::new("client", with).unwrap();
    let builder = TokenEndpoint::builder(facts(server), client, transport(impatient));
    let builder = builder.observer(Arc::new(Printer(shown.clone())));
    shown.debug(&builder);
    builder.build().unwrap()
}

fn refresh_grant(endpoint: TokenEndpoint, shown: &Shown) -> RefreshTokenGrant {
    let first = RefreshToken::new(format!("first.{CANARY}"));
    let builder = RefreshTokenGrant::builder(endpoint, first, Arc::new(Full));
    shown.debug(&builder);
    builder.granted_scope(Scope::parse("a b").unwrap()).build().unwrap()
}

/// Every answer of the list, to requests with every kind of credential.
pub(crate) async fn every_row_with_every_authentication(shown: &Shown, needles: &mut Needles) {
    let (room, waiting) = (Arc::new(Semaphore::new(12)), Arc::new(Semaphore::new(256)));
    let mut asked = JoinSet::new();
    for row in rows::all() {
        for authentication in authentications() {
            let (row, shown) = (row.clone(), shown.clone());
            let room = if row.impatient { waiting.clone() } else { room.clone() };
            asked.spawn(async move {
                let _permit = room.acquire_owned().await.unwrap();
                ask(&row, authentication, &shown).await
            });
        }
    }
    let sent: Vec<String> = asked.join_all().await.into_iter().flatten().collect();
    // A few of each kind: to look for all of them would take long, and they are all made alike.
    let made =
        |start: &str| sent.iter().filter_map(|text| text.strip_prefix(start)).take(8).collect::<Vec<_>>();
    let (basics, assertions) = (made("authorization: Basic "), made("client_assertion="));
    assert!(!basics.is_empty() && !assertions.is_empty());
    for basic in basics {
        needles.add(basic);
    }
    for assertion in assertions {
        let mut parts = assertion.split('.').skip(1);
        needles.add(parts.next().unwrap());
        needles.add(parts.next().unwrap());
    }
}

/// Asks in two ways; gives the credentials that were sent.
async fn ask(row: &Row, with: ClientAuthentication, shown: &Shown) -> Vec<String> {
    let server = RawServer::start(row.answer.clone()).await.unwrap();
    let endpoint = endpoint(&server, with, row.impatient, shown);
    let request = TokenRequest::new("authorization_code")
        .parameter("code", format!("code.{CANARY}"))
        .parameter("code_verifier", format!("verifier.{CANARY}"))
        .parameter("password", CANARY)
        .resource(format!("https://api.example.com/{CANARY}"))
        .keeping_refresh_token(RefreshToken::new(CANARY))
        .key(GrantKey::new("acme", "crm", "default").unwrap());
    shown.debug(&request);
    match endpoint.request(request, Attempt::first()).await {
        Ok(set) => shown.debug(&(&set, set.token(), set.token().header(), set.refresh_token())),
        Err(failure) => shown.failure(&failure),
    }
    let grant = refresh_grant(endpoint, shown);
    for _ in 0..2 {
        match grant.obtain(Attempt::first()).await {
            Ok(set) => shown.debug(&set),
            Err(failure) => shown.failure(&failure),
        }
        if row.impatient {
            break;
        }
    }
    shown.debug(&(&grant, &server, server.exchanges(), row.answer.clone()));
    server.exchanges().iter().flat_map(|exchange| credentials(exchange.expose_request())).collect()
}

/// The credentials in a request, as they stood on the wire.
fn credentials(request: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(request);
    let header = text.lines().filter(|line| line.starts_with("authorization: Basic "));
    let assertion = text.split(['&', '\n']).filter(|part| part.starts_with("client_assertion="));
    header.chain(assertion).map(|found| found.trim_end().to_owned()).collect()
}

/// Sources over grants that fail, and one over a keeper that does.
pub(crate) async fn sources_over_failing_grants(shown: &Shown) {
    let policy = RefreshPolicy::builder().max_retries(0).fallback(Fallback::Fail).build().unwrap();
    let scheduler = Scheduler::new();
    let quick = rows::all().into_iter().filter(|row| !row.impatient);
    for (nth, row) in quick.enumerate().filter(|(nth, _)| nth % 8 == 0) {
        let server = RawServer::start(row.answer.clone()).await.unwrap();
        let [_, post, ..] = authentications();
        let endpoint = endpoint(&server, post, false, shown);
        let grant: Arc<dyn Grant> = if nth % 16 == 0 {
            Arc::new(refresh_grant(endpoint, shown))
        } else {
            let builder = ClientCredentials::builder(endpoint).parameter("api_key", CANARY).scope("a b");
            shown.debug(&builder);
            Arc::new(builder.build().unwrap())
        };
        let profile = Profile::builder(server.url("/token"), "client", &scheduler)
            .policy(policy.clone())
            .observer(Arc::new(Printer(shown.clone())));
        shown.debug(&profile);
        let profile = profile.build();
        let source =
            ManagedSource::new(GrantKey::new("acme", "crm", nth.to_string()).unwrap(), grant, &profile);
        for _ in 0..2 {
            let got = source.token().await;
            shown.result(&got);
            if let Ok(token) = got {
                source.reject(&token);
            }
        }
        shown.debug(&(&source, source.health(), &profile, &scheduler, source.ready()));
    }
    scheduler.shutdown().await;
}

/// Revocation, introspection and discovery, with the same answers and some of their own.
pub(crate) async fn other_endpoints(shown: &Shown) {
    let active = format!(
        r#"{{"active":true,"sub":"{CANARY}","username":"{CANARY}","scope":"a","exp":4102444800,"x":"{CANARY}"}}"#
    );
    let own = [active, format!("{{\"active\":\"{CANARY}\"}}"), format!("{{\"issuer\":\"{CANARY}\"}}")];
    let answers = rows::all().into_iter().filter(|row| !row.impatient).map(|row| row.answer);
    let answers = answers.chain(own.map(RawAnswer::json));
    let (room, mut asked) = (Arc::new(Semaphore::new(12)), JoinSet::new());
    for (nth, answer) in answers.enumerate() {
        let (shown, room) = (shown.clone(), room.clone());
        asked.spawn(async move {
            let _permit = room.acquire_owned().await.unwrap();
            let server = RawServer::start(answer).await.unwrap();
            let with = authentications().into_iter().nth(nth % 4).unwrap();
            let endpoint = endpoint(&server, with, false, &shown);
            let revocation = RevocationEndpoint::of(&endpoint).unwrap();
            let introspection = IntrospectionEndpoint::of(&endpoint).unwrap();
            let discovery = Discovery::new(server.origin(), transport(false)).unwrap();
            shown.debug(&(&revocation, &introspection, &discovery));
            let (access, refresh) = (AccessToken::new(rows::ACCESS), RefreshToken::new(rows::REFRESH));
            shown.debug(&(&access, &refresh));
            shown.result(&revocation.revoke_refresh_token(&refresh).await);
            shown.result(&revocation.revoke_access_token(&access).await);
            shown.result(&introspection.introspect(&access).await);
            shown.result(&discovery.discover().await);
        });
    }
    asked.join_all().await;
}

/// What goes over HTTP/2, and what a proxy with a password does.
pub(crate) async fn over_http2_and_proxies(shown: &Shown) {
    for (status, body) in [(StatusCode::OK, rows::good()), (StatusCode::BAD_REQUEST, CANARY.to_owned())] {
        let header = "Basic realm=\"c4n4ry5f0c1d9e7b\"";
        let (origin, certificate) = servers::http2(status, header, body).await;
        let transport = HttpTransport::builder().add_root_certificate(certificate).build().unwrap();
        for with in authentications() {
            let server = AuthorizationServer::builder(format!("{origin}/token"));
            let server = server.issuer(&origin).build().unwrap();
            let client = Client::new("client", with).unwrap();
            let endpoint = TokenEndpoint::new(server, client, Arc::new(transport.clone())).unwrap();
            let obtained = refresh_grant(endpoint, shown).obtain(Attempt::first()).await;
            match obtained {
                Ok(set) => shown.debug(&set),
                // Without this nothing would have gone over HTTP/2.
                Err(failure) => {
                    assert!(failure.sent, "{failure:?}");
                    shown.failure(&failure);
                }
            }
        }
    }
    for answer in ["HTTP/1.1 407 X\r\nProxy-Authenticate: Basic\r\n\r\n", "HTTP/1.1 200 X\r\n\r\n", ""] {
        let proxy = RawServer::start(RawAnswer::bytes(answer)).await.unwrap();
        let url = proxy.origin().replace("http://", &format!("http://user:{CANARY}@"));
        let builder = HttpTransport::builder().proxy(url);
        shown.debug(&builder);
        let transport = builder.build().unwrap();
        shown.debug(&transport);
        let server = AuthorizationServer::builder("https://as.example.com/token").build().unwrap();
        let [basic, ..] = authentications();
        let endpoint = TokenEndpoint::new(server, Client::new("client", basic).unwrap(), Arc::new(transport));
        match refresh_grant(endpoint.unwrap(), shown).obtain(Attempt::first()).await {
            Ok(set) => panic!("through a proxy that leads nowhere: {set:?}"),
            Err(failure) => shown.failure(&failure),
        }
        assert!(!proxy.exchanges().is_empty(), "the proxy was never asked");
    }
}
