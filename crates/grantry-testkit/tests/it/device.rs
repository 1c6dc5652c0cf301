//! Device authorizations (RFC 8628), as a program that knows no library asks for them.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Clock, RefreshToken};
use grantry_testkit::*;
use serde_json::Value;

use crate::client::{answered, posted};

struct Case {
    server: TestServer,
    clock: ManualClock,
}

impl Case {
    fn new() -> Self {
        let clock = ManualClock::new();
        let server = TestServer::builder()
            .client(RegisteredClient::public("tv"))
            .client(RegisteredClient::with_secret("other", "s3cret"))
            .clock(Arc::new(clock.clone()))
            .build();
        Self { server, clock }
    }

    fn set(&self, change: impl FnOnce(&mut Settings)) {
        self.server.with_authority(|authority, _| change(authority.settings_mut()));
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    async fn begin(&self) -> Value {
        answered(&self.server, posted("/device_authorization", &[("client_id", "tv"), ("scope", "a b")]))
            .await
    }

    async fn poll(&self, codes: &Value, more: &[(&str, &str)]) -> Value {
        let code = codes["device_code"].as_str().unwrap();
        let mut form =
            vec![("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", code)];
        form.extend_from_slice(more);
        answered(&self.server, posted("/token", &form)).await
    }

    async fn polled(&self, codes: &Value) -> Value {
        self.poll(codes, &[("client_id", "tv")]).await
    }
}

#[tokio::test]
async fn the_codes_come_with_all_that_a_person_needs() {
    let case = Case::new();
    let codes = case.begin().await;
    assert_eq!((&codes["expires_in"], &codes["interval"]), (&600.into(), &5.into()));
    assert_eq!(codes["verification_uri"], "https://as.test/device");
    let user_code = codes["user_code"].as_str().unwrap();
    assert_eq!((user_code.len(), user_code.find('-')), (9, Some(4)));
    assert!(codes["verification_uri_complete"].as_str().unwrap().ends_with(user_code));
    case.set(|s| s.device_interval = None);
    assert!(case.begin().await.get("interval").is_none());
    assert_eq!(case.server.ledger().count(Endpoint::DeviceAuthorization), 2);
    let nobody = answered(&case.server, posted("/device_authorization", &[("client_id", "nobody")])).await;
    assert_eq!(nobody["error"], "invalid_client");
}

#[tokio::test]
async fn a_poll_waits_for_the_person_who_approves_once() {
    let case = Case::new();
    let codes = case.begin().await;
    let user_code = codes["user_code"].as_str().unwrap();
    assert_eq!(case.polled(&codes).await["error"], "authorization_pending");
    assert!(case.server.approve(user_code) && !case.server.approve("XXXX-XXXX"));
    case.pass(5);
    let tokens = case.polled(&codes).await;
    assert_eq!(tokens["scope"], "a b");
    let refresh = RefreshToken::new(tokens["refresh_token"].as_str().unwrap());
    assert!(case.server.with_authority(|authority, at| authority.is_live(&refresh, at)));
    case.pass(5);
    assert_eq!(case.polled(&codes).await["error"], "invalid_grant");
    assert!(!case.server.approve(user_code));
}

#[tokio::test]
async fn a_person_may_decline_and_be_too_late() {
    let case = Case::new();
    let codes = case.begin().await;
    let user_code = codes["user_code"].as_str().unwrap();
    assert!(case.server.deny(user_code));
    assert_eq!(case.polled(&codes).await["error"], "access_denied");
    let codes = case.begin().await;
    case.pass(600);
    assert!(!case.server.approve(codes["user_code"].as_str().unwrap()));
    assert_eq!(case.polled(&codes).await["error"], "expired_token");
}

#[tokio::test]
async fn req_c16_whoever_polls_too_soon_is_told_to_slow_down_by_five_seconds() {
    let case = Case::new();
    let codes = case.begin().await;
    for (pass, error) in [
        (0, "authorization_pending"),
        (4, "slow_down"),
        (9, "slow_down"),
        (15, "authorization_pending"),
        (14, "slow_down"),
        (20, "authorization_pending"),
    ] {
        case.pass(pass);
        assert_eq!(case.polled(&codes).await["error"], error, "{:?}", case.clock.now());
    }
}

#[tokio::test]
async fn the_settings_decide_what_a_poll_is_answered_with() {
    let case = Case::new();
    let codes = case.begin().await;
    for (decision, error) in [
        (DeviceDecision::Wait, "authorization_pending"),
        (DeviceDecision::SlowDown, "slow_down"),
        (DeviceDecision::Deny, "access_denied"),
        (DeviceDecision::Expire, "expired_token"),
    ] {
        case.pass(20);
        case.set(|s| s.device_decision = decision);
        assert_eq!(case.polled(&codes).await["error"], error);
    }
    case.pass(20);
    case.set(|s| s.device_decision = DeviceDecision::Approve);
    assert!(case.polled(&codes).await["access_token"].is_string());
}

#[tokio::test]
async fn a_device_code_is_its_clients_alone() {
    let case = Case::new();
    let codes = case.begin().await;
    assert!(case.server.approve(codes["user_code"].as_str().unwrap()));
    let stolen = case.poll(&codes, &[("client_id", "other"), ("client_secret", "s3cret")]).await;
    assert_eq!(stolen["error"], "invalid_grant");
    assert!(case.polled(&codes).await["access_token"].is_string());
}
