//! What comes back, and whom it is from.

use std::time::Duration;

use grantry_authorization_code::{AuthorizationCode, Callback};
use grantry_core::{AuthorizationServer, ErrorCause, ErrorKind, Party, Retry};
use grantry_testkit::{Decision, ResponseIssuer, ResponseState};

use crate::support::*;

#[tokio::test]
async fn req_b08_a_state_that_is_missing_wrong_cut_or_in_another_case_spends_nothing() {
    let case = Case::new();
    let (mut pending, back) = case.walk().await;
    let state = query(&back).expose("state").unwrap().to_owned();
    let other_case: String = state
        .chars()
        .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    let long = format!("{state}A");
    let others = [None, Some(""), Some("wrong"), Some(&state[..42]), Some(&other_case), Some(&long)];
    for other in others {
        let forged = with_parameter(&back, "state", other);
        let unfinished = case.finish(pending, &forged).await.unwrap_err();
        assert_eq!(unfinished.error.kind(), ErrorKind::InvalidAnswer, "{other:?}");
        assert_eq!(unfinished.error.diagnosis().retry(), Retry::Never);
        pending = *unfinished.again.expect("the right response may still come");
    }
    assert_eq!(case.token_requests(), 0);
    case.finish(pending, &back).await.unwrap();
}

#[tokio::test]
async fn req_b08_a_response_in_another_browser_is_refused_and_the_right_one_goes_on() {
    let case = Case::new();
    let (pending, back) = case.walk().await;
    let stranger = case.flow.user_agent();
    let callback = Callback::from_url(&back).unwrap();
    let unfinished = pending.finish(&case.flow, &stranger, &callback).await.unwrap_err();
    assert!(unfinished.error.to_string().contains("user agent"), "{}", unfinished.error);
    assert_eq!(case.token_requests(), 0);
    case.finish(*unfinished.again.unwrap(), &back).await.unwrap();
}

#[tokio::test]
async fn req_b11_an_issuer_that_differs_by_anything_ends_it_and_no_error_of_it_shows() {
    for other in [
        "https://AS.test",
        "https://as.test/",
        "https://as.test:443",
        "https://as%2Etest",
        "http://as.test",
        "https://as.test.example",
        "https://other.test",
        " https://as.test",
    ] {
        let case = Case::new();
        case.set(|settings| {
            settings.response_issuer = ResponseIssuer::Other(other.into());
            settings.decision =
                Decision::Fail { code: "odd_code".into(), description: "call this number".into() };
        });
        let unfinished = case.run().await.unwrap_err();
        assert!(unfinished.error.to_string().contains("issuer"), "{other}: {}", unfinished.error);
        assert!(unfinished.again.is_none() && unfinished.said.is_none());
        assert!(unfinished.error.oauth_code().is_none());
        assert!(!format!("{unfinished:?}").contains("odd_code"));
        assert_eq!(case.token_requests(), 0);
    }
}

#[tokio::test]
async fn req_b12_an_issuer_that_was_promised_and_is_missing_ends_it() {
    let case = Case::new();
    case.set(|settings| settings.response_issuer = ResponseIssuer::Absent);
    let unfinished = case.run().await.unwrap_err();
    assert!(unfinished.error.to_string().contains("no issuer"), "{}", unfinished.error);
    assert!(unfinished.again.is_none());
    assert_eq!(case.token_requests(), 0);
}

#[tokio::test]
async fn req_b11_b12_an_issuer_that_nobody_promised_may_be_missing_but_not_wrong() {
    for (issuer, fine) in [
        (ResponseIssuer::Absent, true),
        (ResponseIssuer::Own, true),
        (ResponseIssuer::Other("https://other.test".into()), false),
    ] {
        let mut case = Case::new();
        case.set(|settings| {
            settings.advertises_response_issuer = false;
            settings.response_issuer = issuer;
        });
        case.flow = builder(&case.server, &case.clock).build().unwrap();
        assert_eq!(case.run().await.is_ok(), fine);
    }
}

#[tokio::test]
async fn an_issuer_that_cannot_be_compared_is_a_mistake_in_the_configuration() {
    let mut case = Case::new();
    let facts = AuthorizationServer::builder("https://as.test/token")
        .authorization_endpoint("https://as.test/authorize")
        .build()
        .unwrap();
    let endpoint = endpoint(facts, case.server.transport(), &case.clock);
    case.flow = AuthorizationCode::builder(endpoint, REDIRECT_URI).build().unwrap();
    let unfinished = case.run().await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::Configuration);
    case.set(|settings| settings.response_issuer = ResponseIssuer::Absent);
    assert!(case.run().await.unwrap().issuer.is_none());
}

#[tokio::test]
async fn req_b19_what_the_server_refuses_is_an_error_with_a_diagnosis_and_its_text_is_data() {
    let case = Case::new();
    case.set(|settings| settings.decision = Decision::Deny);
    let unfinished = case.run().await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::Refused);
    assert_eq!(unfinished.error.oauth_code(), Some("access_denied"));
    assert_eq!(unfinished.error.diagnosis().party(), Party::ResourceOwner);
    assert!(unfinished.said.is_none() && unfinished.again.is_none());

    case.set(|settings| {
        settings.decision = Decision::Fail {
            code: "login_required".into(),
            description: "<script>steal()</script> please log in".into(),
        };
    });
    let unfinished = case.run().await.unwrap_err();
    assert!(unfinished.error.diagnosis().remedy().contains("prompt"));
    assert_eq!(unfinished.said.as_deref(), Some("scriptsteal()/script please log in"));
    assert!(!unfinished.error.to_string().contains("steal"));
    assert!(!format!("{:?}", unfinished.error).contains("steal"));
    assert_eq!(case.token_requests(), 0);
}

#[tokio::test]
async fn a_description_with_line_breaks_and_the_providers_code_in_it_is_read() {
    let mut case = Case::new();
    let facts = case.server.authorization_server().unwrap().to_builder();
    let cause = ErrorCause { code: "AADSTS65004", cause: "the person declined" };
    let facts = facts.provider_code_prefix("AADSTS").error_causes([cause]).build().unwrap();
    let endpoint = endpoint(facts, case.server.transport(), &case.clock);
    case.flow = AuthorizationCode::builder(endpoint, REDIRECT_URI).build().unwrap();
    case.set(|settings| {
        let description = "AADSTS65004: User declined.\r\nTrace ID: 7\r\n".into();
        settings.decision = Decision::Fail { code: "access_denied".into(), description };
    });
    let unfinished = case.run().await.unwrap_err();
    assert_eq!(unfinished.error.provider_code(), Some("AADSTS65004"));
    assert_eq!(unfinished.error.diagnosis().causes().next(), Some("the person declined"));
    assert_eq!(unfinished.said.as_deref(), Some("AADSTS65004: User declined.  Trace ID: 7  "));
}

#[tokio::test]
async fn a_code_and_an_error_at_once_or_neither_ends_it() {
    for decision in [Decision::Contradict("access_denied".into()), Decision::SayNothing] {
        let case = Case::new();
        case.set(|settings| settings.decision = decision);
        let unfinished = case.run().await.unwrap_err();
        assert_eq!(unfinished.error.kind(), ErrorKind::InvalidAnswer);
        assert!(unfinished.again.is_none());
        assert_eq!(case.token_requests(), 0);
    }
}

#[tokio::test]
async fn an_error_without_our_state_is_nobodys_word() {
    let case = Case::new();
    case.set(|settings| {
        settings.decision = Decision::Deny;
        settings.response_state = ResponseState::Absent;
    });
    let unfinished = case.run().await.unwrap_err();
    assert!(unfinished.error.oauth_code().is_none() && unfinished.said.is_none());
    assert!(unfinished.again.is_some());
    case.set(|settings| settings.response_state = ResponseState::Other("made up".into()));
    assert!(case.run().await.unwrap_err().again.is_some());
}

#[tokio::test]
async fn a_person_who_took_too_long_begins_again() {
    let case = Case::with(|builder| builder.lifetime(Duration::from_secs(60)));
    let (pending, back) = case.walk().await;
    case.clock.suspend(Duration::from_secs(60));
    let unfinished = case.finish(pending, &back).await.unwrap_err();
    assert!(unfinished.error.diagnosis().remedy().contains("begin again"));
    assert!(unfinished.again.is_none());
    assert_eq!(case.token_requests(), 0);

    let (pending, back) = case.walk().await;
    case.clock.advance(Duration::from_secs(59));
    assert!(case.finish(pending, &back).await.is_ok());
}
