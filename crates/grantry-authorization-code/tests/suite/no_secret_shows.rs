//! No `Debug` and no error shows a code, a verifier, a state or a nonce.

use std::sync::Arc;

use grantry_authorization_code::*;
use grantry_endpoint::{IdToken, PushedAuthorizationRequest};
use grantry_testkit::{Endpoint, Fault};

use crate::support::*;

/// Every secret of one authorization.
fn secrets(case: &Case, back: &str) -> Vec<String> {
    let asked = case.server.ledger().last(Endpoint::Authorization).unwrap().request;
    let asked = query(&format!("https://as.test/?{}", asked.expose_query().unwrap()));
    let of = |name: &str| asked.expose(name).unwrap().to_owned();
    let mut all = vec![of("state"), of("nonce"), of("code_challenge"), of("login_hint"), of("id_token_hint")];
    all.push(query(back).expose("code").unwrap().to_owned());
    all.push(case.user_agent.expose().to_owned());
    if let Some(sent) = case.server.ledger().last(Endpoint::Token) {
        all.extend(sent.request.form().expose("code_verifier").map(str::to_owned));
    }
    all
}

fn none_shows(secrets: &[String], shown: &str) {
    for secret in secrets {
        assert!(secret.len() >= 8 && !shown.contains(secret.as_str()), "{secret} in {shown}");
    }
}

fn case() -> Case {
    Case::with(|builder| {
        builder
            .scope("openid read")
            .login_hint("canary@example.com")
            .parameter("id_token_hint", "canary-hint")
    })
}

#[tokio::test]
async fn req_b23_nothing_of_one_authorization_shows_from_beginning_to_end() {
    let case = case();
    let store = PendingInMemory::new(Arc::new(case.clock.clone()));
    let codes = AuthorizationCodes::new(Arc::new(store.clone()), [("crm", case.flow.clone())]).unwrap();
    let (redirect, pending) = case.flow.begin(&case.user_agent).await.unwrap();
    let key = pending.key();
    store.keep(key, pending.to_bytes().unwrap(), std::time::Duration::from_secs(60)).await.unwrap();
    let mut shown = format!(
        "{redirect:?} {pending:?} {:#?} {:?} {:?} {codes:?} {key:?} {store:?}",
        pending, case.user_agent, case.flow
    );
    let back = case.server.visit(&redirect.into_location().unwrap()).await.unwrap();
    let callback = Callback::from_url(&back).unwrap();
    shown += &format!("{callback:?}");
    let granted = pending.finish(&case.flow, &case.user_agent, &callback).await.unwrap();
    shown += &format!("{granted:?} {granted:#?}");
    let mut secrets = secrets(&case, &back);
    secrets.push(granted.refresh_token().unwrap().expose().to_owned());
    secrets.push(granted.token_set.token().expose().to_owned());
    secrets.push(granted.id_token.unwrap().expose().to_owned());
    none_shows(&secrets, &shown);
}

#[tokio::test]
async fn nothing_shows_in_what_went_wrong() {
    for fault in [
        Fault::drop_after_handling(),
        Fault::refuse_connection(),
        Fault::body("<html>"),
        Fault::status(500),
        Fault::body(r#"{"error":"invalid_grant","error_description":"canary"}"#),
    ] {
        let case = case();
        let (pending, back) = case.walk().await;
        case.server.inject(Endpoint::Token, fault);
        let unfinished = case.finish(pending, &back).await.unwrap_err();
        let shown = format!(
            "{unfinished} {unfinished:?} {:#?} {:?}",
            unfinished.error,
            unfinished.error.diagnosis().causes().collect::<Vec<_>>()
        );
        let mut secrets = secrets(&case, &back);
        secrets.push("canary".repeat(2));
        none_shows(&secrets, &shown);
    }
}

#[test]
fn nothing_shows_in_what_is_under_way() {
    let case = case();
    let pushed =
        PushedAuthorizationRequest::to(case.flow.endpoint()).unwrap().parameter("state", "canary-state");
    let shown = format!(
        "{pushed:?} {:?} {:?} {:?}",
        builder(&case.server, &case.clock).login_hint("canary-hint").parameter("x", "canary-value"),
        IdToken::new("canary-token"),
        UserAgentBinding::from_cookie("canary-canary-canary-canary").unwrap(),
    );
    assert!(!shown.contains("canary"), "{shown}");
}
