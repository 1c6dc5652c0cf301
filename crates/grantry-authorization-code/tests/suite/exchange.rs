//! The code for tokens: once.

use grantry_authorization_code::{AuthorizationCode, Callback, PendingAuthorization};
use grantry_core::{AccessToken, ErrorKind, Retry, Scope};
use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint};
use grantry_testkit::{Decision, Endpoint, Fault, RegisteredClient, ScopePolicy};

use crate::support::*;

#[tokio::test]
async fn req_b05_b16_c23_the_code_comes_with_its_verifier_and_the_same_redirect_uri() {
    let case = Case::with(|builder| builder.scope("read").resource("https://api.example/a"));
    let granted = case.run().await.unwrap();
    let sent = case.server.ledger().last(Endpoint::Token).unwrap().request;
    let form = sent.form();
    assert_eq!(form.expose("grant_type"), Some("authorization_code"));
    assert_eq!(form.expose("redirect_uri"), Some(REDIRECT_URI));
    assert_eq!(form.expose("code_verifier").map(str::len), Some(43));
    assert_eq!(form.expose("resource"), Some("https://api.example/a"));
    let begun = case.server.ledger().last(Endpoint::Authorization).unwrap().request;
    let begun = query(&format!("https://as.test/?{}", begun.expose_query().unwrap()));
    assert_eq!(begun.expose("resource"), form.expose("resource"), "on both requests");
    assert!(form.expose("scope").is_none() && form.expose("state").is_none());
    assert!(sent.has_authorization(), "the client authenticates (RFC 6749 section 3.2.1)");

    assert_eq!(granted.issuer.as_deref(), Some("https://as.test"));
    assert!(granted.refresh_token().is_some() && granted.claims.is_none());
    let access = AccessToken::new(granted.token_set.token().expose());
    let facts = case.server.with_authority(|authority, at| authority.check(&access, at)).unwrap();
    assert_eq!((facts.subject.as_str(), facts.scope.as_str()), ("resource-owner", "read"));
}

#[tokio::test]
async fn a_public_client_needs_no_secret() {
    let mut case = Case::new();
    let public = RegisteredClient::public("desktop").redirect_uri("http://127.0.0.1:49152/callback");
    case.server.with_authority(|authority, _| authority.register(public));
    let client = Client::new("desktop", ClientAuthentication::none()).unwrap();
    let facts = case.server.authorization_server().unwrap();
    let endpoint = TokenEndpoint::builder(facts, client, std::sync::Arc::new(case.server.transport()));
    let endpoint = endpoint.clock(std::sync::Arc::new(case.clock.clone())).build().unwrap();
    let flow = AuthorizationCode::builder(endpoint, "http://127.0.0.1:49152/callback");
    case.flow = flow.scope("read").build().unwrap();
    let (redirect, pending) = case.flow.begin(&case.user_agent).await.unwrap();
    let back = case.server.visit(&redirect.into_location().unwrap()).await.unwrap();
    assert!(case.finish(pending, &back).await.is_ok());
}

#[tokio::test]
async fn what_was_granted_stands_beside_what_was_asked_for() {
    let case = Case::with(|builder| builder.scope("read write openid"));
    let read = Scope::parse("read openid").unwrap();
    case.set(|settings| settings.scope_policy = ScopePolicy::Narrowed(read.clone()));
    let granted = case.run().await.unwrap();
    assert_eq!(granted.scope(), &read);
    assert_eq!(granted.requested.as_str(), "openid read write");
    assert_eq!(granted.missing_scope().as_str(), "write");
}

#[tokio::test]
async fn a_scope_that_the_answer_leaves_out_is_the_one_asked_for() {
    let case = Case::with(|builder| builder.scope("read"));
    let (pending, back) = case.walk().await;
    case.server.inject(Endpoint::Token, Fault::body(r#"{"access_token":"abc","token_type":"Bearer"}"#));
    let granted = case.finish(pending, &back).await.unwrap();
    assert_eq!(granted.token_set.token().scope(), &granted.requested);
}

#[tokio::test]
async fn req_b24_a_request_that_was_never_sent_may_be_made_once_more() {
    let case = Case::new();
    let (pending, back) = case.walk().await;
    case.server.inject(Endpoint::Token, Fault::refuse_connection().times(2));
    let unfinished = case.finish(pending, &back).await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::Unreachable);
    assert!(unfinished.error.diagnosis().remedy().contains("same response again"));
    let unfinished = case.finish(*unfinished.again.unwrap(), &back).await.unwrap_err();
    case.finish(*unfinished.again.unwrap(), &back).await.unwrap();
}

#[tokio::test]
async fn req_b24_a_code_that_may_have_reached_the_server_is_never_posted_again() {
    for (fault, kind) in [
        (Fault::drop_before_handling(), ErrorKind::Interrupted),
        (Fault::drop_after_handling(), ErrorKind::Interrupted),
        (Fault::truncate_at(10), ErrorKind::Interrupted),
        (Fault::garbage(), ErrorKind::Interrupted),
        (Fault::status(500), ErrorKind::Unavailable),
        (Fault::status(503), ErrorKind::Unavailable),
        (Fault::status(429), ErrorKind::Unavailable),
        (Fault::body("<html>"), ErrorKind::InvalidAnswer),
        (Fault::body(""), ErrorKind::InvalidAnswer),
        (Fault::body(r#"{"error":"invalid_client"}"#), ErrorKind::InvalidClient),
        (Fault::body(r#"{"error":"invalid_grant"}"#), ErrorKind::InvalidGrant),
    ] {
        let case = Case::new();
        let (pending, back) = case.walk().await;
        case.server.inject(Endpoint::Token, fault.clone());
        let unfinished = case.finish(pending, &back).await.unwrap_err();
        assert_eq!(unfinished.error.kind(), kind, "{fault:?}");
        assert!(unfinished.again.is_none(), "{fault:?}");
        let diagnosis = unfinished.error.diagnosis();
        assert_eq!(diagnosis.retry(), Retry::Never, "{fault:?}");
        assert!(diagnosis.remedy().contains("begin again"), "{fault:?}: {diagnosis}");
        if kind == ErrorKind::InvalidGrant {
            let causes = diagnosis.causes().collect::<Vec<_>>().join("; ");
            assert!(causes.contains("used before") && causes.contains("redirect URI differs"), "{causes}");
            assert!(diagnosis.remedy().contains("compare the redirect URI"), "{diagnosis}");
        }
        assert_eq!(case.token_requests(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_refresh_token_in_an_answer_that_is_of_no_other_use_is_not_lost() {
    let case = Case::new();
    let (pending, back) = case.walk().await;
    let body = r#"{"access_token":7,"refresh_token":"the-only-one-there-is"}"#;
    case.server.inject(Endpoint::Token, Fault::body(body));
    let unfinished = case.finish(pending, &back).await.unwrap_err();
    assert_eq!(unfinished.salvaged.unwrap().expose(), "the-only-one-there-is");
}

#[tokio::test]
async fn a_code_of_another_authorization_is_refused_by_its_challenge() {
    let case = Case::new();
    let (mine, my_back) = case.walk().await;
    case.set(|settings| settings.decision = Decision::ConsentBy("mallory".into()));
    let (_, their_back) = case.walk().await;
    // The code of one, injected into the response of the other (RFC 9700 section 4.5).
    let code = query(&their_back).expose("code").unwrap().to_owned();
    let injected = with_parameter(&my_back, "code", Some(&code));
    let unfinished = case.finish(mine, &injected).await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::InvalidGrant);
}

#[tokio::test]
async fn the_second_use_of_a_code_takes_back_what_the_first_brought() {
    let case = Case::new();
    let (pending, back) = case.walk().await;
    // What the house makes impossible, by the only way there is: two copies of the bytes.
    let bytes = pending.to_bytes().unwrap();
    let clock: &dyn grantry_core::Clock = &case.clock;
    let copy = grantry_authorization_code::PendingAuthorization::from_bytes(&bytes, clock).unwrap();
    let granted = case.finish(pending, &back).await.unwrap();
    let access = AccessToken::new(granted.token_set.token().expose());
    let live = || case.server.with_authority(|authority, at| authority.check(&access, at)).is_some();
    assert!(live());
    let callback = Callback::from_url(&back).unwrap();
    let unfinished = copy.finish(&case.flow, &case.user_agent, &callback).await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::InvalidGrant);
    assert!(!live(), "this is why a code is never posted twice");
}

fn causes(unfinished: &grantry_authorization_code::Unfinished) -> String {
    unfinished.error.diagnosis().causes().collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn where_a_code_was_sent_before_that_is_the_cause_with_its_time_and_no_other_is_guessed() {
    let case = Case::new();
    let (pending, back) = case.walk().await;
    let clock: &dyn grantry_core::Clock = &case.clock;
    let copy = PendingAuthorization::from_bytes(&pending.to_bytes().unwrap(), clock).unwrap();
    let sent = clock.wall();
    case.finish(pending, &back).await.unwrap();
    case.clock.advance(std::time::Duration::from_secs(3));
    let unfinished = case.finish(copy, &back).await.unwrap_err();
    assert_eq!(
        causes(&unfinished),
        format!("the code was sent before, at {sent}, and a code works once (RFC 6749 section 4.1.2)")
    );
    let remedy = unfinished.error.diagnosis().remedy().to_owned();
    assert!(
        remedy.starts_with("let the person begin again; see what finishes one response twice"),
        "{remedy}"
    );
}

#[tokio::test]
async fn where_a_code_waited_for_longer_than_servers_keep_one_that_is_the_cause() {
    let case = Case::new();
    let (pending, back) = case.walk().await;
    case.server.inject(Endpoint::Token, Fault::refuse_connection());
    let unfinished = case.finish(pending, &back).await.unwrap_err();
    case.clock.advance(std::time::Duration::from_secs(90));
    let unfinished = case.finish(*unfinished.again.unwrap(), &back).await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::InvalidGrant);
    // What was never sent was not sent before.
    assert_eq!(
        causes(&unfinished),
        "the code was sent 90 s after it had come, and servers keep one for as little as 60 s"
    );
    assert!(unfinished.error.diagnosis().remedy().contains("see what held it up"));
}

#[tokio::test]
async fn where_the_clock_is_off_that_is_said_before_what_else_a_refused_code_may_come_of() {
    for (date, said) in [(-300, "300 s ahead of"), (300, "300 s behind")] {
        let case = Case::new();
        let (pending, back) = case.walk().await;
        let clock: &dyn grantry_core::Clock = &case.clock;
        let theirs = u64::try_from(clock.wall().as_unix_seconds() + date).unwrap();
        let theirs = std::time::UNIX_EPOCH + std::time::Duration::from_secs(theirs);
        let refused = Fault::status(400).with_body(r#"{"error":"invalid_grant"}"#);
        let dated = refused.header(http::header::DATE, httpdate::fmt_http_date(theirs).parse().unwrap());
        case.server.inject(Endpoint::Token, dated);
        let unfinished = case.finish(pending, &back).await.unwrap_err();
        let found = causes(&unfinished);
        let clock = format!("this machine's clock is {said} the server's, by the Date of its answers; ");
        assert!(found.starts_with(&clock) && found.contains("redirect URI differs"), "{found}");
    }
}

#[tokio::test]
async fn a_redirect_uri_that_differs_from_the_one_of_the_request_is_named_before_anything_is_sent() {
    let mut case = Case::new();
    let (pending, back) = case.walk().await;
    case.flow = AuthorizationCode::builder(case.flow.endpoint().clone(), "https://app.example/other")
        .build()
        .unwrap();
    let unfinished = case.finish(pending, &back).await.unwrap_err();
    let text = unfinished.error.to_string();
    assert!(text.contains("was begun with another redirect URI: finish it with the flow"), "{text}");
    assert!(!text.contains("client"), "{text}");
    assert_eq!(case.token_requests(), 0);
    assert!(unfinished.again.is_some());
}
