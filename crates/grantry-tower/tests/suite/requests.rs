//! What goes in, and what does not.

use std::sync::Arc;

use bytes::Bytes;
use grantry_core::{Binding, ErrorKind, Stage, Thumbprint};
use grantry_testkit::TestSource;
use grantry_tower::{AuthorizeLayer, Error};
use http::Request;
use http_body_util::Empty;
use tower::ServiceExt;
use tower_layer::Layer;
use tower_service::Service;

use crate::upstream::{Upstream, answer};

const ORIGINS: [&str; 2] = ["https://api.example.com", "http://127.0.0.1:8080"];

fn get(uri: &str) -> Request<Empty<Bytes>> {
    Request::get(uri).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn req_e01_a_request_carries_the_token_in_its_header_and_is_otherwise_untouched() {
    let upstream = Upstream::new(|_| answer(204));
    let api = AuthorizeLayer::new(TestSource::bearer(), ORIGINS).unwrap().layer(upstream.clone());
    let mut request = get("https://api.example.com/a?b=c");
    request.headers_mut().insert("x-one", "1".parse().unwrap());
    request.extensions_mut().insert(7_u8);
    *request.version_mut() = http::Version::HTTP_2;
    assert_eq!(api.oneshot(request).await.unwrap().status(), 204);
    let seen = upstream.seen().pop().unwrap();
    assert_eq!(seen.head.uri, "https://api.example.com/a?b=c");
    assert_eq!((seen.header("x-one"), seen.header("authorization")), ("1", "Bearer t1"));
    assert_eq!((seen.head.extensions.get::<u8>(), seen.head.version), (Some(&7), http::Version::HTTP_2));
    assert!(seen.head.headers["authorization"].is_sensitive());
}

#[tokio::test]
async fn req_e07_nothing_is_sent_to_a_place_that_is_not_allowed_or_not_known() {
    let upstream = Upstream::new(|_| answer(200));
    let source = TestSource::bearer();
    let api = AuthorizeLayer::new(Arc::clone(&source), ORIGINS).unwrap().layer(upstream.clone());
    for uri in [
        "https://evil.test/",
        "http://api.example.com/",
        "https://api.example.com:8443/",
        "https://api.example.com./",
        "https://user@api.example.com/",
        "http://127.0.0.1/",
        "http://127.1:8080/",
        "/a",
        "*",
        "api.example.com:443",
    ] {
        let error = api.clone().oneshot(get(uri)).await.unwrap_err();
        let Error::Token(error) = error else { unreachable!("{error:?}") };
        assert_eq!((error.kind(), error.stage()), (ErrorKind::OriginNotAllowed, Stage::Present), "{uri}");
    }
    let mut request = get("/a");
    request.headers_mut().insert("host", "api.example.com".parse().unwrap());
    assert!(api.clone().oneshot(request).await.is_err(), "a Host header says nothing of the connection");
    let mut request = get("https://api.example.com/a");
    request.headers_mut().insert("host", "evil.test".parse().unwrap());
    assert!(api.oneshot(request).await.is_err(), "another Host is another place");
    assert_eq!((upstream.seen().len(), source.renewals()), (0, 0));
}

#[tokio::test]
async fn req_e07_a_layer_for_one_fixed_origin_takes_requests_that_name_it_or_none() {
    let upstream = Upstream::new(|_| answer(200));
    let layer = AuthorizeLayer::fixed(TestSource::bearer(), "https://api.example.com").unwrap();
    let api = layer.layer(upstream.clone());
    for uri in ["/pkg.Service/Method", "https://api.example.com/a", "*"] {
        assert!(api.clone().oneshot(get(uri)).await.is_ok(), "{uri}");
    }
    for uri in ["https://evil.test/", "http://api.example.com/", "evil.test:443", "api.example.com:443"] {
        assert!(api.clone().oneshot(get(uri)).await.is_err(), "{uri}");
    }
    let mut request = get("/a");
    request.headers_mut().insert("host", "evil.test".parse().unwrap());
    assert!(api.oneshot(request).await.is_err());
    assert_eq!(upstream.seen().len(), 3);
}

#[tokio::test]
async fn no_token_no_request() {
    let upstream = Upstream::new(|_| answer(200));
    let api = AuthorizeLayer::new(TestSource::broken(), ORIGINS).unwrap().layer(upstream.clone());
    let error = api.oneshot(get("https://api.example.com/")).await.unwrap_err();
    assert!(matches!(error, Error::Token(error) if error.kind() == ErrorKind::Unavailable));
    assert_eq!(upstream.seen().len(), 0);
}

#[tokio::test]
async fn an_authorization_header_of_the_caller_is_an_error() {
    let upstream = Upstream::new(|_| answer(200));
    let api = AuthorizeLayer::new(TestSource::bearer(), ORIGINS).unwrap().layer(upstream.clone());
    let mut request = get("https://api.example.com/");
    request.headers_mut().insert("authorization", "Basic eDp5".parse().unwrap());
    let error = api.oneshot(request).await.unwrap_err();
    assert!(matches!(error, Error::Token(error) if error.kind() == ErrorKind::Configuration));
    assert_eq!(upstream.seen().len(), 0);
}

#[tokio::test]
async fn req_c12_a_certificate_bound_token_is_not_sent() {
    let upstream = Upstream::new(|_| answer(200));
    let source = TestSource::bound(Binding::Certificate(Thumbprint([1; 32])));
    for _ in 0..2 {
        // The first has to wait for the token, the second finds it at hand.
        let api = AuthorizeLayer::new(Arc::clone(&source), ORIGINS).unwrap().layer(upstream.clone());
        let error = api.oneshot(get("https://api.example.com/")).await.unwrap_err();
        assert!(matches!(error, Error::Token(error) if error.kind() == ErrorKind::Configuration));
    }
    assert_eq!(upstream.seen().len(), 0);
}

#[tokio::test]
async fn an_error_of_the_inner_service_is_handed_on_and_can_be_downcast() {
    let failing = tower::service_fn(|_: Request<Empty<Bytes>>| async {
        Err::<http::Response<()>, _>(std::io::Error::other("no connection"))
    });
    let api = AuthorizeLayer::new(TestSource::bearer(), ORIGINS).unwrap().layer(failing);
    let error = api.oneshot(get("https://api.example.com/")).await.unwrap_err();
    assert_eq!(error.to_string(), "no connection");
    let Error::Inner(inner) = error else { unreachable!("{error:?}") };
    assert!(inner.is::<std::io::Error>());
}

#[tokio::test]
async fn req_e30_debug_shows_no_token() {
    let source = TestSource::bearer();
    source.renew();
    let layer = AuthorizeLayer::new(source, ORIGINS).unwrap();
    let mut api = layer.layer(Upstream::new(|_| answer(200)));
    let future = ServiceExt::<Request<Empty<Bytes>>>::ready(&mut api)
        .await
        .unwrap()
        .call(get("https://api.example.com/canary"));
    let text = format!("{layer:?} {future:?}");
    assert!(!text.contains("t1") && !text.contains("canary"), "{text}");
}

#[tokio::test]
async fn mistakes_are_found_when_the_layer_is_built() {
    for origin in ["http://api.example.com", "https://*.example.com", "/"] {
        assert_eq!(
            AuthorizeLayer::new(TestSource::bearer(), [origin]).unwrap_err().kind(),
            ErrorKind::Configuration
        );
        assert_eq!(
            AuthorizeLayer::fixed(TestSource::bearer(), origin).unwrap_err().kind(),
            ErrorKind::Configuration
        );
    }
}
