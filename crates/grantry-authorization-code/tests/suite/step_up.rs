//! From a resource server's refusal to a request for more.

use std::sync::Arc;
use std::time::Duration;

use grantry_authorization_code::*;
use grantry_core::presenting::{Challenges, StepUp};
use grantry_core::{Error, ErrorKind, Party, Retry, Scope, Stage};
use grantry_testkit::{Endpoint, Form, ManualClock};

use crate::support::{Case, builder, query, refused, test_server};

fn scope(list: &str) -> Scope {
    Scope::parse(list).unwrap()
}

/// What a client of a resource server gives after this challenge.
fn refusal(challenge: &str) -> Error {
    let challenge = Challenges::parse([challenge]).iter().next().unwrap().clone();
    let kind = match challenge.error() {
        Some("insufficient_scope") => ErrorKind::InsufficientScope,
        Some("insufficient_user_authentication") => ErrorKind::InsufficientAuthentication,
        _ => ErrorKind::TokenRejected,
    };
    Error::new(kind, Stage::Present, "refused").with_challenge(challenge)
}

fn more_scope(scope: &str) -> Error {
    refusal(&format!("Bearer error=insufficient_scope, scope=\"{scope}\""))
}

const LOGIN: &str = "Bearer error=insufficient_user_authentication, acr_values=\"mfa hwk\", max_age=300";

fn codes(case: &Case) -> AuthorizationCodes {
    let store = Arc::new(PendingInMemory::new(Arc::new(case.clock.clone())));
    AuthorizationCodes::new(store, [("crm", case.flow.clone())]).unwrap()
}

async fn asked(flow: &AuthorizationCode) -> Form {
    let (redirect, _) = flow.begin(&flow.user_agent()).await.unwrap();
    query(&redirect.into_location().unwrap())
}

fn repeated(form: &Form) -> bool {
    let mut names: Vec<&str> = form.names().collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    names.len() < all
}

#[tokio::test]
async fn req_e06_the_request_asks_for_the_union_of_what_was_asked_granted_and_is_needed() {
    let case = Case::with(|builder| builder.scope("read offline_access").parameter("access_type", "x"));
    let more =
        StepUps::new().flow("ada", &case.flow, &more_scope("write admin"), &scope("read profile")).unwrap();
    let form = asked(&more).await;
    assert_eq!(form.expose("scope"), Some("admin offline_access profile read write"));
    assert_eq!((form.expose("acr_values"), form.expose("max_age")), (None, None));
    assert_eq!(form.expose("access_type"), Some("x"), "all else stays");
    assert_eq!((form.expose("nonce"), repeated(&form)), (None, false));
    let openid = StepUps::new().flow("ada", &case.flow, &more_scope("openid"), &scope("read")).unwrap();
    assert!(asked(&openid).await.expose("nonce").is_some(), "an ID token will come");
    // The flow that it was made of is as it was.
    assert_eq!(asked(&case.flow).await.expose("scope"), Some("offline_access read"));
}

#[tokio::test]
async fn req_e06_a_login_that_is_asked_for_goes_into_the_request_as_it_was_asked() {
    let case = Case::with(|builder| builder.scope("read").parameter("acr_values", "pwd"));
    let more = StepUps::new().flow("ada", &case.flow, &refusal(LOGIN), &scope("read")).unwrap();
    let form = asked(&more).await;
    assert_eq!((form.expose("acr_values"), form.expose("max_age")), (Some("mfa hwk"), Some("300")));
    assert_eq!((form.expose("scope"), repeated(&form)), (Some("read"), false));
    let any = refusal("DPoP error=insufficient_user_authentication");
    let form = asked(&StepUps::new().flow("ada", &more, &any, &scope("read")).unwrap()).await;
    assert_eq!((form.expose("acr_values"), form.expose("max_age")), (Some("mfa hwk"), Some("0")));
    // Pushed, it is all the same.
    let pushing = Case::with(|builder| builder.scope("read").pushed());
    let more = pushing.flow.for_step_up(&StepUp::of(&refusal(LOGIN)).unwrap(), &Scope::EMPTY).unwrap();
    more.begin(&pushing.user_agent).await.unwrap();
    let pushed = pushing.server.ledger().entries();
    let form =
        pushed.iter().find(|e| e.endpoint == Endpoint::PushedAuthorization).unwrap().request.form().clone();
    assert_eq!(form.expose("acr_values"), Some("mfa hwk"));
}

#[tokio::test]
async fn req_e06_a_step_up_is_finished_by_the_flow_of_its_name_and_brings_the_scope() {
    let case = Case::with(|builder| builder.scope("read"));
    let codes = codes(&case);
    let redirect = codes.begin("crm", &case.user_agent).await.unwrap();
    let back = case.server.visit(&redirect.into_location().unwrap()).await.unwrap();
    let callback = Callback::from_url(&back).unwrap();
    let (_, granted) = codes.finish(&case.user_agent, &callback).await.unwrap();
    assert_eq!(granted.scope().as_str(), "read");

    let redirect = codes
        .step_up_for("crm", &case.user_agent, b"a note", &more_scope("write"), granted.scope())
        .await
        .unwrap();
    let back = case.server.visit(&redirect.into_location().unwrap()).await.unwrap();
    let callback = Callback::from_url(&back).unwrap();
    let is_for = |name: &str, note: &[u8]| name == "crm" && note == b"a note";
    let (name, granted) = codes.finish_for(&case.user_agent, &callback, is_for).await.unwrap();
    assert_eq!((name, granted.scope().as_str()), ("crm", "read write"));
    assert!(granted.missing_scope().is_empty());
    let nobody = codes.step_up("mail", &case.user_agent, &more_scope("x"), &Scope::EMPTY).await.unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn req_e06_a_server_that_is_never_content_sends_nobody_in_circles() {
    let case = Case::with(|builder| builder.scope("read"));
    let codes = codes(&case);
    let held = scope("read");
    let step_up = async |error: &Error| codes.step_up("crm", &case.user_agent, error, &held).await;
    // The same thing, twice.
    for _ in 0..2 {
        assert!(step_up(&more_scope("a b")).await.is_ok());
    }
    let error = step_up(&more_scope("b a")).await.unwrap_err();
    assert_eq!((error.kind(), error.stage()), (ErrorKind::InsufficientScope, Stage::Authorize));
    assert_eq!((error.diagnosis().retry(), error.diagnosis().party()), (Retry::Never, Party::ResourceServer));
    // Something new each time, up to eight in all.
    for nth in 0..6 {
        assert!(step_up(&more_scope(&format!("new{nth}"))).await.is_ok(), "{nth}");
    }
    assert!(step_up(&more_scope("new9")).await.is_err());
    assert_eq!(step_up(&refusal(LOGIN)).await.unwrap_err().kind(), ErrorKind::InsufficientAuthentication);
    // Another person is not hindered by that, and nobody is for ever.
    let other = case.flow.user_agent();
    assert!(codes.step_up("crm", &other, &more_scope("a b"), &held).await.is_ok());
    case.clock.advance(Duration::from_secs(15 * 60));
    assert!(step_up(&more_scope("a b")).await.is_ok());
}

#[test]
fn req_e06_what_was_granted_or_what_nobody_can_give_asks_no_person() {
    let case = Case::with(|builder| builder.scope("read"));
    let steps = StepUps::new().same(1).all(1);
    let refuse = |error: &Error, held: &str| steps.flow("ada", &case.flow, error, &scope(held)).unwrap_err();
    let error = refuse(&more_scope("read"), "read write");
    assert_eq!(error.kind(), ErrorKind::InsufficientScope);
    assert!(error.to_string().contains("granted already"), "{error}");
    let error = refuse(&refusal("Bearer error=insufficient_scope"), "read");
    assert!(error.to_string().contains("nothing that a person"), "{error}");
    for other in [refusal("Bearer error=invalid_token"), Error::configuration("x")] {
        assert_eq!(refuse(&other, "read").kind(), ErrorKind::Configuration);
    }
    // None of them was counted. A login helps whatever was granted.
    assert!(steps.flow("ada", &case.flow, &refusal(LOGIN), &scope("read")).is_ok());
    assert!(steps.flow("ada", &case.flow, &more_scope("write"), &scope("read")).is_err());
    steps.passed("ada");
    assert!(steps.flow("ada", &case.flow, &more_scope("write"), &scope("read")).is_ok());
    let shown = format!("{steps:?}");
    assert!(!shown.contains("ada"), "{shown}");
}

#[test]
fn req_e06_a_scope_with_what_the_server_puts_between_scopes_is_refused() {
    let clock = ManualClock::new();
    let server = test_server(&clock, "");
    let facts = server.authorization_server().unwrap().to_builder().scope_separator(',').build().unwrap();
    let endpoint = crate::support::endpoint(facts, server.transport(), &clock);
    let flow =
        AuthorizationCode::builder(endpoint, crate::support::REDIRECT_URI).scope("read").build().unwrap();
    let error = StepUps::new().flow("ada", &flow, &more_scope("a,b"), &Scope::EMPTY).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(!error.to_string().contains("a,b"), "{error}");
    // As it is where a person configures it.
    assert_eq!(refused(builder(&server, &clock).scope("a\"b")).kind(), ErrorKind::Configuration);
}
