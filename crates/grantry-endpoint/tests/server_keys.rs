//! The keys of a server: when they are asked for, by whom, and what hostile ones do.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::error::Error as _;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{AuthorizationServer, Clock, ErrorKind, Stage};
use grantry_endpoint::{
    Answer, Client, ClientAuthentication, Discovery, ExpectedIdToken, IdToken, IdTokenFlaw, IdTokenVerifier,
    Request, ServerKeys, TokenEndpoint, Transport, TransportCause, TransportFailure,
};
use grantry_jose::{Algorithm, SigningKey, VerifyError, base64url, sign_jwt};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{Script, Standing, WALL_SECONDS, answer, endpoint, server};
use tokio::sync::Semaphore;

const ALL: &[Algorithm] = &[Algorithm::Es256, Algorithm::EdDsa];

fn key(id: &str) -> SigningKey {
    SigningKey::from_ed25519_seed(&[7; 32]).unwrap().with_key_id(id)
}

fn published(keys: &[&SigningKey]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| key.public_jwk().to_json()).collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

async fn signed(key: &SigningKey) -> String {
    sign_jwt(key, None, &json!({"sub": "ada"})).await.unwrap()
}

/// Gives out the keys when it is let to, and counts.
#[derive(Debug)]
struct Gated {
    gate: Semaphore,
    asked: AtomicUsize,
    body: String,
}

impl Gated {
    fn new(open: usize, body: String) -> Arc<Self> {
        Arc::new(Self { gate: Semaphore::new(open), asked: AtomicUsize::new(0), body })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Transport for Gated {
    async fn send(&self, _request: Request) -> Result<Answer, TransportFailure> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        Ok(answer(200, self.body.clone()))
    }
}

fn over(transport: Arc<dyn Transport>, clock: &Arc<Standing>) -> TokenEndpoint {
    let server = server().issuer("https://as.example.com").jwks_uri("https://as.example.com/keys");
    let client = Client::new("the-client", ClientAuthentication::secret_basic("the-secret")).unwrap();
    let builder = TokenEndpoint::builder(server.build().unwrap(), client, transport);
    builder.clock(clock.clone() as Arc<dyn Clock>).build().unwrap()
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn req_e25_a_hundred_that_need_the_keys_at_once_make_one_request() {
    let transport = Gated::new(0, published(&[&key("1")]));
    let endpoint = over(transport.clone(), &Standing::new());
    let token = Arc::new(signed(&key("1")).await);
    let all: Vec<_> = (0..100)
        .map(|_| {
            // Each from the endpoint: it has one set for all.
            let (keys, token) = (ServerKeys::of(&endpoint).unwrap(), Arc::clone(&token));
            tokio::spawn(async move { keys.verify_jws(&token, ALL).await.map(drop) })
        })
        .collect();
    tokio::task::yield_now().await;
    transport.gate.add_permits(100);
    for one in all {
        one.await.unwrap().unwrap();
    }
    assert_eq!(transport.asked(), 1);
}

#[tokio::test]
async fn a_caller_who_gives_up_leaves_the_request_to_the_next() {
    let transport = Gated::new(0, published(&[&key("1")]));
    let (clock, token) = (Standing::new(), signed(&key("1")).await);
    let keys = ServerKeys::of(&over(transport.clone(), &clock)).unwrap();
    for _ in 0..3 {
        let mut given_up = pin!(keys.ready());
        assert!(poll(given_up.as_mut()).is_pending());
    }
    {
        let mut next = pin!(keys.verify_jws(&token, ALL));
        assert!(poll(next.as_mut()).is_pending());
    }
    transport.gate.add_permits(1);
    keys.verify_jws(&token, ALL).await.unwrap();
    assert_eq!(transport.asked(), 1);

    // One that nobody came for in time is as good as lost.
    clock.advance(Duration::from_secs(3600));
    {
        let mut given_up = pin!(keys.ready());
        assert!(poll(given_up.as_mut()).is_pending());
    }
    clock.advance(Duration::from_secs(60));
    transport.gate.add_permits(1);
    keys.ready().await.unwrap();
    assert_eq!(transport.asked(), 3);
}

#[tokio::test]
async fn req_e25_unknown_keys_are_looked_for_once_a_minute_and_the_others_serve_meanwhile() {
    let transport = Gated::new(1_000, published(&[&key("1")]));
    let clock = Standing::new();
    let keys = ServerKeys::of(&over(transport.clone(), &clock)).unwrap();
    let (known, unknown) = (signed(&key("1")).await, signed(&key("2")).await);
    for minute in 0..5 {
        for _ in 0..200 {
            let error = keys.verify_jws(&unknown, ALL).await.unwrap_err();
            let refused = error.source().unwrap().downcast_ref::<VerifyError>();
            assert_eq!(refused, Some(&VerifyError::UnknownKey));
            assert!(error.diagnosis().causes().count() >= 3);
        }
        keys.verify_jws(&known, ALL).await.unwrap();
        // The first had just been read when the flood began.
        assert_eq!(transport.asked(), minute + 1);
        clock.advance(Duration::from_secs(60));
    }
}

#[tokio::test]
async fn what_cannot_be_a_newer_keys_is_refused_without_a_request() {
    let transport = Gated::new(1_000, published(&[&key("1"), &SigningKey::generate_ed25519().unwrap()]));
    let clock = Standing::new();
    let keys = ServerKeys::of(&over(transport.clone(), &clock)).unwrap();
    keys.ready().await.unwrap();
    clock.advance(Duration::from_secs(120));
    let nameless = signed(&SigningKey::from_ed25519_seed(&[7; 32]).unwrap()).await;
    for (token, expected) in [
        ("", VerifyError::Malformed),
        ("a.b.c", VerifyError::Malformed),
        ("eyJhbGciOiJub25lIn0.e30.", VerifyError::AlgorithmNotAllowed),
        (nameless.as_str(), VerifyError::AmbiguousKey),
    ] {
        let error = keys.verify_jws(token, ALL).await.unwrap_err();
        assert_eq!(error.source().unwrap().downcast_ref(), Some(&expected), "{token}");
        assert_eq!((error.kind(), error.stage()), (ErrorKind::InvalidAnswer, Stage::IdToken));
    }
    assert_eq!(transport.asked(), 1);
}

#[tokio::test]
async fn req_e25_hostile_sets_are_errors_and_never_displace_the_keys_at_hand() {
    let good = published(&[&key("1")]);
    let many =
        published(&(0..300).map(|n| key(&n.to_string())).collect::<Vec<_>>().iter().collect::<Vec<_>>());
    let hostile = [
        answer(200, ""),
        answer(200, "<html>"),
        answer(200, "[]"),
        answer(200, r#"{"keys":{}}"#),
        answer(200, r#"{"keys":[]}"#),
        answer(200, r#"{"keys":[7,null,"x",[]]}"#),
        answer(200, format!(r#"{{"keys":{}"#, "[".repeat(10_000))),
        answer(200, format!(r#"{{"keys":[{{"kty":"oct","k":"{}"}}]}}"#, "A".repeat(43))),
        answer(200, many),
        answer(302, ""),
        answer(404, good.clone()),
        answer(500, good.clone()),
    ];
    let failures = [TransportCause::TooLarge, TransportCause::TimedOut, TransportCause::AddressNotAllowed]
        .map(|cause| Err(TransportFailure::unknown(cause)));
    let first = [Ok(answer(200, good))];
    let script = Script::new(first.into_iter().chain(hostile.map(Ok)).chain(failures));
    let clock = Standing::new();
    let keys = ServerKeys::of(&over(script.clone(), &clock)).unwrap();
    let (known, unknown) = (signed(&key("1")).await, signed(&key("2")).await);
    for asked in 1..=16 {
        keys.verify_jws(&known, ALL).await.unwrap();
        assert!(keys.verify_jws(&unknown, ALL).await.is_err());
        assert_eq!(script.left().len(), asked);
        clock.advance(Duration::from_secs(60));
    }
    // And where there is none at hand, it is the error.
    let script = Script::new([Err(TransportFailure::unknown(TransportCause::TooLarge))]);
    let keys = ServerKeys::of(&over(script, &clock)).unwrap();
    let error = keys.ready().await.unwrap_err();
    assert_eq!((error.kind(), error.stage()), (ErrorKind::InvalidAnswer, Stage::Keys));
    let again = keys.ready().await.unwrap_err();
    assert_eq!(again.to_string(), error.to_string(), "the reason stays, nobody is asked again");
    assert_eq!(again.retry_after(clock.now()), Some(Duration::from_secs(2)));
}

#[tokio::test]
async fn req_e20_keys_at_an_address_that_was_learned_are_asked_for_as_such() {
    let metadata = |jwks: &str| {
        let issuer = "https://as.example.com";
        let body = json!({"issuer": issuer, "token_endpoint": format!("{issuer}/token"), "jwks_uri": jwks});
        Ok(answer(200, body.to_string()))
    };
    for (jwks, learned) in [
        ("https://as.example.com/keys", false),
        ("https://10.0.0.1/keys", true),
        ("https://elsewhere.example/k", true),
    ] {
        let script = Script::new([metadata(jwks), Ok(answer(200, published(&[&key("1")])))]);
        let found =
            Discovery::new("https://as.example.com", script.clone()).unwrap().discover().await.unwrap();
        let client = Client::new("c", ClientAuthentication::none()).unwrap();
        let endpoint = found.endpoint(client).clock(Standing::new()).build().unwrap();
        ServerKeys::of(&endpoint).unwrap().ready().await.unwrap();
        let asked = script.left().pop().unwrap();
        assert_eq!((asked.url.as_str(), asked.learned), (jwks, learned));
        assert_eq!((asked.method.as_str(), asked.body.as_str()), ("GET", ""));
        assert!(!asked.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn a_server_without_keys_or_a_name_has_no_verifier() {
    let script = Script::new([]);
    let bare = endpoint(server(), &script);
    assert!(ServerKeys::of(&bare).unwrap_err().to_string().contains("JWKS URI"));
    assert!(IdTokenVerifier::of(&bare).unwrap_err().to_string().contains("issuer"));
    let facts: AuthorizationServer = server().jwks_uri("https://as.example.com/keys").build().unwrap();
    assert!(IdTokenVerifier::of(&endpoint(facts.to_builder(), &script)).is_err());
    let whole = facts.to_builder().issuer("https://as.example.com");
    let verifier = || IdTokenVerifier::of(&endpoint(whole.clone(), &script)).unwrap();
    assert!(verifier().algorithms([]).is_err());
    assert!(verifier().algorithms([Algorithm::Rs256, Algorithm::Hs256]).is_err());
    assert!(verifier().leeway(Duration::from_secs(601)).is_err());
    assert!(verifier().leeway(Duration::from_secs(600)).is_ok());
}

fn claims() -> Value {
    json!({
        "iss": "https://as.example.com", "aud": "the-client", "sub": "ada", "nonce": "n-0S6_WzA2Mj",
        "exp": WALL_SECONDS + 300, "iat": WALL_SECONDS, "auth_time": WALL_SECONDS, "azp": "the-client",
    })
}

fn verifier(clock: &Arc<Standing>) -> IdTokenVerifier {
    let transport = Gated::new(1_000, published(&[&key("1")]));
    IdTokenVerifier::of(&over(transport, clock)).unwrap().algorithms([Algorithm::EdDsa]).unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Any JSON of little depth.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~é\u{0}]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{0,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn req_e22_a_claim_that_decides_is_right_or_the_token_is_refused(
        name in prop::sample::select(vec!["iss", "sub", "aud", "exp", "iat", "nonce", "azp", "auth_time"]),
        value in any_json(),
    ) {
        let mut changed = claims();
        changed[name] = value.clone();
        let verified = block_on(async {
            let token = IdToken::new(sign_jwt(&key("1"), None, &changed).await.unwrap());
            let expected = ExpectedIdToken::new().nonce("n-0S6_WzA2Mj").max_age(Duration::from_secs(60));
            verifier(&Standing::new()).verify(&token, &expected).await
        });
        let seconds = value.as_f64().unwrap_or(f64::NAN);
        let now = WALL_SECONDS as f64;
        let is_right = match name {
            "iss" => value == "https://as.example.com",
            "sub" => value.as_str().is_some_and(|s| !s.is_empty() && !s.contains('\u{0}')),
            "aud" => value == "the-client" || value == json!(["the-client"]),
            "exp" => seconds >= now - 59.0 && seconds < 9e9 + 1.0,
            "iat" => (0.0..now + 61.0).contains(&seconds),
            "nonce" => value == "n-0S6_WzA2Mj",
            "azp" => value.is_null() || value == "the-client",
            _ => (now - 120.0..now + 61.0).contains(&seconds),
        };
        prop_assert_eq!(verified.is_ok(), is_right, "{} {:?}: {:?}", name, value, verified);
        if let Err(error) = verified {
            prop_assert!(error.source().unwrap().downcast_ref::<IdTokenFlaw>().is_some());
        }
    }

    #[test]
    fn req_e22_no_payload_is_too_odd(payload in any::<Vec<u8>>(), value in any_json()) {
        let bytes = [payload, value.to_string().into_bytes()];
        for payload in bytes {
            let refused = block_on(async {
                let header = base64url::encode(r#"{"alg":"EdDSA","kid":"1"}"#);
                let message = format!("{header}.{}", base64url::encode(&payload));
                let signature = grantry_jose::Signer::sign(&key("1"), message.as_bytes()).await.unwrap();
                let token = IdToken::new(format!("{message}.{}", base64url::encode(signature)));
                verifier(&Standing::new()).verify(&token, &ExpectedIdToken::new()).await.unwrap_err()
            });
            prop_assert_eq!(
                refused.source().unwrap().downcast_ref::<IdTokenFlaw>(),
                Some(&IdTokenFlaw::Malformed)
            );
        }
    }
}

#[tokio::test]
async fn req_e22_a_claim_that_comes_twice_is_refused() {
    let header = base64url::encode(r#"{"alg":"EdDSA","kid":"1"}"#);
    let whole = claims().to_string();
    for twice in ["iss", "sub", "aud", "exp", "iat", "nonce", "azp"] {
        let again = format!(r#"{{"{twice}":{},{}"#, claims()[twice], whole.trim_start_matches('{'));
        let message = format!("{header}.{}", base64url::encode(again));
        let signature = grantry_jose::Signer::sign(&key("1"), message.as_bytes()).await.unwrap();
        let token = IdToken::new(format!("{message}.{}", base64url::encode(signature)));
        let expected = ExpectedIdToken::new().nonce("n-0S6_WzA2Mj");
        let error = verifier(&Standing::new()).verify(&token, &expected).await.unwrap_err();
        assert_eq!(error.source().unwrap().downcast_ref(), Some(&IdTokenFlaw::Malformed), "{twice}");
    }
}

#[tokio::test]
async fn req_e22_a_nonce_that_nobody_sent_is_anothers() {
    let token = IdToken::new(sign_jwt(&key("1"), None, &claims()).await.unwrap());
    let error = verifier(&Standing::new()).verify(&token, &ExpectedIdToken::new()).await.unwrap_err();
    assert_eq!(error.source().unwrap().downcast_ref(), Some(&IdTokenFlaw::OtherNonce));
}
