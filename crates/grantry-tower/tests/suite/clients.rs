//! Real clients inside the layer.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use grantry_testkit::TestSource;
use grantry_tower::{AuthorizeLayer, ClonedBodies};
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::ServiceExt;
use tower_layer::Layer;

use crate::server::{Server, empty};

/// A server over HTTP/1.1 that takes any token but `t1`.
async fn server() -> Server {
    Server::http1(|seen| empty(if seen.header("authorization") == "Bearer t1" { 401 } else { 200 })).await
}

#[tokio::test]
async fn a_hyper_client_sends_the_request_once_more_with_another_token() {
    let server = server().await;
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let layer = AuthorizeLayer::new(TestSource::bearer(), [server.origin()]).unwrap().replaying(ClonedBodies);
    let request = Request::post(server.url("/x")).body(Full::from("text")).unwrap();
    // On a task of its own: the future is `Send`.
    let answer = tokio::spawn(layer.layer(client).oneshot(request)).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(server.authorizations(), ["Bearer t1", "Bearer t2"]);
    for seen in server.seen() {
        assert_eq!(
            (seen.head.method.as_str(), seen.head.uri.path(), &seen.body[..]),
            ("POST", "/x", &b"text"[..])
        );
    }
}

#[tokio::test]
async fn a_client_of_axum_bodies_sends_an_empty_one_once_more_and_no_other() {
    for (body, statuses, sent) in [
        (Body::empty(), [200, 200], ["Bearer t1", "Bearer t2", "Bearer t2"].as_slice()),
        (Body::from("text"), [401, 200], &["Bearer t1", "Bearer t2"]),
    ] {
        let server = server().await;
        let source = TestSource::bearer();
        let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
        let layer = AuthorizeLayer::new(Arc::clone(&source), [server.origin()]).unwrap();
        let api = layer.layer(client);
        for (body, status) in [body, Body::empty()].into_iter().zip(statuses) {
            let request = Request::put(server.url("/x")).body(body).unwrap();
            let answer = tokio::spawn(api.clone().oneshot(request)).await.unwrap().unwrap();
            assert_eq!(answer.status(), status);
        }
        assert_eq!(server.authorizations(), sent);
        assert_eq!((source.rejections(), source.renewals()), (1, 2));
    }
}

#[tokio::test]
async fn an_axum_handler_passes_its_request_on_with_a_token_of_its_own() {
    let server = server().await;
    let source = TestSource::bearer();
    source.renew();
    source.renew();
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
    let api = AuthorizeLayer::new(source, [server.origin()]).unwrap().layer(client);
    let target = server.url("/behind");
    let gateway = axum::Router::new().fallback(move |request: Request<Body>| {
        let (api, onward) = (api.clone(), Request::post(&target).body(request.into_body()).unwrap());
        async move {
            api.oneshot(onward).await.map(|answer| answer.map(Body::new)).map_err(|error| error.to_string())
        }
    });
    let answer = gateway.oneshot(Request::post("/in").body(Body::from("text")).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    let seen = server.seen().pop().unwrap();
    assert_eq!((seen.head.uri.path(), seen.header("authorization")), ("/behind", "Bearer t2"));
    assert_eq!(&seen.body[..], b"text");
}

#[tokio::test]
async fn a_buffered_stack_takes_the_layer_like_any_other() {
    let upstream = crate::upstream::Upstream::refuses_the_first();
    let layer = AuthorizeLayer::new(TestSource::bearer(), ["https://api.example.com"]).unwrap();
    let stack = tower::ServiceBuilder::new().layer(layer).buffer(8).service(upstream.clone());
    let request = Request::get("https://api.example.com/").body(Full::<Bytes>::default()).unwrap();
    assert_eq!(stack.oneshot(request).await.unwrap().status(), 200);
    assert_eq!(upstream.authorizations(), ["Bearer t1", "Bearer t2"]);
}
