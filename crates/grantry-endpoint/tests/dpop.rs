//! Proofs of possession at the token endpoint (RFC 9449).
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::collections::HashSet;
use std::sync::Arc;

use grantry_core::{
    Attempt, Binding, Consumed, Entropy, ErrorKind, Event, Origin, PrivateKey, ProofRequest, RefreshToken,
    Retry, SystemEntropy,
};
use grantry_endpoint::{
    Answer, Client, ClientAuthentication, Dpop, DpopKey, DpopProvers, KeepError, Keeper, Kept,
    RefreshTokenGrant, RefreshTokenRedemption, TokenEndpoint, TokenEndpointBuilder, TokenRequest,
    TransportCause, TransportFailure,
};
use grantry_jose::{Algorithm, JoseHeader, Jwk, SignError, Signer, SigningKey, VerifyingKey, verify_jwt};
use http::Method;
use serde_json::{Map, Value};
use support::{Left, Remembered, Script, Standing, WALL_SECONDS, answer, server, with_headers};

const BOUND: &str = r#"{"access_token":"at","token_type":"DPoP"}"#;
const BEARER: &str = r#"{"access_token":"at","token_type":"Bearer","refresh_token":"rt-2"}"#;
const WANTS_NONCE: &str = r#"{"error":"use_dpop_nonce"}"#;

fn builder(script: &Arc<Script>) -> TokenEndpointBuilder {
    let client = Client::new("the-client", ClientAuthentication::secret_basic("the-secret")).unwrap();
    TokenEndpoint::builder(server().build().unwrap(), client, script.clone()).clock(Standing::new())
}

fn asks(nonce: &str) -> Answer {
    with_headers(answer(400, WANTS_NONCE), &[("DPoP-Nonce", nonce)])
}

fn request() -> TokenRequest {
    TokenRequest::new("client_credentials")
}

/// A proof, verified by the key that it carries.
fn read(proof: &str) -> (JoseHeader, Map<String, Value>) {
    let jwk = JoseHeader::peek(proof).unwrap().jwk.expect("a proof carries its key");
    let all = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Ps256];
    verify_jwt(proof, &VerifyingKey::from(jwk), &all).unwrap()
}

fn proof_of(left: &Left) -> (JoseHeader, Map<String, Value>) {
    read(left.headers["dpop"].to_str().unwrap())
}

#[tokio::test]
async fn req_e08_e09_a_proof_has_what_rfc_9449_section_4_2_asks_and_nothing_private() {
    for (dpop, algorithm) in [(Dpop::es256(), Algorithm::Es256), (Dpop::ed25519(), Algorithm::EdDsa)] {
        let script = Script::new([Ok(answer(200, BOUND))]);
        let endpoint = builder(&script).dpop(dpop).build().unwrap();
        let set = endpoint.request(request(), Attempt::first()).await.unwrap();
        let left = &script.left()[0];
        assert!(left.headers["dpop"].is_sensitive());
        let (header, claims) = proof_of(left);
        assert_eq!(
            (header.typ.as_deref(), header.algorithm, header.key_id),
            (Some("dpop+jwt"), algorithm, None)
        );
        let names: Vec<&str> = claims.keys().map(String::as_str).collect();
        assert_eq!(names, ["htm", "htu", "iat", "jti"]);
        assert_eq!(
            (&claims["htm"], &claims["htu"]),
            (&"POST".into(), &"https://as.example.com/token".into())
        );
        assert_eq!(claims["iat"], WALL_SECONDS);
        assert_eq!(claims["jti"].as_str().unwrap().len(), 22, "128 bits");
        let raw = grantry_jose::base64url::decode(
            left.headers["dpop"].to_str().unwrap().split('.').next().unwrap(),
        );
        let raw: Value = serde_json::from_slice(&raw.unwrap()).unwrap();
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(raw["jwk"].get(private).is_none(), "{private}");
        }
        assert!(matches!(set.token().binding(), Binding::Proof(_)));
        assert_eq!(set.token().header(), "DPoP at");
    }
}

#[tokio::test]
async fn req_e09_the_target_of_a_proof_has_neither_query_nor_fragment() {
    let script = Script::new([Ok(answer(200, BOUND))]);
    let server = grantry_core::AuthorizationServer::builder("https://as.example.com/t/token?tenant=1");
    let client = Client::new("the-client", ClientAuthentication::none()).unwrap();
    let endpoint = TokenEndpoint::builder(server.build().unwrap(), client, script.clone());
    endpoint.dpop(Dpop::es256()).build().unwrap().request(request(), Attempt::first()).await.unwrap();
    let left = &script.left()[0];
    assert_eq!(left.url, "https://as.example.com/t/token?tenant=1");
    assert_eq!(proof_of(left).1["htu"], "https://as.example.com/t/token");
}

#[tokio::test]
async fn req_e12_a_nonce_that_is_asked_for_is_tried_once_with_a_new_proof() {
    let script = Script::new([Ok(asks("n-1")), Ok(answer(200, BOUND))]);
    let endpoint = builder(&script).dpop(Dpop::es256()).build().unwrap();
    endpoint.request(request(), Attempt::first()).await.unwrap();
    let left = script.left();
    let (first, second) = (proof_of(&left[0]).1, proof_of(&left[1]).1);
    assert_eq!((first.get("nonce"), &second["nonce"]), (None, &"n-1".into()));
    assert_ne!(first["jti"], second["jti"]);
    assert_eq!(left[0].body, left[1].body);
}

#[tokio::test]
async fn req_e12_a_server_that_always_wants_another_nonce_is_an_error_after_two_requests() {
    for status in [400, 401] {
        let asks = |n: &str| with_headers(answer(status, WANTS_NONCE), &[("DPoP-Nonce", n)]);
        let script = Script::new([Ok(asks("n-1")), Ok(asks("n-2"))]);
        let endpoint = builder(&script).dpop(Dpop::es256()).build().unwrap();
        let failure = endpoint.request(request(), Attempt::first()).await.unwrap_err();
        assert_eq!(script.left().len(), 2);
        assert_eq!((failure.error.kind(), failure.consumed), (ErrorKind::InvalidAnswer, Consumed::No));
        assert_eq!(failure.error.oauth_code(), Some("use_dpop_nonce"));
        assert!(failure.error.diagnosis().remedy().contains("nonce"), "{}", failure.error.diagnosis());
    }
}

#[tokio::test]
async fn a_request_that_does_not_leave_after_one_that_was_refused_for_a_nonce_says_that_one_did() {
    let no_way = || Err(TransportFailure::unsent(TransportCause::NotConnected));
    for (answers, sent) in [(vec![Ok(asks("n-1")), no_way()], true), (vec![no_way()], false)] {
        let script = Script::new(answers);
        let endpoint = builder(&script).dpop(Dpop::es256()).build().unwrap();
        let failure = endpoint.request(request(), Attempt::first()).await.unwrap_err();
        assert_eq!((failure.consumed, failure.sent), (Consumed::No, sent));
    }
}

#[tokio::test]
async fn req_e12_nothing_is_sent_again_without_a_nonce_or_without_that_very_error() {
    let answers = [
        answer(400, WANTS_NONCE),
        with_headers(answer(400, WANTS_NONCE), &[("DPoP-Nonce", "a b")]),
        with_headers(answer(400, WANTS_NONCE), &[("DPoP-Nonce", "a"), ("DPoP-Nonce", "b")]),
        with_headers(answer(400, r#"{"error":"invalid_grant"}"#), &[("DPoP-Nonce", "n")]),
        with_headers(answer(500, WANTS_NONCE), &[("DPoP-Nonce", "n")]),
        with_headers(answer(200, WANTS_NONCE), &[("DPoP-Nonce", "n")]),
        with_headers(answer(400, r#"{"error":"use_dpop_nonce","access_token":"x"}"#), &[("DPoP-Nonce", "n")]),
    ];
    for answer in answers {
        let shown = format!("{answer:?}");
        let script = Script::new([Ok(answer)]);
        let endpoint = builder(&script).dpop(Dpop::es256()).build().unwrap();
        assert!(endpoint.request(request(), Attempt::first()).await.is_err(), "{shown}");
        assert_eq!(script.left().len(), 1, "{shown}");
    }
    // A client that proves nothing is not led to.
    let script = Script::new([Ok(asks("n"))]);
    let endpoint = builder(&script).build().unwrap();
    let failure = endpoint.request(request(), Attempt::first()).await.unwrap_err();
    assert!(!script.left()[0].headers.contains_key("dpop"));
    assert_eq!((failure.error.kind(), failure.consumed), (ErrorKind::Refused, Consumed::No));
    assert!(failure.error.diagnosis().remedy().contains("`dpop`"), "{}", failure.error.diagnosis());
}

#[tokio::test]
async fn req_e11_the_newest_nonce_of_any_answer_goes_into_the_next_proof() {
    let script = Script::new([
        Ok(with_headers(answer(200, BOUND), &[("DPoP-Nonce", "of-200")])),
        Ok(with_headers(answer(400, r#"{"error":"invalid_scope"}"#), &[("DPoP-Nonce", "of-400")])),
        Ok(with_headers(answer(401, r#"{"error":"invalid_client"}"#), &[("DPoP-Nonce", "of-401")])),
        Ok(answer(200, BOUND)),
    ]);
    let endpoint = builder(&script).dpop(Dpop::es256()).build().unwrap();
    for _ in 0..4 {
        let _ = endpoint.request(request(), Attempt::first()).await;
    }
    let nonces: Vec<Option<Value>> =
        script.left().iter().map(|left| proof_of(left).1.get("nonce").cloned()).collect();
    assert_eq!(nonces, [None, Some("of-200".into()), Some("of-400".into()), Some("of-401".into())]);
}

#[tokio::test]
async fn req_e11_no_nonce_of_the_token_endpoint_reaches_a_resource_nor_one_of_a_resource_another() {
    let script = Script::new([
        Ok(with_headers(answer(200, BOUND), &[("DPoP-Nonce", "of-as")])),
        Ok(answer(200, BOUND)),
    ]);
    let endpoint = builder(&script).dpop(Dpop::es256()).build().unwrap();
    let set = endpoint.request(request(), Attempt::first()).await.unwrap();
    let Binding::Proof(prover) = set.token().binding() else { panic!("not bound") };
    let at_as = Origin::parse("https://as.example.com").unwrap();
    let (a, b) = (Origin::parse("https://a.example").unwrap(), Origin::parse("https://b.example").unwrap());
    prover.saw_nonce(&a, "of-a");
    prover.saw_nonce(&at_as, "of-userinfo");
    for (origin, nonce) in [(&a, Some("of-a")), (&b, None), (&at_as, Some("of-userinfo"))] {
        let target = format!("{origin}/x");
        let proof = prover.prove(ProofRequest::new(&Method::GET, &target, origin)).await.unwrap();
        let (_, claims) = read(proof.to_str().unwrap());
        assert_eq!(claims.get("nonce").and_then(Value::as_str), nonce, "{origin}");
    }
    endpoint.request(request(), Attempt::first()).await.unwrap();
    assert_eq!(proof_of(&script.left()[1]).1["nonce"], "of-as");
}

#[tokio::test]
async fn req_e08_a_proof_for_a_resource_holds_the_hash_of_the_token() {
    let script = Script::new([Ok(answer(200, BOUND))]);
    let endpoint = builder(&script).dpop(Dpop::es256()).build().unwrap();
    let set = endpoint.request(request(), Attempt::first()).await.unwrap();
    let origin = Origin::parse("https://api.example.com").unwrap();
    let proof =
        grantry_core::presenting::prove(set.token(), &Method::GET, &origin, "/a").await.unwrap().unwrap();
    let (header, claims) = read(proof.to_str().unwrap());
    assert_eq!(claims["ath"], grantry_jose::base64url::encode(grantry_jose::sha256("at")));
    assert_eq!((&claims["htm"], &claims["htu"]), (&"GET".into(), &"https://api.example.com/a".into()));
    assert_eq!(header.jwk, proof_of(&script.left()[0]).0.jwk, "the key that the token is bound to");
}

/// Signs nothing, at once: so that many proofs take no time.
#[derive(Debug)]
struct Hasty;

#[async_trait::async_trait]
impl Signer for Hasty {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDsa
    }
    fn key_id(&self) -> Option<&str> {
        None
    }
    async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(vec![0; 64])
    }
}

/// Hands out a number that no request had before, so that proofs show how they use what they are given.
#[derive(Debug, Default)]
struct Counting(std::sync::atomic::AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let next = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        for (to, from) in bytes.iter_mut().rev().zip(next.to_be_bytes().iter().rev()) {
            *to = *from;
        }
    }
}

#[tokio::test]
async fn req_e09_e10_every_proof_has_sixteen_octets_of_its_own_from_the_source_of_randomness() {
    let public = SigningKey::generate_ed25519().unwrap().public_jwk();
    let key = DpopKey::of_signer(Hasty, &public).unwrap();
    let prover = DpopProvers::new(Standing::new(), Arc::new(Counting::default())).prover(key);
    let origin = Origin::parse("https://api.example.com").unwrap();
    for nth in 0_u128..100 {
        let request = ProofRequest::new(&Method::GET, "https://api.example.com/", &origin);
        let proof = prover.prove(request).await.unwrap();
        let claims = proof.to_str().unwrap().split('.').nth(1).unwrap();
        let claims: Value =
            serde_json::from_slice(&grantry_jose::base64url::decode(claims).unwrap()).unwrap();
        assert_eq!(
            claims["jti"],
            grantry_jose::base64url::encode(nth.to_be_bytes()),
            "the whole of it, once"
        );
    }
}

#[tokio::test]
async fn req_e10_no_two_proofs_are_the_same_and_a_million_of_their_numbers_are_apart() {
    let public = SigningKey::generate_ed25519().unwrap().public_jwk();
    let key = DpopKey::of_signer(Hasty, &public).unwrap();
    let prover = DpopProvers::new(Standing::new(), Arc::new(SystemEntropy)).prover(key);
    let origin = Origin::parse("https://api.example.com").unwrap();
    let mut seen = HashSet::new();
    for _ in 0..100_000 {
        let request = ProofRequest::new(&Method::GET, "https://api.example.com/", &origin);
        // All else about them is alike, the time too.
        assert!(seen.insert(prover.prove(request).await.unwrap()), "after {}", seen.len());
    }
    // What each has of its own is the sixteen octets that the test above sees: a million of those.
    let mut seen = HashSet::with_capacity(1_000_000);
    for _ in 0..1_000_000 {
        let mut jti = [0; 16];
        SystemEntropy.fill(&mut jti);
        assert!(seen.insert(u128::from_be_bytes(jti)), "after {}", seen.len());
    }
}

#[tokio::test]
async fn a_proof_is_dated_by_the_clock_of_the_server_it_is_for() {
    let late = ("Date", "Sun, 06 Nov 1994 08:59:37 GMT");
    let script = Script::new([
        Ok(with_headers(answer(400, WANTS_NONCE), &[("DPoP-Nonce", "n"), late])),
        Ok(answer(200, BOUND)),
    ]);
    let endpoint = builder(&script).dpop(Dpop::es256()).build().unwrap();
    let set = endpoint.request(request(), Attempt::first()).await.unwrap();
    let left = script.left();
    assert_eq!(proof_of(&left[0]).1["iat"], WALL_SECONDS);
    assert_eq!(proof_of(&left[1]).1["iat"], WALL_SECONDS + 600);
    // A resource server of which nothing is known yet: it is our clock that is wrong, as far as anybody told.
    let Binding::Proof(prover) = set.token().binding() else { panic!("not bound") };
    let (a, b) = (Origin::parse("https://a.example").unwrap(), Origin::parse("https://b.example").unwrap());
    prover.saw_date(&b, &"Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
    for (origin, iat) in [(&a, WALL_SECONDS + 600), (&b, WALL_SECONDS)] {
        let target = format!("{origin}/");
        let proof = prover.prove(ProofRequest::new(&Method::GET, &target, origin)).await.unwrap();
        assert_eq!(read(proof.to_str().unwrap()).1["iat"], iat, "{origin}");
    }
}

#[tokio::test]
async fn req_e13_a_bearer_token_is_refused_where_a_bound_one_was_asked_for_and_its_refresh_token_is_salvaged()
{
    for body in [BEARER, r#"{"access_token":"at","refresh_token":"rt-2"}"#] {
        let script = Script::new([Ok(answer(200, body))]);
        let endpoint = builder(&script).dpop(Dpop::es256()).build().unwrap();
        let failure = endpoint.request(request(), Attempt::first()).await.unwrap_err();
        assert_eq!((failure.error.kind(), failure.consumed), (ErrorKind::InvalidAnswer, Consumed::Unknown));
        assert_eq!(failure.salvaged.unwrap().expose(), "rt-2");
        assert_eq!(failure.error.diagnosis().retry(), Retry::Never);
    }
}

#[tokio::test]
async fn req_e13_a_bearer_token_that_may_be_taken_is_told_of() {
    let (script, seen) = (Script::new([Ok(answer(200, BEARER))]), Arc::new(Remembered::default()));
    let endpoint = builder(&script).observer(seen.clone()).dpop(Dpop::es256().or_bearer()).build().unwrap();
    let set = endpoint.request(request(), Attempt::first()).await.unwrap();
    assert!(matches!(set.token().binding(), Binding::Bearer));
    assert!(matches!(&seen.events()[..], [Event::NotBound { server, .. }] if server == "as.example.com"));
}

#[tokio::test]
async fn a_bound_token_that_nobody_asked_for_is_refused() {
    let script = Script::new([Ok(answer(200, BOUND))]);
    let failure = builder(&script).build().unwrap().request(request(), Attempt::first()).await.unwrap_err();
    assert_eq!(failure.error.kind(), ErrorKind::InvalidAnswer);
}

#[tokio::test]
async fn req_e14_a_redemption_proves_with_the_key_of_its_grant_and_never_with_the_endpoint_s() {
    let kept: PrivateKey = DpopKey::generate(Algorithm::EdDsa).unwrap().private_key().unwrap().clone();
    let thumbprint = DpopKey::from_private_key(&kept).unwrap().thumbprint().to_owned();
    let script = Script::new([Ok(asks("n")), Ok(answer(200, BOUND)), Ok(answer(200, BOUND))]);
    let endpoint = builder(&script).dpop(Dpop::es256()).build().unwrap();
    let redemption = RefreshTokenRedemption::new(endpoint.clone());
    let token = RefreshToken::new("rt");
    let attempt = Attempt::first().redeem(&token).bound_to(&kept);
    let set = grantry_core::Grant::obtain(&redemption, attempt).await.unwrap();
    endpoint.request(request(), Attempt::first()).await.unwrap();
    let keys: Vec<String> =
        script.left().iter().map(|left| proof_of(left).0.jwk.unwrap().thumbprint()).collect();
    assert_eq!(keys[..2], [thumbprint.clone(), thumbprint.clone()]);
    assert_ne!(keys[2], thumbprint);
    let Binding::Proof(prover) = set.token().binding() else { panic!("not bound") };
    assert_eq!(prover.private_key().unwrap().expose(), kept.expose());
}

#[derive(Debug)]
struct Keeps;

#[async_trait::async_trait]
impl Keeper for Keeps {
    async fn keep(&self, _kept: Kept<'_>) -> Result<(), KeepError> {
        Ok(())
    }
}

#[test]
fn a_grant_goes_on_with_its_key_where_keys_are_each_grant_s_own_and_of_that_algorithm() {
    let kept = DpopKey::generate(Algorithm::Es256).unwrap();
    let (private, script) = (kept.private_key().unwrap(), Script::new([]));
    let goes_on = |dpop: Option<Dpop>| {
        let client = Client::new("the-client", ClientAuthentication::secret_basic("a secret")).unwrap();
        let endpoint = TokenEndpoint::builder(server().build().unwrap(), client, script.clone());
        let endpoint = match dpop {
            Some(dpop) => endpoint.dpop(dpop),
            None => endpoint,
        };
        endpoint.build().unwrap().dpop_key_of(&Attempt::first().bound_to(private)).unwrap()
    };
    assert_eq!(goes_on(Some(Dpop::es256())).unwrap().thumbprint(), kept.thumbprint());
    assert!(goes_on(Some(Dpop::ed25519())).is_none());
    assert!(goes_on(Some(Dpop::with_key(DpopKey::generate(Algorithm::Es256).unwrap()))).is_none());
    assert!(goes_on(None).is_none());
}

#[tokio::test]
async fn req_e14_a_public_client_has_to_name_the_key_of_its_refresh_token() {
    let script = Script::new([Ok(answer(200, BOUND))]);
    let client = Client::new("public", ClientAuthentication::none()).unwrap();
    let endpoint = TokenEndpoint::builder(server().build().unwrap(), client, script.clone());
    let endpoint = endpoint.dpop(Dpop::es256()).build().unwrap();
    let grant = || RefreshTokenGrant::builder(endpoint.clone(), RefreshToken::new("rt"), Arc::new(Keeps));
    assert!(grant().build().unwrap_err().to_string().contains("dpop_key"));
    let key = DpopKey::generate(Algorithm::Es256).unwrap();
    let grant = grant().dpop_key(key.clone()).build().unwrap();
    grantry_core::Grant::obtain(&grant, Attempt::first()).await.unwrap();
    assert_eq!(proof_of(&script.left()[0]).0.jwk.unwrap().thumbprint(), key.thumbprint());
}

#[tokio::test]
async fn a_refused_proof_is_tried_again_only_where_the_clock_was_measured_just_now() {
    const REFUSED: &str = r#"{"error":"invalid_dpop_proof"}"#;
    let late = [("Date", "Sun, 06 Nov 1994 08:59:37 GMT")];
    let script = Script::new([
        Ok(with_headers(answer(400, REFUSED), &late)),
        Ok(with_headers(answer(400, REFUSED), &late)),
    ]);
    let endpoint = builder(&script).dpop(Dpop::es256()).build().unwrap();
    for retry in [Retry::Now, Retry::Never] {
        let failure = endpoint.request(request(), Attempt::first()).await.unwrap_err();
        assert_eq!(failure.error.diagnosis().retry(), retry);
        assert_eq!(failure.consumed, Consumed::No);
    }
}

/// An HSM: its key never comes out.
#[derive(Debug)]
struct Hsm(SigningKey);

#[async_trait::async_trait]
impl Signer for Hsm {
    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }
    fn key_id(&self) -> Option<&str> {
        Some("slot-7")
    }
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        tokio::task::yield_now().await;
        self.0.sign(message).await
    }
}

#[tokio::test]
async fn a_key_in_an_hsm_makes_proofs_and_is_not_kept() {
    let signing = SigningKey::generate_es256().unwrap();
    let public: Jwk = signing.public_jwk();
    let other = SigningKey::generate_ed25519().unwrap().public_jwk();
    assert!(DpopKey::of_signer(Hsm(signing.clone()), &other).is_err());
    let key = DpopKey::of_signer(Hsm(signing), &public).unwrap();
    let script = Script::new([Ok(answer(200, BOUND))]);
    let endpoint = builder(&script).dpop(Dpop::with_key(key)).build().unwrap();
    let set = endpoint.request(request(), Attempt::first()).await.unwrap();
    assert_eq!(proof_of(&script.left()[0]).0.jwk.unwrap().thumbprint(), public.thumbprint());
    let Binding::Proof(prover) = set.token().binding() else { panic!("not bound") };
    assert!(prover.private_key().is_none());
}

#[tokio::test]
async fn no_byte_of_a_private_key_shows() {
    let key = DpopKey::generate(Algorithm::Es256).unwrap();
    let text: Value = serde_json::from_str(key.private_key().unwrap().expose()).unwrap();
    let secret = text["d"].as_str().unwrap();
    let script = Script::new([Ok(answer(200, BOUND))]);
    let dpop = Dpop::with_key(key.clone());
    let shown_before = format!("{key:?} {dpop:?} {:?}", request().dpop_key(key.clone()));
    let endpoint = builder(&script).dpop(dpop).build().unwrap();
    let set = endpoint.request(request(), Attempt::first()).await.unwrap();
    let shown = format!("{shown_before} {endpoint:?} {set:?} {:?}", set.token().binding());
    assert!(!shown.contains(secret) && !shown.contains("\"d\""), "{shown}");
}
