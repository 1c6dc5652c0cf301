//! Client assertions: which are accepted, and once only.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::{AssertionAudience, Clock};
use grantry_jose::{HmacKey, Signer, SigningKey, sign_jwt};
use grantry_testkit::*;
use serde_json::{Value, json};

use crate::client::{builder, send};

const SECRET: &str = "a client secret of at least 32 bytes";

struct Case {
    server: TestServer,
    clock: ManualClock,
    key: SigningKey,
}

async fn case() -> Case {
    let clock = ManualClock::new();
    let key = SigningKey::generate_ed25519().unwrap().with_key_id("k1");
    let server = builder()
        .client(RegisteredClient::with_key("crm", key.public_jwk()))
        .client(RegisteredClient::with_secret("erp", "short").or_secret(SECRET))
        .clock(Arc::new(clock.clone()))
        .start()
        .await
        .unwrap();
    Case { server, clock, key }
}

impl Case {
    fn claims(&self, client: &str) -> Value {
        let now = self.clock.wall().as_unix_seconds();
        let aud = self.server.issuer();
        json!({"iss": client, "sub": client, "aud": aud, "iat": now, "exp": now + 60, "jti": "1"})
    }

    /// Sends an assertion: `Ok`, or why it was refused.
    async fn show(&self, signer: &dyn Signer, claims: &Value, more: &str) -> Result<(), String> {
        let jwt = sign_jwt(signer, Some("JWT"), claims).await.unwrap();
        let form = format!(
            "grant_type=client_credentials&client_assertion={jwt}&client_assertion_type={}{more}",
            "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
        );
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let came = send("POST", &self.server.token_endpoint(), &headers, &form).await;
        match came.status() {
            200 => Ok(()),
            _ => Err(came.json()["error_description"].as_str().unwrap().to_owned()),
        }
    }
}

/// The claims with one of them exchanged, or left out.
fn with(mut claims: Value, name: &str, value: Value) -> Value {
    match value {
        Value::Null => claims.as_object_mut().unwrap().remove(name),
        value => claims.as_object_mut().unwrap().insert(name.to_owned(), value),
    };
    claims
}

#[tokio::test]
async fn an_assertion_is_accepted_once() {
    let case = case().await;
    let claims = case.claims("crm");
    assert_eq!(case.show(&case.key, &claims, "&client_id=crm").await, Ok(()));
    let again = case.show(&case.key, &claims, "").await;
    assert_eq!(again, Err("the assertion was used before".to_owned()));
    assert_eq!(case.show(&case.key, &with(claims, "jti", json!("2")), "").await, Ok(()));
}

#[tokio::test]
async fn a_secret_signs_too_if_it_is_long_enough() {
    let case = case().await;
    let key = HmacKey::new(SECRET).unwrap();
    assert_eq!(case.show(&key, &case.claims("erp"), "").await, Ok(()));
    let wrong = HmacKey::new("another secret of at least 32 bytes").unwrap();
    assert!(case.show(&wrong, &case.claims("erp"), "").await.is_err());
    let refused = case.show(&key, &case.claims("crm"), "").await.unwrap_err();
    assert_eq!(refused, "the client may not authenticate by this method", "C08: no symmetric confusion");
}

#[tokio::test]
async fn req_c06_c07_every_claim_has_to_be_right() {
    let case = case().await;
    let good = case.claims("crm");
    let now = case.clock.wall().as_unix_seconds();
    for (name, value, part) in [
        ("iss", json!("erp"), "iss and sub"),
        ("sub", json!("erp"), "method"),
        ("sub", Value::Null, "whom it is from"),
        ("aud", json!(case.server.token_endpoint()), "audience"),
        ("aud", json!([case.server.issuer()]), "no key"),
        ("exp", json!(now - 11), "expired"),
        ("exp", json!(now + 3600), "too long"),
        ("exp", Value::Null, "no key"),
        ("iat", json!(now + 11), "future"),
        ("nbf", json!(now + 11), "future"),
        ("jti", Value::Null, "no key"),
    ] {
        let refused = case.show(&case.key, &with(good.clone(), name, value), "").await.unwrap_err();
        assert!(refused.contains(part), "{name}: {refused}");
    }
    let stranger = SigningKey::generate_ed25519().unwrap();
    for key in [stranger.with_key_id("k1"), SigningKey::generate_es256().unwrap()] {
        assert!(case.show(&key, &good, "").await.unwrap_err().contains("no key"));
    }
    let two = case.show(&case.key, &good, "&client_id=crm&client_secret=x").await.unwrap_err();
    assert!(two.contains("more than one"), "{two}");
    let other = case.show(&case.key, &good, "&client_id=erp").await.unwrap_err();
    assert!(other.contains("two different"), "{other}");
    assert_eq!(case.show(&case.key, &good, "").await, Ok(()), "no refusal used the assertion up");
}

#[tokio::test]
async fn a_server_may_want_its_token_endpoint_as_the_audience() {
    let case = case().await;
    case.server.with_authority(|a, _| {
        a.settings_mut().assertion_audience = AssertionAudience::TokenEndpoint;
    });
    let claims = case.claims("crm");
    assert!(case.show(&case.key, &claims, "").await.is_err());
    let claims = with(claims, "aud", json!(case.server.token_endpoint()));
    assert_eq!(case.show(&case.key, &claims, "").await, Ok(()));
}

#[tokio::test]
async fn a_jti_may_come_again_when_its_assertion_is_long_over() {
    let case = case().await;
    assert_eq!(case.show(&case.key, &case.claims("crm"), "").await, Ok(()));
    case.clock.advance(Duration::from_secs(3600));
    assert_eq!(case.show(&case.key, &case.claims("crm"), "").await, Ok(()));
}
