//! Every exchange with a server has its span, and none shows what is secret.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use grantry_core::{AccessToken, Attempt, Instant, TokenSet};
use grantry_endpoint::{
    Discovery, ExpectedIdToken, IdToken, IdTokenVerifier, ResourceDiscovery, TokenRequest, TransportCause,
    TransportFailure, UserInfoEndpoint,
};
use grantry_jose::{Algorithm, SigningKey, sign_jwt};
use serde_json::json;
use support::{Script, WALL_SECONDS, answer, endpoint, server};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};

type Fields = BTreeMap<&'static str, String>;

/// Keeps the spans of the crate with their fields.
#[derive(Debug, Clone, Default)]
struct Spans(Arc<Mutex<Vec<(&'static str, Fields)>>>);

struct Into<'a>(&'a mut Fields);

impl Visit for Into<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl tracing::Subscriber for Spans {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target().starts_with("grantry_endpoint")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::new();
        span.record(&mut Into(&mut fields));
        let mut spans = self.0.lock().unwrap();
        spans.push((span.metadata().name(), fields));
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let nth = usize::try_from(span.into_u64()).unwrap() - 1;
        values.record(&mut Into(&mut self.0.lock().unwrap()[nth].1));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &tracing::Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The fields of a span, as they are for each exchange.
fn span<const N: usize>(method: &str, url: &str, end: [(&'static str, &str); N]) -> (&'static str, Fields) {
    let all = [
        ("otel.kind", "client"),
        ("http.request.method", method),
        ("server.address", "as.example.com"),
        ("server.port", "443"),
        ("url.full", url),
    ];
    let fields = all.into_iter().chain(end);
    ("oauth.request", fields.map(|(name, value)| (name, value.to_owned())).collect())
}

#[tokio::test]
async fn metadata_tokens_keys_and_user_info_are_exchanged_in_spans_with_the_same_fields() {
    let key = SigningKey::from_ed25519_seed(&[7; 32]).unwrap().with_key_id("1");
    let claims = json!({
        "iss": "https://as.example.com", "aud": "the-client", "sub": "canary-ada",
        "exp": WALL_SECONDS + 300, "iat": WALL_SECONDS,
    });
    let token = IdToken::new(sign_jwt(&key, None, &claims).await.unwrap());
    let script = Script::new([
        Ok(answer(404, "")),
        Ok(answer(
            200,
            r#"{"issuer":"https://as.example.com","token_endpoint":"https://as.example.com/token"}"#,
        )),
        Err(TransportFailure::unsent(TransportCause::NameNotFound)),
        Ok(answer(200, r#"{"access_token":"canary-token","token_type":"Bearer"}"#)),
        Ok(answer(200, format!(r#"{{"keys":[{}]}}"#, key.public_jwk().to_json()))),
        Ok(answer(200, r#"{"sub":"canary-ada","name":"canary-name"}"#)),
        Err(TransportFailure::unknown(TransportCause::TimedOut)),
    ]);
    let spans = Spans::default();
    let _listening = tracing::subscriber::set_default(spans.clone());

    Discovery::new("https://as.example.com", script.clone()).unwrap().discover().await.unwrap();
    let resource = ResourceDiscovery::new("https://as.example.com/api", script.clone()).unwrap();
    resource.discover().await.unwrap_err();
    let facts = server()
        .issuer("https://as.example.com")
        .jwks_uri("https://as.example.com/keys?tenant=canary")
        .userinfo_endpoint("https://as.example.com/me?key=canary");
    let endpoint = endpoint(facts, &script);
    let request = TokenRequest::new("client_credentials").parameter("api_key", "canary-key");
    endpoint.request(request, Attempt::first()).await.unwrap();
    let verifier = IdTokenVerifier::of(&endpoint).unwrap().algorithms([Algorithm::EdDsa]).unwrap();
    let claims = verifier.verify(&token, &ExpectedIdToken::new()).await.unwrap();
    let set = TokenSet::builder(AccessToken::new("canary-token"), Instant::ZERO).build().unwrap();
    let asked = UserInfoEndpoint::of(&endpoint).unwrap();
    asked.ask(set.token(), &claims).await.unwrap();
    asked.ask(set.token(), &claims).await.unwrap_err();

    let answered = |status| [("http.response.status_code", status)];
    let failed = |kind, cause| [("error.type", kind), ("grantry.transport_cause", cause)];
    let told = spans.0.lock().unwrap().clone();
    assert_eq!(
        told,
        [
            span("GET", "https://as.example.com/.well-known/oauth-authorization-server", answered("404")),
            span("GET", "https://as.example.com/.well-known/openid-configuration", answered("200")),
            span(
                "GET",
                "https://as.example.com/.well-known/oauth-protected-resource/api",
                failed("unreachable", "NameNotFound")
            ),
            span("POST", "https://as.example.com/token", answered("200")),
            span("GET", "https://as.example.com/keys", answered("200")),
            span("GET", "https://as.example.com/me", answered("200")),
            span("GET", "https://as.example.com/me", failed("interrupted", "TimedOut")),
        ]
    );
    let text = format!("{told:?}");
    assert!(!text.contains("canary") && !text.contains("the-secret"), "{text}");
}
