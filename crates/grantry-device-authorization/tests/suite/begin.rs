//! What is asked for, and what cannot be.

use std::sync::Arc;

use grantry_core::{AuthorizationServer, ErrorKind, Retry};
use grantry_device_authorization::DeviceAuthorization;
use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint};
use grantry_testkit::*;

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn scope_resources_and_parameters_go_to_the_endpoint_and_the_client_proves_itself_at_both() {
    let case = Case::new();
    let flow = builder(&case.server, &case.clock, case.server.transport())
        .scope("b a")
        .resource("https://api.example/two")
        .resource("https://api.example/one")
        .resource("https://api.example/two")
        .parameter("tenant", "north")
        .build()
        .unwrap();
    case.set(|s| s.device_decision = DeviceDecision::Approve);
    let pending = flow.begin().await.unwrap();
    assert_eq!(pending.expires_in().as_secs(), 600);
    assert_eq!(pending.interval().as_secs(), 5);
    assert_eq!(pending.verification_uri().as_str(), "https://as.test/device");
    let complete = pending.verification_uri_complete().unwrap().as_str();
    assert_eq!(complete, format!("https://as.test/device?user_code={}", pending.user_code()));
    let asked = case.server.ledger().last(Endpoint::DeviceAuthorization).unwrap().request;
    let form = asked.form();
    assert_eq!(form.expose("scope"), Some("a b"));
    assert_eq!(form.expose("tenant"), Some("north"));
    let resources: Vec<&str> = form.expose_all("resource").collect();
    assert_eq!(resources, ["https://api.example/one", "https://api.example/two"]);
    assert!(asked.headers().contains_key("authorization"));

    let granted = pending.finish().await.unwrap();
    assert_eq!((granted.scope().as_str(), granted.requested.as_str()), ("a b", "a b"));
    assert!(granted.missing_scope().is_empty() && granted.refresh_token().is_some());
    let polled = case.server.ledger().last(Endpoint::Token).unwrap().request;
    assert_eq!(polled.form().value_count("resource"), 2);
    assert!(polled.form().expose("scope").is_none() && polled.headers().contains_key("authorization"));
}

/// How often a parameter is there.
trait Count {
    fn value_count(&self, name: &str) -> usize;
}

impl Count for Form {
    fn value_count(&self, name: &str) -> usize {
        self.expose_all(name).count()
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_work_is_refused_when_it_is_built() {
    let case = Case::new();
    let plain = AuthorizationServer::builder("https://as.test/token").build().unwrap();
    let client = Client::new(CLIENT, ClientAuthentication::none()).unwrap();
    let endpoint = TokenEndpoint::new(plain, client, Arc::new(case.server.transport())).unwrap();
    let error = DeviceAuthorization::builder(endpoint).build().unwrap_err();
    assert!(error.to_string().contains("device authorization endpoint"), "{error}");

    let new = || builder(&case.server, &case.clock, case.server.transport());
    for wrong in [
        new().scope("a\"b"),
        new().resource("not a uri"),
        new().parameter("", "x"),
        new().parameter("x", ""),
        new().parameter("x", "1").parameter("x", "2"),
        new().parameter("scope", "x"),
        new().parameter("client_id", "x"),
        new().parameter("device_code", "x"),
    ] {
        let error = wrong.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    }
    assert_eq!(case.server.ledger().total(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_used_and_a_refusal_are_errors_that_say_whose_move_it_is() {
    let case = Case::new();
    let fail = |fault| case.server.inject(Endpoint::DeviceAuthorization, fault);
    fail(Fault::body(
        r#"{"device_code":"x","user_code":"A","verification_uri":"http://as.test/d","expires_in":9}"#,
    ));
    let error = case.flow.begin().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidAnswer, "{error}");
    fail(Fault::status(400).with_body(r#"{"error":"unauthorized_client"}"#));
    let error = case.flow.begin().await.unwrap_err();
    assert_eq!((error.kind(), error.oauth_code()), (ErrorKind::Refused, Some("unauthorized_client")));
    fail(Fault::status(503).retry_after("7"));
    let error = case.flow.begin().await.unwrap_err();
    assert!(error.retry_at().is_some() && error.diagnosis().remedy().contains("begin again"));
    fail(Fault::refuse_connection());
    let error = case.flow.begin().await.unwrap_err();
    assert!(error.kind() == ErrorKind::Unreachable && error.diagnosis().retry() != Retry::Never);
}
