//! Sources and the two wrappers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use grantry::{AuthorizedClient, Fallback, RefreshPolicy, Scheduler, TokenSource};
use grantry_testkit::{
    Endpoint, Fault, ManualClock, ProtectedResource, RegisteredClient, TestServer, TestSource,
};
use grantry_tower::{AuthorizeLayer, ClonedBodies};
use http::{Request, Response};
use tower::ServiceExt;
use tower_layer::Layer;

use crate::ear::{Ear, Told, told};

#[tokio::test]
async fn the_events_of_a_source_have_the_fields_that_the_manual_names() {
    let clock = Arc::new(ManualClock::new());
    let client = RegisteredClient::with_secret("billing", "s3cret");
    let test = TestServer::builder().client(client).clock(clock.clone()).build();
    let (ear, _listening) = Ear::listen();
    let policy = RefreshPolicy::builder()
        .max_retries(0)
        .fallback(Fallback::UseExpired { grace: Duration::from_secs(60) })
        .build()
        .unwrap();
    let source = grantry::client_credentials(test.authorization_server().unwrap(), "billing", "s3cret")
        .policy(policy)
        .scheduler(&Scheduler::builder().clock(clock.clone()).build())
        .transport(Arc::new(test.transport()))
        .build()
        .unwrap();
    let service = ("grantry.service", "as.test");

    let renewed = || {
        told("DEBUG", "token renewed", [service, ("grantry.lifetime_s", "3600"), ("grantry.took_ms", "0")])
    };
    let first = source.token().await.unwrap();
    assert_eq!(ear.told(), [renewed()]);

    source.reject(&first);
    let rejected = "a resource server refused the token; the next demand replaces it";
    assert_eq!(ear.told(), [told("INFO", rejected, [service])]);
    let second = source.token().await.unwrap();
    assert_eq!(ear.told(), [renewed()]);
    source.reject(&second);
    let kept = "a token was refused so soon after the one before that it is kept for now";
    assert_eq!(ear.told(), [told("DEBUG", kept, [service])]);

    clock.advance(Duration::from_secs(3610));
    test.inject(Endpoint::Token, Fault::status(503).times(9));
    assert!(source.token().await.unwrap().is_past_expiry());
    let failed = [
        ("server.address", "as.test"),
        ("oauth.grant_type", "client_credentials"),
        ("http.response.status_code", "503"),
        ("error.type", "unavailable"),
    ];
    let not_renewed = [
        service,
        ("error.type", "unavailable"),
        ("grantry.attempt", "1"),
        ("grantry.in_doubt", "false"),
        ("grantry.salvaged", "false"),
    ];
    let mut came = ear.told();
    came.sort();
    assert_eq!(
        came,
        [
            told("DEBUG", "token request failed", failed),
            told("WARN", "an expired token is handed out", [service, ("grantry.expired_for_ms", "10000")]),
            told("WARN", "token renewal failed", not_renewed),
        ]
    );
}

#[tokio::test]
async fn both_wrappers_tell_of_a_second_send_with_the_same_fields() {
    let again = |port: &str| {
        let what = "the resource server refused the token, sending once more";
        let fields = [
            ("server.address", "127.0.0.1"),
            ("server.port", port),
            ("http.response.status_code", "401"),
            ("http.request.resend_count", "1"),
        ];
        told("DEBUG", what, fields)
    };
    let test = TestServer::builder()
        .client(RegisteredClient::with_secret("billing", "s3cret"))
        .start()
        .await
        .unwrap();
    let resource = ProtectedResource::start(&test).await.unwrap();
    let source = grantry::client_credentials(test.authorization_server().unwrap(), "billing", "s3cret")
        .build()
        .unwrap();
    source.token().await.unwrap();
    let builder = reqwest::Client::builder();
    let api = AuthorizedClient::from_builder(builder, source, [resource.origin()]).unwrap();
    resource.refuse_next(1);
    let (ear, _listening) = Ear::listen();
    assert_eq!(api.get(resource.url("/orders")).send().await.unwrap().status(), 200);
    let of_a_send = |(_, what, _): &Told| what.ends_with("sending once more");
    let port = resource.origin().rsplit(':').next().unwrap().to_owned();
    assert_eq!(ear.told().into_iter().filter(of_a_send).collect::<Vec<_>>(), [again(&port)]);

    let layer = AuthorizeLayer::fixed(TestSource::bearer(), "http://127.0.0.1:8080").unwrap();
    let upstream = tower::service_fn(|request: Request<String>| async move {
        let status = if request.headers()["authorization"] == "Bearer t1" { 401 } else { 200 };
        Ok::<_, Infallible>(Response::builder().status(status).body(()).unwrap())
    });
    let api = layer.replaying(ClonedBodies).layer(upstream);
    let answer = api.oneshot(Request::get("/orders").body(String::new()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(ear.told(), [again("8080")]);
}
