//! Which tokens verify, and which never do.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use grantry_jose::{
    Algorithm, HeaderMembers, HmacKey, JoseHeader, Jwk, KeyError, Signer, SigningKey, VerifyError,
    VerifyingKey, base64url, sign_jwt, sign_jwt_with, verify_jws, verify_jwt,
};
use proptest::prelude::*;

const ALL: &[Algorithm] =
    &[Algorithm::Es256, Algorithm::Ps256, Algorithm::Rs256, Algorithm::EdDsa, Algorithm::Hs256];

fn keys() -> Vec<SigningKey> {
    let rsa = SigningKey::from_pem(include_str!("keys/rsa-pkcs8.pem")).unwrap();
    vec![
        SigningKey::generate_es256().unwrap(),
        SigningKey::generate_ed25519().unwrap(),
        rsa.clone(),
        rsa.with_algorithm(Algorithm::Ps256).unwrap(),
    ]
}

/// A token with a header of the attacker's choice over claims and signature of his choice.
fn forge(header: &str, signature: &[u8]) -> String {
    let part = |bytes: &[u8]| base64url::encode(bytes);
    format!("{}.{}.{}", part(header.as_bytes()), part(br#"{"sub":"x"}"#), part(signature))
}

#[tokio::test]
async fn a_token_verifies_with_its_key_and_algorithm_alone() {
    for signer in keys() {
        let token = sign_jwt(&signer, Some("JWT"), &BTreeMap::from([("a", 1)])).await.unwrap();
        for other in keys() {
            let same = other.public_jwk().thumbprint() == signer.public_jwk().thumbprint()
                && other.algorithm() == signer.algorithm();
            assert_eq!(verify_jws(&token, &other.verifying_key(), ALL).is_ok(), same, "{signer:?} {other:?}");
        }
        let not_this: Vec<_> = ALL.iter().copied().filter(|a| *a != signer.algorithm()).collect();
        let refused = verify_jws(&token, &signer.verifying_key(), &not_this).unwrap_err();
        assert_eq!(refused, VerifyError::AlgorithmNotAllowed);
    }
}

#[test]
fn req_c08_alg_none_never_verifies() {
    for signer in keys() {
        for alg in ["none", "None", "NONE", "nOnE", ""] {
            for signature in [&b""[..], b"x", &[0; 64]] {
                let token = forge(&format!(r#"{{"alg":"{alg}"}}"#), signature);
                let refused = verify_jws(&token, &signer.verifying_key(), ALL).unwrap_err();
                assert_eq!(refused, VerifyError::AlgorithmNotAllowed);
            }
        }
    }
}

#[tokio::test]
async fn req_c08_a_public_key_is_never_an_hmac_secret() {
    let pem = include_str!("keys/rsa-public.pem");
    let public = VerifyingKey::from_pem(pem).unwrap();
    let signer = SigningKey::from_pem(include_str!("keys/rsa-pkcs8.pem")).unwrap();
    let jwk = signer.public_jwk().to_json();
    for secret in [pem.as_bytes(), jwk.as_bytes()] {
        let token = sign_jwt(&HmacKey::new(secret).unwrap(), None, &()).await.unwrap();
        assert_eq!(verify_jws(&token, &public, ALL).unwrap_err(), VerifyError::WrongKey);
    }
    // And a symmetric JWK does not become a key at all.
    let oct = r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;
    assert!(Jwk::from_json(oct).unwrap_err().to_string().contains("symmetric key"));
    assert!(SigningKey::from_jwk(oct).unwrap_err().to_string().contains("symmetric key"));
}

#[tokio::test]
async fn req_c08_a_key_that_is_limited_to_one_algorithm_does_no_other() {
    let rsa = SigningKey::from_pem(include_str!("keys/rsa-pkcs8.pem")).unwrap();
    let pss = rsa.clone().with_algorithm(Algorithm::Ps256).unwrap();
    let token = sign_jwt(&rsa, None, &()).await.unwrap();
    assert_eq!(verify_jws(&token, &pss.verifying_key(), ALL).unwrap_err(), VerifyError::WrongKey);
    // Without a limit, the list decides.
    let any = VerifyingKey::from(pss.public_jwk().bare());
    assert!(verify_jws(&token, &any, &[Algorithm::Rs256]).is_ok());
}

#[tokio::test]
async fn a_key_inside_the_token_is_never_used_to_verify_it() {
    let (honest, attacker) = (SigningKey::generate_es256().unwrap(), SigningKey::generate_es256().unwrap());
    let members = HeaderMembers::new().jwk(attacker.public_jwk().bare());
    let token = sign_jwt_with(&attacker, &members, &()).await.unwrap();
    assert_eq!(verify_jws(&token, &honest.verifying_key(), ALL).unwrap_err(), VerifyError::BadSignature);
    // Whoever verifies a proof of possession takes it out on purpose.
    let named = JoseHeader::peek(&token).unwrap().jwk.unwrap();
    assert!(verify_jws(&token, &named.into(), &[Algorithm::Es256]).is_ok());
}

#[test]
fn req_e09_a_private_key_in_a_header_is_refused() {
    let header = r#"{"alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}"#;
    assert_eq!(JoseHeader::peek(&forge(header, b"x")).unwrap_err(), VerifyError::Malformed);
}

#[test]
fn headers_that_are_ambiguous_or_demand_extensions_are_refused() {
    for (header, expected) in [
        (r#"{"alg":"ES256","alg":"none"}"#, VerifyError::Malformed),
        (r#"{"alg":"ES256","kid":1}"#, VerifyError::Malformed),
        (r#"{"typ":"JWT"}"#, VerifyError::Malformed),
        (r#"{"alg":["ES256"]}"#, VerifyError::Malformed),
        (r#"{"alg":"ES256"} x"#, VerifyError::Malformed),
        (r#"{"alg":"es256"}"#, VerifyError::AlgorithmNotAllowed),
        (r#"{"alg":"ES256","crit":["b64"],"b64":false}"#, VerifyError::CriticalExtension),
        (r#"{"alg":"ES256","crit":[]}"#, VerifyError::CriticalExtension),
        (r#"{"alg":"ES256","crit":null}"#, VerifyError::CriticalExtension),
        (r#"{"alg":"ES256","crit":"b64"}"#, VerifyError::CriticalExtension),
    ] {
        assert_eq!(JoseHeader::peek(&forge(header, b"x")).unwrap_err(), expected, "{header}");
    }
    for token in ["", ".", "..", "...", "a.b", "e30.e30.e30.e30", "e30=.e30.e30"] {
        assert_eq!(JoseHeader::peek(token).unwrap_err(), VerifyError::Malformed, "{token}");
    }
}

#[tokio::test]
async fn claims_of_another_form_are_told_apart_from_a_bad_signature() {
    let key = HmacKey::new([7; 32]).unwrap();
    let token = sign_jwt(&key, None, "not an object").await.unwrap();
    let read = verify_jwt::<BTreeMap<String, String>>(&token, &key.into(), &[Algorithm::Hs256]);
    assert_eq!(read.unwrap_err(), VerifyError::Claims);
}

#[tokio::test]
async fn the_header_holds_what_was_chosen_and_the_signers_own() {
    let key = SigningKey::from_ed25519_seed(&[7; 32]).unwrap().with_key_id("k1");
    let members = HeaderMembers::new().typ("dpop+jwt").jwk(key.public_jwk().bare());
    let token = sign_jwt_with(&key, &members, &()).await.unwrap();
    let header = JoseHeader::peek(&token).unwrap();
    assert_eq!((header.key_id.as_deref(), header.typ.as_deref()), (Some("k1"), Some("dpop+jwt")));
}

#[test]
fn private_parts_that_do_not_belong_together_are_refused() {
    // The seed of one key with the public half of another.
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURA"}"#;
    assert_eq!(SigningKey::from_jwk(jwk).unwrap_err(), KeyError::Inconsistent);
}

#[test]
fn jwks_that_are_not_usable_say_why() {
    let ed = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
    let d = r#""d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A""#;
    for (jwk, expected) in [
        ("[]".to_owned(), "not a JWK"),
        (format!("{{{ed},{ed}}}"), "each member once"),
        ("-----BEGIN PRIVATE KEY-----".to_owned(), "use from_pem"),
        (format!("{{{ed}}}"), "a public key (a JWK without d)"),
        (format!(r#"{{{ed},{d},"alg":"RS256"}}"#), "cannot do RS256"),
        (format!(r#"{{{ed},{d},"alg":"RS512"}}"#), "alg is not one of"),
        (format!(r#"{{{ed},{d},"use":"enc"}}"#), "use is not sig"),
        (r#"{"kty":"EC","crv":"P-384","x":"AA","y":"AA","d":"AA"}"#.to_owned(), "on P-384"),
        (r#"{"kty":"EC","x":"AA","y":"AA","d":"AA"}"#.to_owned(), "crv is missing"),
        (r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}"#.to_owned(), "x is not 32 bytes"),
        (r#"{"kty":"EC","crv":"P-256","x":"A=","d":"AA"}"#.to_owned(), "not base64url"),
        (r#"{"kty":"RSA","n":"AAEC","e":"AQAB","d":"AA"}"#.to_owned(), "zero byte"),
        (r#"{"kty":"RSA","n":"AQEC","e":"AQAB","d":"AQ"}"#.to_owned(), "d, p, q, dp, dq, qi"),
        (r#"{"kty":"AKP"}"#.to_owned(), "unknown kind"),
    ] {
        let error = SigningKey::from_jwk(&jwk).unwrap_err().to_string();
        assert!(error.contains(expected), "{jwk}: {error}");
    }
    let private = format!("{{{ed},{d}}}");
    assert!(Jwk::from_json(&private).unwrap_err().to_string().contains("a private key"));
    let small = r#"{"kty":"RSA","n":"AQEC","e":"AQAB"}"#;
    assert!(Jwk::from_json(small).unwrap_err().to_string().contains("RSA key of 17 bits"));
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_claims_come_back(claims: BTreeMap<String, Vec<i64>>, seed: [u8; 32], kid: Option<String>) {
        let key = SigningKey::from_ed25519_seed(&seed).unwrap();
        let key = match kid.clone() { Some(kid) => key.with_key_id(kid), None => key };
        let token = block_on(sign_jwt(&key, None, &claims)).unwrap();
        let (header, read): (_, BTreeMap<String, Vec<i64>>) =
            verify_jwt(&token, &key.verifying_key(), &[Algorithm::EdDsa]).unwrap();
        prop_assert_eq!(read, claims);
        prop_assert_eq!(header.key_id, kid);
    }

    #[test]
    fn no_changed_token_verifies(at: prop::sample::Index, to in "[A-Za-z0-9_.-]", seed: [u8; 32]) {
        let key = SigningKey::from_ed25519_seed(&seed).unwrap();
        let token = block_on(sign_jwt(&key, Some("JWT"), &[1, 2, 3])).unwrap();
        let at = at.index(token.len());
        let changed = format!("{}{to}{}", &token[..at], &token[at + 1..]);
        let verifies = verify_jws(&changed, &key.verifying_key(), ALL).is_ok();
        prop_assert_eq!(verifies, changed == token);
    }

    #[test]
    fn public_keys_come_back_from_json(seed: [u8; 32], kid: Option<String>) {
        let key = SigningKey::from_ed25519_seed(&seed).unwrap();
        let jwk = match kid { Some(kid) => key.with_key_id(kid), None => key }.public_jwk();
        prop_assert_eq!(Jwk::from_json(jwk.to_json()).unwrap(), jwk.clone());
        prop_assert_eq!(jwk.bare().thumbprint(), jwk.thumbprint());
    }

    #[test]
    fn hostile_text_never_panics(text: String, bytes: Vec<u8>) {
        let _ = JoseHeader::peek(&text);
        let _ = SigningKey::from_jwk(&bytes);
        let _ = SigningKey::from_pem(&bytes);
        let _ = Jwk::from_json(&text);
    }
}

#[test]
fn every_signer_can_be_held_as_one_type() {
    let signers: [std::sync::Arc<dyn Signer>; 2] = [
        std::sync::Arc::new(SigningKey::generate_es256().unwrap()),
        std::sync::Arc::new(HmacKey::new([7; 32]).unwrap()),
    ];
    let shown = format!("{signers:?}");
    assert!(shown.contains("redacted"), "{shown}");
}
