//! No `Debug` and no error shows the device code or the user code.

use grantry_endpoint::DeviceAuthorizationRequest;
use grantry_testkit::*;

use crate::support::*;

fn none_shows(secrets: &[String], shown: &str) {
    for secret in secrets {
        assert!(secret.len() >= 8 && !shown.contains(secret.as_str()), "{secret} in {shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_of_one_authorization_shows_from_beginning_to_end() {
    let case = Case::new();
    case.set(|s| s.device_decision = DeviceDecision::Approve);
    let pending = case.flow.begin().await.unwrap();
    let mut secrets = vec![pending.user_code().to_owned()];
    let mut shown =
        format!("{pending:?} {pending:#?} {:?} {:?}", case.flow, pending.verification_uri_complete());
    let granted = pending.finish_telling(|waiting| shown += &format!("{waiting:?} {waiting}")).await.unwrap();
    shown += &format!("{granted:?} {granted:#?}");
    let polled = case.server.ledger().last(Endpoint::Token).unwrap().request;
    secrets.push(polled.form().expose("device_code").unwrap().to_owned());
    secrets.push(granted.refresh_token().unwrap().expose().to_owned());
    secrets.push(granted.token_set.token().expose().to_owned());
    none_shows(&secrets, &shown);
}

#[tokio::test(start_paused = true)]
async fn nothing_shows_in_what_went_wrong() {
    for fault in [
        Fault::drop_after_handling(),
        Fault::refuse_connection(),
        Fault::body("<html>"),
        Fault::status(404),
        Fault::body(r#"{"error":"invalid_grant","error_description":"canary-canary"}"#),
    ] {
        let case = Case::new();
        case.set(|s| s.device_code_lifetime = std::time::Duration::from_secs(12));
        case.polls_fail(fault.until_cleared());
        let pending = case.flow.begin().await.unwrap();
        let mut secrets = vec![pending.user_code().to_owned(), "canary-canary".to_owned()];
        let unfinished = pending.finish().await.unwrap_err();
        let shown =
            format!("{unfinished} {unfinished:?} {:#?} {}", unfinished.error, unfinished.error.diagnosis());
        let polled = case.server.ledger().last(Endpoint::Token).unwrap().request;
        secrets.push(polled.form().expose("device_code").unwrap().to_owned());
        none_shows(&secrets, &shown);
    }
}

/// A server that writes what it was sent into its error code.
#[tokio::test(start_paused = true)]
async fn a_code_that_echoes_the_device_code_is_not_told() {
    let case = Case::new();
    let codes = r#"{"device_code":"canary_device_code","user_code":"A","expires_in":60,
        "verification_uri":"https://as.test/device"}"#;
    case.server.inject(Endpoint::DeviceAuthorization, Fault::body(codes));
    case.next_poll_says(400, "canary_device_code");
    let unfinished = case.run(1).await.unwrap_err();
    assert!(!format!("{unfinished:?} {unfinished}").contains("canary"), "{unfinished:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_shows_in_what_is_under_way() {
    let case = Case::new();
    let request = DeviceAuthorizationRequest::to(case.flow.endpoint()).unwrap().parameter("x", "canary");
    let flow = builder(&case.server, &case.clock, case.server.transport()).parameter("x", "canary");
    let shown = format!("{request:?} {flow:?} {:?}", flow.clone().build().unwrap());
    assert!(!shown.contains("canary"), "{shown}");
}
