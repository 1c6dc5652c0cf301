//! The ID token that comes with a renewal (OpenID Connect Core section 12.2).
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantry_core::{Attempt, Clock, Consumed, ErrorKind, Failure, Grant, RefreshToken, Timestamp, TokenSet};
use grantry_endpoint::{
    Answer, Client, ClientAuthentication, ExpectedIdToken, IdToken, IdTokenFlaw, IdTokenVerifier,
    OriginalLogin, RefreshTokenGrant, TokenEndpoint, TransportCause, TransportFailure,
};
use grantry_jose::{Algorithm, SigningKey, sign_jwt};
use serde_json::{Value, json};
use support::refresh::{Shelf, redeemed};
use support::{Script, Standing, WALL_SECONDS, answer, server};

type Answers = Vec<Result<Answer, TransportFailure>>;

const NONCE: &str = "n-0S6_WzA2Mj";

fn key() -> SigningKey {
    SigningKey::from_ed25519_seed(&[7; 32]).unwrap().with_key_id("1")
}

fn keys() -> Result<Answer, TransportFailure> {
    Ok(answer(200, format!(r#"{{"keys":[{}]}}"#, key().public_jwk().to_json())))
}

/// What the login said, a day ago.
fn login() -> Value {
    json!({
        "iss": "https://as.example.com", "aud": ["the-client"], "sub": "ada", "azp": "the-client",
        "exp": WALL_SECONDS + 300, "iat": WALL_SECONDS, "auth_time": WALL_SECONDS - 86_400,
    })
}

fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = login();
    claims[name] = value.into();
    claims
}

/// An answer with a new refresh token and an ID token of these claims.
async fn renewed(access: &str, refresh: &str, claims: &Value) -> Result<Answer, TransportFailure> {
    let id_token = sign_jwt(&key(), None, claims).await.unwrap();
    let body = json!({
        "access_token": access, "token_type": "Bearer", "expires_in": 60, "refresh_token": refresh, "id_token": id_token,
    });
    Ok(answer(200, body.to_string()))
}

fn over(script: &Arc<Script>) -> TokenEndpoint {
    let server = server().issuer("https://as.example.com").jwks_uri("https://as.example.com/keys");
    let client = Client::new("the-client", ClientAuthentication::secret_basic("the-secret")).unwrap();
    let builder = TokenEndpoint::builder(server.build().unwrap(), client, script.clone());
    builder.clock(Standing::new() as Arc<dyn Clock>).build().unwrap()
}

fn verifier(endpoint: &TokenEndpoint) -> IdTokenVerifier {
    IdTokenVerifier::of(endpoint).unwrap().algorithms([Algorithm::EdDsa]).unwrap()
}

/// The login as its claims were checked.
async fn original() -> OriginalLogin {
    let token = IdToken::new(sign_jwt(&key(), None, &with("nonce", NONCE)).await.unwrap());
    let endpoint = over(&Script::new([keys()]));
    let claims = verifier(&endpoint).verify(&token, &ExpectedIdToken::new().nonce(NONCE)).await.unwrap();
    assert!(claims.claim::<String>("nonce").is_none(), "it was compared");
    OriginalLogin::of(&claims)
}

fn grant(answers: Answers, login: OriginalLogin) -> (RefreshTokenGrant, Arc<Script>, Arc<Shelf>) {
    let (script, shelf) = (Script::new(answers), Arc::new(Shelf::default()));
    let endpoint = over(&script);
    let verifier = verifier(&endpoint);
    let builder = RefreshTokenGrant::builder(endpoint, RefreshToken::new("r0"), shelf.clone());
    (builder.login(verifier, login).build().unwrap(), script, shelf)
}

async fn obtain(grant: &RefreshTokenGrant) -> Result<TokenSet, Failure> {
    grant.obtain(Attempt::first()).await
}

fn flaw(failure: &Failure) -> Option<IdTokenFlaw> {
    failure.error.source()?.downcast_ref().copied()
}

/// What was redeemed, without the requests for keys.
fn spent(script: &Script) -> Vec<String> {
    let left = script.left();
    left.iter().filter_map(|left| left.parameter("refresh_token")).collect()
}

#[tokio::test]
async fn req_d18_an_id_token_of_the_same_login_is_taken() {
    for claims in [login(), with("nonce", NONCE), with("aud", "the-client"), with("name", "Ada")] {
        let answers = vec![renewed("t1", "r1", &claims).await, keys(), renewed("t2", "r2", &claims).await];
        let (grant, script, shelf) = grant(answers, original().await);
        let set = obtain(&grant).await.unwrap();
        assert_eq!(set.token().expose(), "t1", "{claims}");
        assert_eq!(grant.obtain(Attempt::replace(&set)).await.unwrap().token().expose(), "t2");
        assert_eq!((spent(&script), shelf.kept()), (strings(&["r0", "r1"]), strings(&["r1", "r2"])));
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn req_d18_the_refresh_token_beside_a_wrong_id_token_is_kept_and_the_access_token_reaches_nobody() {
    let mut without_party = login();
    without_party.as_object_mut().unwrap().remove("azp");
    for (claims, expected) in [
        (with("iss", "https://other.example.com"), IdTokenFlaw::OtherIssuer),
        (with("sub", "grace"), IdTokenFlaw::OtherSubject),
        (with("aud", "another-client"), IdTokenFlaw::OtherAudience),
        (without_party, IdTokenFlaw::ChangedAudience),
        (with("auth_time", WALL_SECONDS), IdTokenFlaw::OtherAuthentication),
        (with("nonce", "another"), IdTokenFlaw::OtherNonce),
        (with("at_hash", "another"), IdTokenFlaw::OtherAccessToken),
        (with("exp", WALL_SECONDS - 3600), IdTokenFlaw::Expired),
    ] {
        let answers = vec![renewed("t1", "r1", &claims).await, keys(), renewed("t2", "r2", &login()).await];
        let (grant, script, shelf) = grant(answers, original().await);
        let failure = obtain(&grant).await.unwrap_err();
        assert_eq!(flaw(&failure), Some(expected), "{failure:?}");
        assert_eq!((failure.error.kind(), failure.consumed), (ErrorKind::InvalidAnswer, Consumed::No));
        assert_eq!(shelf.kept(), ["r1"], "{expected:?}");
        let shown = format!("{failure:?} {grant:?}");
        assert!(!shown.contains("grace") && !shown.contains("ada"), "{shown}");
        // Nobody is given what came with it, and the new refresh token goes on.
        assert_eq!(obtain(&grant).await.unwrap().token().expose(), "t2");
        assert_eq!(spent(&script), ["r0", "r1"]);
    }
}

#[tokio::test]
async fn req_d18_without_the_keys_the_refresh_token_is_kept_all_the_same() {
    let forged = {
        let other = SigningKey::from_ed25519_seed(&[8; 32]).unwrap().with_key_id("1");
        let id_token = sign_jwt(&other, None, &login()).await.unwrap();
        Ok(answer(
            200,
            json!({"access_token": "t2", "refresh_token": "r2", "id_token": id_token}).to_string(),
        ))
    };
    let lost = Err(TransportFailure::unsent(TransportCause::NotConnected));
    let answers = vec![renewed("t1", "r1", &login()).await, lost, forged, keys()];
    let (grant, script, shelf) = grant(answers, original().await);
    let failure = obtain(&grant).await.unwrap_err();
    assert_eq!(failure.consumed, Consumed::No, "{failure:?}");
    assert_eq!(shelf.kept(), ["r1"]);
    obtain(&grant).await.unwrap_err();
    assert_eq!((spent(&script), shelf.kept()), (strings(&["r0", "r1"]), strings(&["r1", "r2"])));
}

#[tokio::test]
async fn req_d18_an_id_token_without_a_signature_of_the_server_is_refused_and_the_refresh_token_is_kept() {
    let part = |json: String| URL_SAFE_NO_PAD.encode(json);
    let claims = part(login().to_string());
    let none = format!("{}.{claims}.", part(r#"{"alg":"none","kid":"1"}"#.to_owned()));
    let embedded = format!(
        "{}.{claims}.{}",
        part(format!(r#"{{"alg":"HS256","kid":"1","jwk":{}}}"#, key().public_jwk().to_json())),
        part("a signature".to_owned())
    );
    for id_token in [none, embedded, "a.b.c".to_owned()] {
        let body = json!({"access_token": "t1", "refresh_token": "r1", "id_token": id_token});
        // Where it is no token at all the keys are not asked for.
        let answers = vec![Ok(answer(200, body.to_string())), keys()];
        let (grant, script, shelf) = grant(answers, original().await);
        let failure = obtain(&grant).await.unwrap_err();
        assert_eq!((failure.error.kind(), failure.consumed), (ErrorKind::InvalidAnswer, Consumed::No));
        assert_eq!((spent(&script), shelf.kept()), (strings(&["r0"]), strings(&["r1"])), "{id_token}");
    }
}

#[tokio::test]
async fn a_refresh_token_that_is_not_kept_yet_comes_before_its_id_token() {
    let answers =
        vec![renewed("t1", "r1", &with("sub", "grace")).await, renewed("t2", "r2", &login()).await, keys()];
    let (grant, script, shelf) = grant(answers, original().await);
    shelf.fail.store(1, Ordering::SeqCst);
    let failure = obtain(&grant).await.unwrap_err();
    assert_eq!(failure.error.kind(), ErrorKind::Storage);
    assert_eq!(failure.salvaged.unwrap().expose(), "r1");
    // What came with it was never checked, so it is not given out now that it is kept.
    assert_eq!(obtain(&grant).await.unwrap().token().expose(), "t2");
    assert_eq!((spent(&script), shelf.kept()), (strings(&["r0", "r1"]), strings(&["r1", "r2"])));
}

#[tokio::test]
async fn what_is_not_known_of_a_login_is_not_compared_and_an_answer_without_an_id_token_will_do() {
    let stored = OriginalLogin::new("ada").authenticated(Timestamp::from_unix_seconds(WALL_SECONDS - 86_400));
    let plain = Ok(answer(200, r#"{"access_token":"t2","refresh_token":"r2"}"#));
    let answers = vec![renewed("t1", "r1", &with("nonce", "of whatever request")).await, keys(), plain];
    let (grant, script, _shelf) = grant(answers, stored);
    let set = obtain(&grant).await.unwrap();
    assert_eq!(grant.obtain(Attempt::replace(&set)).await.unwrap().token().expose(), "t2");
    assert_eq!(spent(&script), ["r0", "r1"]);
    // Who did not ask for it gets no check: what it says is passed over.
    let (script, shelf) =
        (Script::new([renewed("t1", "r1", &with("sub", "grace")).await]), Arc::new(Shelf::default()));
    let unchecked = RefreshTokenGrant::new(over(&script), RefreshToken::new("r0"), shelf).unwrap();
    assert_eq!(obtain(&unchecked).await.unwrap().token().expose(), "t1");
    assert_eq!(redeemed(&script), ["r0"]);
}
