//! Secrets on their way to a resource server, and what it answers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use grantry_client_credentials::ClientCredentials;
use grantry_core::presenting::{AllowedOrigins, Challenges};
use grantry_core::{AccessToken, Error, GrantKey, Instant, Rotation, Scope, Token, TokenSet, TokenSource};
use grantry_endpoint::{Client, ClientAuthentication, HttpTransport, RefreshTokenGrant, TokenEndpoint};
use grantry_refresh::{Directory, Fallback, ManagedSource, Profile, RefreshPolicy, Scheduler};
use grantry_reqwest::{AuthorizeMiddleware, AuthorizedClient, SendAuthorized};
use grantry_testkit::{
    Endpoint, Fault, ProtectedResource, RawAnswer, RawServer, RegisteredClient, SeededGrant, TestServer,
};
use grantry_tower::{AuthorizeLayer, ClonedBodies};
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::TokioExecutor;
use tower::ServiceExt;
use tower_layer::Layer;

use crate::secrets::{CANARY, client_secret};
use crate::servers;
use crate::shown::Shown;
use crate::token_answers::{Full as FullKeeper, Printer};

/// A new token whenever one was refused.
#[derive(Debug, Default)]
struct Endless;

#[async_trait]
impl TokenSource for Endless {
    fn ready(&self) -> Option<Token> {
        None
    }

    async fn token(&self) -> Result<Token, Error> {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let set = TokenSet::builder(AccessToken::new(format!("{number}.{CANARY}")), Instant::ZERO);
        Ok(set.build().unwrap().token().clone())
    }

    fn reject(&self, _refused: &Token) {}
}

fn answers() -> Vec<RawAnswer> {
    let answer = |head: &str| RawAnswer::with_length(head, format!("body.{CANARY}"));
    let challenge = |status: &str, error: &str| {
        answer(&format!(
            "{status}\r\nWWW-Authenticate: Bearer realm=\"{CANARY}\", {error}, error_description=\"{CANARY}\""
        ))
    };
    vec![
        answer("200 OK"),
        answer("401 X"),
        challenge("401 X", "error=\"invalid_token\""),
        challenge("401 X", "error=\"insufficient_user_authentication\""),
        challenge("403 X", "error=\"insufficient_scope\", scope=\"orders.write\""),
        challenge("403 X", "error=\"insufficient_scope\""),
        answer(&format!("401 X\r\nWWW-Authenticate: Basic realm=\"{CANARY}\"")),
        answer(&format!("401 X\r\nDPoP-Nonce: {CANARY}\r\nWWW-Authenticate: DPoP error=\"use_dpop_nonce\"")),
        answer("403 X"),
        answer("500 X"),
        answer(&format!("302 X\r\nLocation: http://127.0.0.1:1/?x={CANARY}")),
        answer(&format!("307 X\r\nLocation: /again?x={CANARY}")),
        RawAnswer::default(),
        RawAnswer::default().reset(),
        RawAnswer::bytes(format!("{CANARY}\r\n\r\n")),
        RawAnswer::bytes(format!("HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n{CANARY}")),
    ]
}

fn builder() -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20))
}

fn show(shown: &Shown, result: Result<reqwest::Response, grantry_reqwest::Error>) {
    match result {
        // The answer itself is reqwest's, and prints what the server sent.
        Ok(answer) => shown.debug(&answer.status()),
        Err(grantry_reqwest::Error::Token(error)) => {
            shown.error(&error);
            shown.chain(&grantry_reqwest::Error::Token(error));
        }
        Err(error) => shown.chain(&error),
    }
}

/// Each answer to each wrapper.
pub(crate) async fn every_wrapper_with_every_answer(shown: &Shown) {
    for answer in answers() {
        let server = RawServer::start(answer).await.unwrap();
        let (url, origin) = (server.url(&format!("/?key={CANARY}")), [server.origin()]);
        let theirs = AuthorizedClient::new(builder().build().unwrap(), Endless, &origin).unwrap();
        let ours = AuthorizedClient::from_builder(builder(), Endless, &origin).unwrap();
        for client in [theirs, ours] {
            let request = client.post(&url).body(format!("request.{CANARY}")).header("x-api-key", CANARY);
            shown.debug(&(&client, &request));
            show(shown, request.send().await);
            show(shown, client.get(format!("https://elsewhere.example.com/?x={CANARY}")).send().await);
            show(shown, client.get(format!("no URL {CANARY}")).send().await);
            show(shown, client.get(&url).header("authorization", format!("Bearer {CANARY}")).send().await);
        }

        let origins = AllowedOrigins::new(&origin).unwrap();
        let plain = builder().build().unwrap();
        show(shown, plain.get(&url).send_authorized(&Endless, &origins).await);

        let middleware = AuthorizeMiddleware::new(Endless, &origin).unwrap();
        shown.debug(&middleware);
        let stack = reqwest_middleware::ClientBuilder::new(plain).with(middleware).build();
        match stack.get(server.url("/")).send().await {
            Ok(answer) => shown.debug(&answer.status()),
            Err(error) => shown.chain(&error),
        }

        let inner: HyperClient<_, Full<Bytes>> = HyperClient::builder(TokioExecutor::new()).build_http();
        let layer = AuthorizeLayer::new(Endless, &origin).unwrap().replaying(ClonedBodies);
        shown.debug(&layer);
        for target in
            [url.as_str(), "/?x=c4n4ry5f0c1d9e7b", "https://elsewhere.example.com/?x=c4n4ry5f0c1d9e7b"]
        {
            let request = Request::post(target).body(Full::from(format!("request.{CANARY}"))).unwrap();
            let service = layer.layer(inner.clone());
            shown.debug(&service);
            match service.oneshot(request).await {
                Ok(answer) => shown.debug(&answer.status()),
                Err(grantry_tower::Error::Token(error)) => {
                    shown.error(&error);
                    shown.chain(&grantry_tower::Error::Token(error));
                }
                Err(error) => shown.chain(&error),
            }
        }
        shown.debug(&server);
    }
    let (origin, certificate) =
        servers::http2(StatusCode::UNAUTHORIZED, "Bearer error=\"invalid_token\"", CANARY.to_owned()).await;
    let certificate = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();
    let builder = builder().tls_certs_only([certificate]);
    let client = AuthorizedClient::from_builder(builder, Endless, [&origin]).unwrap();
    let refused = client.get(format!("{origin}/?x={CANARY}")).send().await;
    assert!(
        matches!(&refused, Err(grantry_reqwest::Error::Token(_))),
        "nothing went over HTTP/2: {refused:?}"
    );
    show(shown, refused);
    let challenge = format!("Bearer realm=\"{CANARY}\", error=\"x\"");
    shown.debug(&Challenges::parse([challenge.as_str()]));
}

/// The test server's own tokens, renewed, rejected, introspected; the server prints nothing of them either.
pub(crate) async fn with_the_test_server(shown: &Shown) {
    let client = RegisteredClient::with_secret("crm", client_secret());
    let rotation = Rotation::Strict { revokes_family: true };
    let server = TestServer::builder().client(client).rotation(rotation).start().await.unwrap();
    let resource = ProtectedResource::start_requiring(&server, Scope::parse("a").unwrap()).await.unwrap();
    let authentication = ClientAuthentication::secret_post(client_secret());
    let as_crm = Client::new("crm", authentication).unwrap();
    let transport = Arc::new(HttpTransport::new().unwrap());
    let endpoint = TokenEndpoint::new(server.authorization_server().unwrap(), as_crm, transport).unwrap();
    let seeded = server.seed_grant(SeededGrant::new("crm", Scope::parse("a").unwrap()));
    shown.debug(&seeded);
    let policy = RefreshPolicy::builder().max_retries(0).fallback(Fallback::Fail).build().unwrap();
    let scheduler = Scheduler::new();
    let profile = Profile::builder(server.token_endpoint(), "crm", &scheduler)
        .policy(policy)
        .observer(Arc::new(Printer(shown.clone())));
    let profile = profile.build();

    // The keeper fails: the error says so, and no token is given out.
    let lost = RefreshTokenGrant::new(endpoint.clone(), seeded, Arc::new(FullKeeper)).unwrap();
    let lost = ManagedSource::new(GrantKey::new("acme", "crm", "lost").unwrap(), Arc::new(lost), &profile);
    shown.error(&lost.token().await.unwrap_err());

    let grant = ClientCredentials::builder(endpoint).scope("a").build().unwrap();
    let key = GrantKey::new("acme", "crm", "default").unwrap();
    let source = ManagedSource::new(key, Arc::new(grant), &profile);
    let directory = Directory::new();
    directory.insert(source.clone());
    let api = AuthorizedClient::from_builder(builder(), source.clone(), [resource.origin()]).unwrap();
    for fault in
        [Fault::none(), Fault::status(401), Fault::truncate_at(20), Fault::garbage(), Fault::reset_at(9)]
    {
        shown.debug(&fault);
        resource.inject(fault);
        show(shown, api.get(resource.url("/")).send().await);
    }
    server.revoke_access_tokens();
    server.inject(Endpoint::Token, Fault::status(503).with_body(CANARY));
    show(shown, api.get(resource.url("/")).send().await);
    shown.debug(&(&source, source.health(), &directory, directory.sources(), &api));
    shown.debug(&(&server, &resource, server.ledger(), resource.ledger(), server.transport()));
    server.with_authority(|authority, moment| shown.debug(&(&*authority, moment)));
    scheduler.shutdown().await;
}
