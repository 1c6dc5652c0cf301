//! Codes and tokens that are bound to a key (RFC 9449).

use grantry_authorization_code::PendingAuthorization;
use grantry_core::{AccessToken, Binding, ErrorKind};
use grantry_endpoint::{Client, ClientAuthentication, Dpop, DpopKey, TokenEndpoint};
use grantry_jose::{Algorithm, SigningKey};
use grantry_testkit::{Nonces, ProofPolicy};

use crate::support::*;

fn case(dpop: Dpop, pushed: bool) -> Case {
    let mut case = Case::new();
    let facts = case.server.authorization_server().unwrap();
    let client = Client::new(CLIENT, ClientAuthentication::secret_basic(SECRET)).unwrap();
    let endpoint = TokenEndpoint::builder(facts, client, std::sync::Arc::new(case.server.transport()))
        .clock(std::sync::Arc::new(case.clock.clone()))
        .dpop(dpop)
        .build()
        .unwrap();
    let flow = grantry_authorization_code::AuthorizationCode::builder(endpoint, REDIRECT_URI).scope("read");
    case.flow = if pushed { flow.pushed() } else { flow }.build().unwrap();
    case.set(|settings| {
        settings.proofs = ProofPolicy { required: true, nonces: Nonces::Steady, ..ProofPolicy::default() };
    });
    case
}

/// The key that the server knows the token to be bound to.
fn bound_to(case: &Case, granted: &grantry_authorization_code::Granted) -> Option<String> {
    let token = AccessToken::new(granted.token_set.token().expose());
    case.server.with_authority(|authority, at| authority.check(&token, at)).unwrap().bound_to
}

#[tokio::test]
async fn req_e15_each_request_names_the_key_of_its_own_and_the_token_is_bound_to_it() {
    for pushed in [false, true] {
        let case = case(Dpop::es256(), pushed);
        let mut keys = Vec::new();
        for _ in 0..2 {
            let (redirect, pending) = case.flow.begin(&case.user_agent).await.unwrap();
            let location = redirect.into_location().unwrap();
            let named = query(&location).expose("dpop_jkt").map(str::to_owned);
            assert_eq!(named.is_none(), pushed, "a pushed request says it to the server alone");
            let back = case.server.visit(&location).await.unwrap();
            let granted = case.finish(pending, &back).await.unwrap();
            let key = bound_to(&case, &granted).unwrap();
            assert!(named.is_none_or(|named| named == key));
            assert!(matches!(granted.token_set.token().binding(), Binding::Proof(_)));
            keys.push(key);
        }
        assert_ne!(keys[0], keys[1], "each grant has a key of its own");
    }
}

#[tokio::test]
async fn req_e15_another_replica_finishes_with_the_key_that_was_written_down() {
    let case = case(Dpop::ed25519(), false);
    let (pending, back) = case.walk().await;
    let bytes = pending.to_bytes().unwrap();
    assert_eq!(bytes[0], 2);
    drop(pending);
    let read = PendingAuthorization::from_bytes(&bytes, &case.clock).unwrap();
    assert!(case.finish(read, &back).await.is_ok());
    for length in 0..bytes.len() {
        let cut = PendingAuthorization::from_bytes(&bytes[..length], &case.clock);
        assert_eq!(cut.unwrap_err().kind(), ErrorKind::Damaged, "{length}");
    }
}

#[tokio::test]
async fn req_e15_a_code_is_worth_nothing_with_another_key() {
    let case = case(Dpop::es256(), false);
    let (pending, back) = case.walk().await;
    let mut bytes = pending.to_bytes().unwrap();
    let other = DpopKey::generate(Algorithm::Es256).unwrap();
    let other = other.private_key().unwrap().expose().as_bytes();
    // Both are JWKs of the same length.
    let at = bytes.windows(other.len()).position(|window| window.starts_with(b"{\"crv\"")).unwrap();
    bytes[at..at + other.len()].copy_from_slice(other);
    let forged = PendingAuthorization::from_bytes(&bytes, &case.clock).unwrap();
    let unfinished = case.finish(forged, &back).await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::InvalidGrant);
}

#[tokio::test]
async fn a_key_that_never_leaves_its_place_is_the_endpoint_s_for_every_grant() {
    let signing = SigningKey::generate_es256().unwrap();
    let key = DpopKey::of_signer(signing.clone(), &signing.public_jwk()).unwrap();
    let case = case(Dpop::with_key(key.clone()), false);
    let (pending, back) = case.walk().await;
    let bytes = pending.to_bytes().unwrap();
    assert_eq!(bytes[0], 1, "there is nothing to write down");
    let read = PendingAuthorization::from_bytes(&bytes, &case.clock).unwrap();
    let granted = case.finish(read, &back).await.unwrap();
    assert_eq!(bound_to(&case, &granted).as_deref(), Some(key.thumbprint()));
}
