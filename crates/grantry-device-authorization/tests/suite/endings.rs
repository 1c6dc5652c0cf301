//! How it ends without tokens, and what is left.

use grantry_core::{Error, ErrorKind, Party, Retry};
use grantry_device_authorization::DeviceEnding;
use grantry_testkit::*;

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn req_c18_a_person_who_declines_ends_it() {
    let case = Case::new();
    let pending = case.flow.begin().await.unwrap();
    assert!(case.server.deny(pending.user_code()));
    let unfinished = pending.finish().await.unwrap_err();
    assert_eq!(unfinished.ending, DeviceEnding::Denied);
    assert_eq!(unfinished.error.oauth_code(), Some("access_denied"));
    let diagnosis = unfinished.error.diagnosis();
    assert_eq!((diagnosis.party(), diagnosis.retry()), (Party::ResourceOwner, Retry::Never));
    assert!(unfinished.again.is_none());
    assert!(Error::from(unfinished).is_definite());
}

#[tokio::test(start_paused = true)]
async fn req_c18_codes_that_the_server_calls_expired_end_it() {
    let case = Case::new();
    case.set(|s| s.device_decision = DeviceDecision::Expire);
    let unfinished = case.run(1).await.unwrap_err();
    assert_eq!(unfinished.ending, DeviceEnding::Expired);
    assert_eq!(unfinished.error.oauth_code(), Some("expired_token"));
    assert_eq!(unfinished.error.diagnosis().party(), Party::ResourceOwner);
    assert!(unfinished.error.diagnosis().remedy().contains("begin again"));
    assert_eq!(case.polls(), [5]);
}

#[tokio::test(start_paused = true)]
async fn req_c18_any_other_answer_ends_the_polling_at_once() {
    for (status, body, kind, again) in [
        (400, r#"{"error":"invalid_grant"}"#, ErrorKind::InvalidGrant, false),
        (401, r#"{"error":"invalid_client"}"#, ErrorKind::InvalidClient, true),
        (400, r#"{"error":"unauthorized_client"}"#, ErrorKind::Refused, true),
        (400, r#"{"error":"server_error"}"#, ErrorKind::Unavailable, true),
        (400, r#"{"error":"authorization_pending "}"#, ErrorKind::Refused, true),
        (400, r#"{"error":"odd"}"#, ErrorKind::Refused, true),
        (200, r#"{"error":"access_denied"}"#, ErrorKind::Refused, false),
        (200, "<html>", ErrorKind::InvalidAnswer, true),
        (200, "null", ErrorKind::InvalidAnswer, true),
        (204, "", ErrorKind::InvalidAnswer, true),
        (302, "", ErrorKind::InvalidAnswer, true),
        (404, "", ErrorKind::InvalidAnswer, true),
    ] {
        let case = Case::new();
        case.polls_fail(Fault::status(status).with_body(body));
        let unfinished = case.run(100).await.unwrap_err();
        assert_eq!(unfinished.error.kind(), kind, "{status} {body}");
        assert_eq!(unfinished.again.is_some(), again, "{status} {body}");
        assert_eq!(case.polls(), [5], "{status} {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_said_nothing_of_the_codes_can_be_gone_on_with_at_the_same_pace() {
    let case = Case::new();
    case.next_poll_says(400, "slow_down");
    case.polls_fail(Fault::status(404));
    let unfinished = case.run(1).await.unwrap_err();
    assert_eq!(unfinished.ending, DeviceEnding::Failed);
    assert!(unfinished.error.diagnosis().remedy().contains("finish again"));
    unfinished.again.unwrap().finish().await.unwrap();
    assert_eq!(case.polls(), [5, 15, 25]);
}

#[tokio::test(start_paused = true)]
async fn tokens_that_were_lost_on_their_way_are_told_as_a_cause() {
    let case = Case::new();
    case.polls_fail(Fault::drop_after_handling());
    let unfinished = case.run(1).await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::InvalidGrant);
    let causes: Vec<String> = unfinished.error.diagnosis().causes().map(str::to_owned).collect();
    assert!(causes.iter().any(|cause| cause.contains("lost")), "{causes:?}");
    assert_eq!(case.polls(), [5, 15]);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_of_a_broken_answer_is_handed_over() {
    let case = Case::new();
    case.polls_fail(Fault::body(
        r#"{"access_token":"a b","refresh_token":"rt-salvaged","token_type":"Bearer"}"#,
    ));
    let unfinished = case.run(1).await.unwrap_err();
    assert_eq!(unfinished.salvaged.unwrap().expose(), "rt-salvaged");

    // The answer breaks off behind it; the next poll says that the code is used up.
    let case = Case::new();
    let body = r#"{"refresh_token":"rt-salvaged","access_token":"abc"#;
    let head = 400;
    case.polls_fail(Fault::body(format!("{body}{}", "x".repeat(head))));
    let unfinished = case.run(1).await.unwrap_err();
    assert_eq!(unfinished.salvaged.unwrap().expose(), "rt-salvaged");
}

#[tokio::test(start_paused = true)]
async fn less_than_was_asked_for_is_told() {
    let case = Case::new();
    let less = grantry_core::Scope::parse("read").unwrap();
    case.set(|s| s.scope_policy = ScopePolicy::Narrowed(less));
    let granted = case.run(1).await.unwrap();
    assert_eq!((granted.scope().as_str(), granted.missing_scope().as_str()), ("read", "write"));
}

/// Answers after so long that the codes have expired meanwhile.
#[tokio::test(start_paused = true)]
async fn an_error_that_comes_after_the_expiry_is_told_and_leaves_nothing_to_go_on_with() {
    let case = Case::new();
    let refusal = Fault::status(401).with_body(r#"{"error":"invalid_client"}"#);
    case.polls_fail(refusal.delayed(std::time::Duration::from_secs(700)));
    let unfinished = case.run(1).await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::InvalidClient);
    assert_eq!(unfinished.ending, DeviceEnding::Failed);
    assert!(unfinished.again.is_none() && unfinished.error.diagnosis().remedy().contains("begin again"));
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_between_two_polls_can_go_on() {
    let case = Case::new();
    let pending = case.flow.begin().await.unwrap();
    let user_code = pending.user_code().to_owned();
    let unfinished = pending.finish_unless(|_| (), std::future::ready(())).await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::Closed);
    assert!(case.polls().is_empty());
    case.server.approve(&user_code);
    assert!(unfinished.again.unwrap().finish().await.is_ok());
}
