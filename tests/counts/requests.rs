//! No request more than needed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use grantry_client_credentials::ClientCredentials;
use grantry_core::{GrantKey, TokenSource};
use grantry_endpoint::{ClientAuthentication, Dpop, HttpTransport, TokenEndpoint};
use grantry_refresh::{ManagedSource, Profile, Scheduler};
use grantry_reqwest::{AuthorizedClient, SendAuthorized};
use grantry_testkit::{Endpoint, Fault, Nonces, ProtectedResource};
use grantry_tower::{AuthorizeLayer, ClonedBodies};
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinSet;
use tower::ServiceExt;
use tower_layer::Layer;

use crate::{server, source};

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_tasks_on_a_cold_source_make_one_token_request() {
    let server = server().await;
    // Long enough for all of them to come while it is in flight.
    server.inject(Endpoint::Token, Fault::delay(Duration::from_millis(300)));
    let source = source(&server, "default");
    let mut tasks = JoinSet::new();
    for _ in 0..1_000 {
        let source: Arc<dyn TokenSource> = source.clone();
        tasks.spawn(async move {
            match source.ready() {
                Some(token) => token,
                None => source.token().await.unwrap(),
            }
        });
    }
    let tokens = tasks.join_all().await;
    assert_eq!(tokens.len(), 1_000);
    assert!(tokens.iter().all(|token| token.is_same(&tokens[0])));
    assert_eq!(server.ledger().count(Endpoint::Token), 1);
    assert_eq!(server.ledger().total(), 1);
}

#[tokio::test]
async fn req_e05_a_401_costs_one_more_resource_request_and_one_more_token_request() {
    for way in ["client", "own client", "extension", "tower"] {
        let server = server().await;
        let resource = ProtectedResource::start(&server).await.unwrap();
        let source = source(&server, "default");
        source.token().await.unwrap();
        assert_eq!(server.ledger().count(Endpoint::Token), 1);
        // Every token so far is dead; the resource server is right to refuse them.
        server.revoke_access_tokens();
        let (url, origin) = (resource.url("/orders"), [resource.origin()]);
        let status = match way {
            "client" => {
                let api = AuthorizedClient::new(client(), source.clone(), origin).unwrap();
                api.post(url).body("an order").send().await.unwrap().status()
            }
            "own client" => {
                let builder = reqwest::Client::builder().no_proxy();
                let _ = client();
                let api = AuthorizedClient::from_builder(builder, source.clone(), origin).unwrap();
                api.post(url).body("an order").send().await.unwrap().status()
            }
            "extension" => {
                let origins = grantry_core::presenting::AllowedOrigins::new(origin).unwrap();
                client().get(url).send_authorized(&source, &origins).await.unwrap().status()
            }
            _ => {
                let inner: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
                let layer = AuthorizeLayer::new(source.clone(), origin).unwrap().replaying(ClonedBodies);
                let request = Request::post(url).body(Full::from("an order")).unwrap();
                layer.layer(inner).oneshot(request).await.unwrap().status()
            }
        };
        assert_eq!(status, 200, "{way}");
        assert_eq!(resource.ledger().count(Endpoint::Resource), 2, "{way}");
        assert_eq!(server.ledger().count(Endpoint::Token), 2, "{way}");
        assert!(resource.ledger().entries().iter().all(|entry| entry.request.has_authorization()), "{way}");
    }
}

#[tokio::test]
async fn req_e05_e34_a_resource_that_always_refuses_gets_two_requests_a_call_and_no_storm() {
    let server = server().await;
    let resource = ProtectedResource::start(&server).await.unwrap();
    resource.refuse_next(1_000);
    let api = AuthorizedClient::new(client(), source(&server, "default"), [resource.origin()]).unwrap();
    for call in 1..=10_u64 {
        let error = api.get(resource.url("/")).send().await.unwrap_err();
        let grantry_reqwest::Error::Token(error) = error else { panic!("{error}") };
        assert_eq!(error.kind(), grantry_core::ErrorKind::TokenRejected);
        assert!(resource.ledger().count(Endpoint::Resource) <= 2 * call);
    }
    // The first token, and the one that took its place: the next refusals come too soon after it.
    assert_eq!(server.ledger().count(Endpoint::Token), 2);
}

#[tokio::test]
async fn a_warm_source_makes_no_token_request_for_a_hundred_calls() {
    let server = server().await;
    let resource = ProtectedResource::start(&server).await.unwrap();
    let api = AuthorizedClient::new(client(), source(&server, "default"), [resource.origin()]).unwrap();
    for _ in 0..100 {
        assert_eq!(api.get(resource.url("/")).send().await.unwrap().status(), 200);
    }
    assert_eq!(server.ledger().count(Endpoint::Token), 1);
    assert_eq!(resource.ledger().count(Endpoint::Resource), 100);
}

/// A source of tokens that are bound to a key.
fn bound(server: &grantry_testkit::TestServer) -> Arc<ManagedSource> {
    let client =
        grantry_endpoint::Client::new("billing", ClientAuthentication::secret_basic("a client secret"));
    let transport = Arc::new(HttpTransport::new().unwrap());
    let endpoint = TokenEndpoint::builder(server.authorization_server().unwrap(), client.unwrap(), transport);
    let endpoint = endpoint.dpop(Dpop::es256()).build().unwrap();
    let grant = Arc::new(ClientCredentials::builder(endpoint).build().unwrap());
    let profile = Profile::builder(server.token_endpoint(), "billing", &Scheduler::new()).build();
    ManagedSource::new(GrantKey::new("acme", "orders", "bound").unwrap(), grant, &profile)
}

#[tokio::test]
async fn req_e12_a_nonce_that_a_resource_asks_for_costs_one_more_request_and_no_token_request() {
    for way in ["reqwest", "tower"] {
        // Per call: the first is asked for a nonce; with `EachOnce` every answer names the next one.
        for (nonces, requests) in [(Nonces::None, 3), (Nonces::Steady, 4), (Nonces::EachOnce, 4)] {
            let server = server().await;
            let resource = ProtectedResource::start(&server).await.unwrap();
            resource.want_nonces(nonces);
            let source = bound(&server);
            for _ in 0..3 {
                let status = match way {
                    "reqwest" => {
                        let _ = client();
                        let builder = reqwest::Client::builder();
                        let api =
                            AuthorizedClient::from_builder(builder, source.clone(), [resource.origin()]);
                        let request = api.unwrap().post(resource.url("/orders?x=1")).body("an order");
                        request.send().await.unwrap().status()
                    }
                    _ => {
                        let inner: Client<_, Full<Bytes>> =
                            Client::builder(TokioExecutor::new()).build_http();
                        let layer = AuthorizeLayer::new(source.clone(), [resource.origin()]).unwrap();
                        let request = Request::post(resource.url("/orders?x=1")).body(Full::from("an order"));
                        let service = layer.replaying(ClonedBodies).layer(inner);
                        service.oneshot(request.unwrap()).await.unwrap().status()
                    }
                };
                assert_eq!(status, 200, "{way}, {nonces:?}");
            }
            assert_eq!(resource.ledger().count(Endpoint::Resource), requests, "{way}, {nonces:?}");
            assert_eq!(server.ledger().count(Endpoint::Token), 1, "{way}, {nonces:?}");
        }
    }
}

#[tokio::test]
async fn req_e12_a_resource_that_is_never_content_with_a_nonce_gets_two_requests_a_call() {
    let server = server().await;
    let resource = ProtectedResource::start(&server).await.unwrap();
    resource.want_nonces(Nonces::NeverContent);
    let api = AuthorizedClient::new(client(), bound(&server), [resource.origin()]).unwrap();
    for call in 1..=5_u64 {
        let error = api.get(resource.url("/")).send().await.unwrap_err();
        let grantry_reqwest::Error::Token(error) = error else { panic!("{error}") };
        assert_eq!(error.oauth_code(), Some("use_dpop_nonce"));
        assert_eq!(resource.ledger().count(Endpoint::Resource), 2 * call);
    }
    assert_eq!(server.ledger().count(Endpoint::Token), 1);
}
