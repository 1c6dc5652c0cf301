//! Token exchange (RFC 8693) and JWTs as grants (RFC 7523), as a program that knows no library asks for them.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::{AccessToken, Clock};
use grantry_jose::{SigningKey, sign_jwt};
use grantry_testkit::*;
use serde_json::{Value, json};

use crate::client::{answered, posted};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

struct Case {
    server: TestServer,
    clock: ManualClock,
    key: SigningKey,
}

impl Case {
    fn new() -> Self {
        let clock = ManualClock::new();
        let key = SigningKey::generate_ed25519().unwrap();
        let server = TestServer::builder()
            .client(RegisteredClient::with_secret("gateway", "s3cret"))
            .client(RegisteredClient::with_key("robot", key.public_jwk()))
            .clock(Arc::new(clock.clone()))
            .build();
        Self { server, clock, key }
    }

    async fn ask(&self, grant_type: &str, more: &[(&str, &str)]) -> Value {
        let grant_type = match grant_type {
            "client_credentials" => grant_type.to_owned(),
            other => format!("urn:ietf:params:oauth:grant-type:{other}"),
        };
        let mut form =
            vec![("grant_type", grant_type.as_str()), ("client_id", "gateway"), ("client_secret", "s3cret")];
        form.extend_from_slice(more);
        answered(&self.server, posted("/token", &form)).await
    }

    /// An access token to exchange.
    async fn token(&self) -> String {
        let answer = self.ask("client_credentials", &[("scope", "a b")]).await;
        answer["access_token"].as_str().unwrap().to_owned()
    }

    async fn exchange(&self, more: &[(&str, &str)]) -> Value {
        let subject = self.token().await;
        let mut form = vec![("subject_token", subject.as_str()), ("subject_token_type", ACCESS_TOKEN)];
        form.extend_from_slice(more);
        self.ask("token-exchange", &form).await
    }

    fn claims(&self) -> Value {
        let now = self.clock.wall().as_unix_seconds();
        json!({
            "iss": "robot", "sub": "ada", "aud": "https://as.test", "iat": now, "exp": now + 60, "jti": "1",
        })
    }

    async fn show(&self, claims: &Value) -> Value {
        let assertion = sign_jwt(&self.key, Some("JWT"), claims).await.unwrap();
        self.ask("jwt-bearer", &[("assertion", &assertion), ("scope", "x")]).await
    }

    fn subject(&self, answer: &Value) -> String {
        let token = AccessToken::new(answer["access_token"].as_str().unwrap());
        self.server.with_authority(|authority, at| authority.check(&token, at)).unwrap().subject
    }
}

#[tokio::test]
async fn a_live_access_token_is_exchanged_for_another_of_the_same_subject() {
    let case = Case::new();
    let answer = case.exchange(&[("audience", "one"), ("audience", "two")]).await;
    assert_eq!(answer["issued_token_type"], ACCESS_TOKEN);
    assert_eq!((&answer["token_type"], &answer["scope"]), (&"Bearer".into(), &"a b".into()));
    assert_eq!(case.subject(&answer), "gateway");
    let narrowed = case.exchange(&[("scope", "a")]).await;
    assert_eq!(narrowed["scope"], "a");
    let actor = case.token().await;
    let delegated = case.exchange(&[("actor_token", &actor), ("actor_token_type", ACCESS_TOKEN)]).await;
    assert!(delegated["access_token"].is_string());
}

#[tokio::test]
async fn req_c15_what_is_no_access_token_has_the_token_type_n_a() {
    let case = Case::new();
    for name in ["id_token", "refresh_token", "saml1", "saml2"] {
        let requested = format!("urn:ietf:params:oauth:token-type:{name}");
        let answer = case.exchange(&[("requested_token_type", &requested)]).await;
        assert_eq!((&answer["token_type"], &answer["issued_token_type"]), (&"N_A".into(), &requested.into()));
    }
    let jwt = "urn:ietf:params:oauth:token-type:jwt";
    let answer = case.exchange(&[("requested_token_type", jwt)]).await;
    assert_eq!((&answer["token_type"], &answer["issued_token_type"]), (&"Bearer".into(), &jwt.into()));
}

#[tokio::test]
async fn req_c14_tokens_and_their_types_come_together_or_not_at_all() {
    let case = Case::new();
    let token = case.token().await;
    let subject = ("subject_token", token.as_str());
    for wrong in [
        vec![],
        vec![subject],
        vec![("subject_token_type", ACCESS_TOKEN)],
        vec![subject, ("subject_token_type", "urn:ietf:params:oauth:token-type:saml2")],
        vec![("subject_token", "unknown"), ("subject_token_type", ACCESS_TOKEN)],
        vec![subject, ("subject_token_type", ACCESS_TOKEN), ("actor_token", "x")],
        vec![subject, ("subject_token_type", ACCESS_TOKEN), ("actor_token_type", ACCESS_TOKEN)],
        vec![subject, ("subject_token_type", ACCESS_TOKEN), ("requested_token_type", "urn:x:y")],
        vec![subject, subject, ("subject_token_type", ACCESS_TOKEN)],
    ] {
        assert_eq!(case.ask("token-exchange", &wrong).await["error"], "invalid_request", "{wrong:?}");
    }
    case.server.revoke_access_tokens();
    let dead = case.ask("token-exchange", &[subject, ("subject_token_type", ACCESS_TOKEN)]).await;
    assert_eq!(dead["error"], "invalid_request");
}

#[tokio::test]
async fn an_assertion_of_a_registered_key_brings_a_token_of_its_subject_once() {
    let case = Case::new();
    let answer = case.show(&case.claims()).await;
    assert_eq!((case.subject(&answer).as_str(), &answer["scope"]), ("ada", &"x".into()));
    assert!(answer.get("refresh_token").is_none());
    assert_eq!(case.show(&case.claims()).await["error"], "invalid_grant");
    let mut claims = case.claims();
    claims["jti"] = "2".into();
    claims["aud"] = "https://as.test/token".into();
    assert!(case.show(&claims).await["access_token"].is_string());
}

#[tokio::test]
async fn every_claim_of_an_assertion_has_to_be_right() {
    let case = Case::new();
    let now = case.clock.wall().as_unix_seconds();
    for (name, value) in [
        ("iss", json!("nobody")),
        ("iss", json!("gateway")),
        ("aud", json!("https://other.test")),
        ("exp", json!(now - 11)),
        ("exp", json!(now + 3_600)),
        ("iat", json!(now + 60)),
        ("jti", Value::Null),
        ("sub", Value::Null),
    ] {
        let mut claims = case.claims();
        claims[name] = value.clone();
        assert_eq!(case.show(&claims).await["error"], "invalid_grant", "{name} {value}");
    }
    case.clock.advance(Duration::from_secs(1));
    assert!(case.show(&case.claims()).await["access_token"].is_string());
    assert_eq!(case.ask("jwt-bearer", &[]).await["error"], "invalid_request");
    assert_eq!(case.ask("jwt-bearer", &[("assertion", "a.b.c")]).await["error"], "invalid_grant");
}
