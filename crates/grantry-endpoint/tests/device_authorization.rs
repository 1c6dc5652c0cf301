//! Device authorization requests (RFC 8628 section 3.1), as they leave and as they fail.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use grantry_core::{ErrorKind, Scope};
use grantry_endpoint::{
    Answer, Client, ClientAuthentication, DeviceAuthorizationRequest, TokenEndpoint, TransportCause,
    TransportFailure,
};
use support::{Script, answer, endpoint, endpoint_for, server, with_headers};

const CODES: &str = r#"{"device_code":"dc","user_code":"WDJB-MJHT","expires_in":60,
    "verification_uri":"https://as.example.com/device"}"#;

fn with_url() -> grantry_core::AuthorizationServerBuilder {
    server().device_authorization_endpoint("https://as.example.com/device_authorization")
}

fn request(endpoint: &TokenEndpoint) -> DeviceAuthorizationRequest {
    DeviceAuthorizationRequest::to(endpoint).unwrap()
}

#[tokio::test]
async fn the_client_proves_itself_as_at_the_token_endpoint() {
    for (authentication, body) in [
        (ClientAuthentication::none(), "scope=a+b&x=1&client_id=tv"),
        (ClientAuthentication::secret_post("s"), "scope=a+b&x=1&client_id=tv&client_secret=s"),
        (ClientAuthentication::secret_basic("s"), "scope=a+b&x=1"),
    ] {
        let script = Script::new([Ok(answer(200, CODES))]);
        let endpoint = endpoint_for(with_url(), Client::new("tv", authentication).unwrap(), &script);
        let codes =
            request(&endpoint).scope(Scope::parse("a b").unwrap()).parameter("x", "1").send().await.unwrap();
        assert_eq!((codes.expose_device_code(), codes.lifetime().as_secs()), ("dc", 60));
        let left = &script.left()[0];
        assert_eq!(
            (left.method.as_str(), left.url.as_str()),
            ("POST", "https://as.example.com/device_authorization")
        );
        assert_eq!(left.body, body);
        assert_eq!(left.headers.contains_key("authorization"), !body.contains("client_id"));
    }
}

#[tokio::test]
async fn what_the_request_sets_itself_is_refused_unsent() {
    let script = Script::new([]);
    let plain = endpoint(server(), &script);
    assert_eq!(DeviceAuthorizationRequest::to(&plain).unwrap_err().kind(), ErrorKind::Configuration);
    let endpoint = endpoint(with_url(), &script);
    for name in ["client_id", "client_secret", "client_assertion", "client_assertion_type", "scope"] {
        let error = request(&endpoint).parameter(name, "x").send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{name}");
    }
    let error = request(&endpoint).parameter("x", "1").parameter("x", "2").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(script.left().is_empty());
}

#[tokio::test]
async fn every_other_answer_has_its_kind() {
    let body = |body: &'static str| Ok(answer(200, body));
    let table: Vec<(Result<Answer, TransportFailure>, ErrorKind)> = vec![
        (body(""), ErrorKind::InvalidAnswer),
        (body("null"), ErrorKind::InvalidAnswer),
        (body("[]"), ErrorKind::InvalidAnswer),
        (body("<html>"), ErrorKind::InvalidAnswer),
        (body(r#"{"error":"invalid_scope"}"#), ErrorKind::InvalidScope),
        (Ok(answer(400, CODES)), ErrorKind::InvalidAnswer),
        (Ok(answer(302, CODES)), ErrorKind::InvalidAnswer),
        (Ok(answer(401, r#"{"error":"invalid_client"}"#)), ErrorKind::InvalidClient),
        (Ok(answer(400, r#"{"error":"unauthorized_client"}"#)), ErrorKind::Refused),
        (Ok(answer(404, "")), ErrorKind::InvalidAnswer),
        (Ok(answer(429, "")), ErrorKind::Unavailable),
        (Ok(answer(502, "<html>")), ErrorKind::Unavailable),
        (Ok(with_headers(answer(200, CODES), &[("content-encoding", "gzip")])), ErrorKind::InvalidAnswer),
        (Err(TransportFailure::unsent(TransportCause::NameNotFound)), ErrorKind::Unreachable),
        (Err(TransportFailure::unknown(TransportCause::TimedOut)), ErrorKind::Interrupted),
        (Err(TransportFailure::unknown(TransportCause::TooLarge)), ErrorKind::InvalidAnswer),
    ];
    for (nth, (came, kind)) in table.into_iter().enumerate() {
        let script = Script::new([came]);
        let error = request(&endpoint(with_url(), &script)).send().await.unwrap_err();
        assert_eq!(error.kind(), kind, "row {nth}: {error}");
        assert_eq!(script.left().len(), 1);
    }
}

#[tokio::test]
async fn no_secret_of_the_request_is_told_as_an_error_code() {
    let script = Script::new([Ok(answer(400, r#"{"error":"canary_parameter"}"#))]);
    let endpoint = endpoint(with_url(), &script);
    let error = request(&endpoint).parameter("x", "canary_parameter").send().await.unwrap_err();
    assert!(!format!("{error:?} {error} {}", error.diagnosis()).contains("canary"), "{error:?}");
}
