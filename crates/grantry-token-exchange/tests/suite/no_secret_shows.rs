//! No `Debug` and no error shows a token, an assertion, or a claim of one.

use grantry_core::{Attempt, Grant};
use grantry_testkit::*;
use grantry_token_exchange::*;

use crate::support::*;

fn canaries(shown: &str) {
    assert!(!shown.contains("canary"), "{shown}");
}

#[tokio::test]
async fn nothing_shows_in_what_was_built() {
    let case = Case::new();
    let exchange = case
        .exchange(SubjectToken::new("canary"))
        .actor(SubjectToken::new("canary"), TokenType::JWT)
        .parameter("x", "canary");
    let (built, issue) = (exchange.clone().build().unwrap(), exchange.clone().build_issue().unwrap());
    let assertions = SignedAssertions::builder(&case.endpoint, case.key.clone(), "canary-iss", "canary-sub")
        .claim("x", "canary");
    let signed = assertions.clone().build().unwrap();
    let bearer = case.bearer(signed.clone()).parameter("x", "canary");
    canaries(&format!(
        "{exchange:?} {built:#?} {issue:?} {assertions:?} {signed:?} {bearer:?} {:?} {:?} {:?}",
        bearer.clone().build().unwrap(),
        SubjectToken::new("canary"),
        Assertion::new("canary"),
    ));
}

#[tokio::test]
async fn nothing_shows_in_what_came_or_went_wrong() {
    let case = Case::new();
    let subject = || SubjectToken::new("canary_subject_token");
    let exchange = case.exchange(subject()).build().unwrap();
    let issue = case.exchange(subject()).build_issue().unwrap();
    for body in [
        r#"{"access_token":"canary canary","token_type":"Bearer"}"#,
        r#"{"access_token":"canary","token_type":"N_A","issued_token_type":"urn:canary:x"}"#,
        r#"{"access_token":"canary","token_type":"Bearer","issued_token_type":"urn:canary:x"}"#,
        r#"{"access_token":"canary","token_type":"canary"}"#,
        r#"{"error":"canary_subject_token","error_description":"canary"}"#,
        "canary",
    ] {
        case.answers(body);
        let redeemed = exchange.exchange(Attempt::first()).await;
        canaries(&format!("{redeemed:?} {redeemed:#?}"));
        case.answers(body);
        let issued = issue.issue().await;
        canaries(&format!("{issued:?}"));
        if let Err(failure) = issued {
            canaries(&format!("{} {}", failure.error, failure.error.diagnosis()));
        }
    }
    case.server.inject(Endpoint::Token, Fault::status(400).with_body(r#"{"error":"canary_subject"}"#));
    canaries(&format!("{:?}", exchange.obtain(Attempt::first()).await));
}
