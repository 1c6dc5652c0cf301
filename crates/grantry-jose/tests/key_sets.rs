//! Which key of a set a token means, and what a hostile set can do.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use grantry_jose::{Algorithm, HmacKey, KeySet, SigningKey, VerifyError, base64url, sign_jwt};
use proptest::prelude::*;

const ALL: &[Algorithm] = &[
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Ps256,
    Algorithm::Rs256,
    Algorithm::EdDsa,
    Algorithm::Hs256,
];

/// Made with Node.js 18 (OpenSSL 3): another library than the one that verifies here.
const P384: &str = r#"{"kty":"EC","crv":"P-384","kid":"p384",
    "x":"uR-wtD9L1KKQr3Fmky1VfNd2gTkimseLITXCvx5wnkzCx5b6pfG6DXDXaEFwrg1d",
    "y":"dDvkUoXzVRjB4HxXjglP-eWZh_CvYQoX9hoLK6DGT_6cuSoMvT4TQ7aoSlFCSVRS"}"#;
const P384_TOKEN: &str = "eyJhbGciOiJFUzM4NCIsImtpZCI6InAzODQifQ.eyJzdWIiOiJhZGEifQ.\
    idDqzfkPPGCO4D41gslaXzVtKP2vqSLImA9ER3DZ6TZ3lgsbHMTByUf7AbXNFEWO2678jDGDsD8mFWsJf2kxxQsnGVe2UUiaY2cRPoE7vx7YxcV6oihZrdI-kUmHCsVr";

fn rsa() -> SigningKey {
    SigningKey::from_pem(include_str!("keys/rsa-pkcs8.pem")).unwrap()
}

fn of(keys: &[&SigningKey]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| key.public_jwk().to_json()).collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

async fn token(key: &SigningKey) -> String {
    sign_jwt(key, None, &BTreeMap::from([("sub", "ada")])).await.unwrap()
}

#[tokio::test]
async fn req_e25_a_token_is_verified_by_the_key_that_it_names() {
    let (one, two) = (
        SigningKey::generate_es256().unwrap().with_key_id("1"),
        SigningKey::generate_es256().unwrap().with_key_id("2"),
    );
    let set = KeySet::from_json(of(&[&one, &two])).unwrap();
    for key in [&one, &two] {
        let (header, payload) = set.verify_jws(&token(key).await, ALL).unwrap();
        assert_eq!((header.key_id.as_deref(), payload.as_slice()), (key.key_id(), &br#"{"sub":"ada"}"#[..]));
    }
    // Another key under a name that the set has.
    let forged = SigningKey::generate_es256().unwrap().with_key_id("2");
    assert_eq!(set.verify_jws(&token(&forged).await, ALL).unwrap_err(), VerifyError::BadSignature);
    let unknown = one.clone().with_key_id("3");
    assert_eq!(set.verify_jws(&token(&unknown).await, ALL).unwrap_err(), VerifyError::UnknownKey);
    assert_eq!(KeySet::default().verify_jws(&token(&one).await, ALL).unwrap_err(), VerifyError::UnknownKey);
}

#[tokio::test]
async fn req_e25_keys_with_one_id_are_told_apart_by_kind_and_algorithm() {
    let keys = [
        SigningKey::generate_es256().unwrap().with_key_id("k"),
        SigningKey::generate_ed25519().unwrap().with_key_id("k"),
        rsa().with_key_id("k"),
        rsa().with_algorithm(Algorithm::Ps256).unwrap().with_key_id("k"),
        // Of the same kind as another: each is tried.
        SigningKey::generate_es256().unwrap().with_key_id("k"),
    ];
    let set = KeySet::from_json(of(&keys.iter().collect::<Vec<_>>())).unwrap();
    for key in &keys {
        let (header, _) = set.verify_jws(&token(key).await, ALL).unwrap();
        assert_eq!(header.algorithm, key.algorithm());
    }
    let set = KeySet::from_json(of(&[&keys[1]])).unwrap();
    assert_eq!(set.verify_jws(&token(&keys[0]).await, ALL).unwrap_err(), VerifyError::WrongKey);
}

#[tokio::test]
async fn req_e25_a_token_that_names_no_key_is_verified_by_the_only_one_that_fits() {
    let (es256, ed25519) = (SigningKey::generate_es256().unwrap(), SigningKey::generate_ed25519().unwrap());
    let (named, other) = (es256.clone().with_key_id("1"), SigningKey::generate_es256().unwrap());
    let only = KeySet::from_json(of(&[&named, &ed25519])).unwrap();
    assert!(only.verify_jws(&token(&es256).await, ALL).is_ok());
    assert_eq!(only.verify_jws(&token(&other).await, ALL).unwrap_err(), VerifyError::BadSignature);
    // The same key twice is one.
    assert!(KeySet::from_json(of(&[&named, &named])).unwrap().verify_jws(&token(&es256).await, ALL).is_ok());
    let several = KeySet::from_json(of(&[&named, &other])).unwrap();
    assert_eq!(several.verify_jws(&token(&es256).await, ALL).unwrap_err(), VerifyError::AmbiguousKey);
}

#[tokio::test]
async fn req_c08_no_set_lets_none_or_a_shared_secret_in() {
    let key = rsa().with_key_id("k");
    let published = of(&[&key]);
    let set = KeySet::from_json(&published).unwrap();
    let part = |text: &str| base64url::encode(text);
    for alg in ["none", "None", "NONE", ""] {
        let header = format!(r#"{{"alg":"{alg}","kid":"k"}}"#);
        for signature in ["", "x", "AAAA"] {
            let forged = format!("{}.{}.{}", part(&header), part("{}"), part(signature));
            assert_eq!(set.verify_jws(&forged, ALL).unwrap_err(), VerifyError::AlgorithmNotAllowed);
        }
    }
    // The public key as the secret of an HMAC, in each form in which an attacker has it.
    let pem = include_str!("keys/rsa-public.pem");
    for secret in [published.as_bytes(), key.public_jwk().to_json().as_bytes(), pem.as_bytes()] {
        let forged = sign_jwt(&HmacKey::new(secret).unwrap(), None, &()).await.unwrap();
        assert_eq!(set.verify_jws(&forged, ALL).unwrap_err(), VerifyError::UnknownKey);
    }
    // A symmetric key that a server published by mistake is in no set.
    let oct = format!(r#"{{"keys":[{{"kty":"oct","kid":"k","k":"{}"}}]}}"#, part("x".repeat(32).as_str()));
    let set = KeySet::from_json(oct).unwrap();
    assert_eq!((set.keys().count(), set.passed_over()), (0, 1));
}

#[test]
fn p_384_verifies_what_another_library_signed() {
    let set = KeySet::from_json(format!(r#"{{"keys":[{P384}]}}"#)).unwrap();
    let (header, payload) = set.verify_jws(P384_TOKEN, &[Algorithm::Es384]).unwrap();
    assert_eq!((header.algorithm, payload.as_slice()), (Algorithm::Es384, &br#"{"sub":"ada"}"#[..]));
    let refused = set.verify_jws(P384_TOKEN, &[Algorithm::Es256]).unwrap_err();
    assert_eq!(refused, VerifyError::AlgorithmNotAllowed);
    let again = set.keys().next().map(|key| format!("{key:?}")).unwrap();
    assert!(again.contains("P-384"), "{again}");
}

#[test]
fn entries_that_are_of_no_use_are_passed_over_and_the_others_stay() {
    let good = SigningKey::from_ed25519_seed(&[7; 32]).unwrap().with_key_id("good").public_jwk().to_json();
    let coordinates = r#""crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;
    let ed = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
    let useless = [
        "null".to_owned(),
        "7".to_owned(),
        r#""key""#.to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"kty":"AKP","alg":"ML-DSA-44"}"#.to_owned(),
        r#"{"kty":["EC"]}"#.to_owned(),
        r#"{"kty":"EC","crv":"secp256k1"}"#.to_owned(),
        r#"{"kty":"RSA","n":"AQEC","e":"AQAB"}"#.to_owned(),
        format!(r#"{{"kty":"EC",{coordinates},"use":"enc"}}"#),
        format!(r#"{{"kty":"EC",{coordinates},"alg":"ECDH-ES"}}"#),
        format!(r#"{{"kty":"EC",{coordinates},"alg":"RS256"}}"#),
        format!(r#"{{"kty":"EC",{coordinates},"kid":7}}"#),
        format!(r#"{{"kty":"EC","kty":"EC",{coordinates}}}"#),
        format!(r#"{{{ed},"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}}"#),
        format!(r#"{{{ed},"k":"AAAA"}}"#),
        format!("{}1{}", "[".repeat(100), "]".repeat(100)),
    ];
    let set = KeySet::from_json(format!(r#"{{"keys":[{},{good}],"more":{{}}}}"#, useless.join(","))).unwrap();
    assert_eq!((set.keys().count(), set.passed_over()), (1, useless.len()), "{set:?}");
    assert_eq!(set.keys().next().unwrap().key_id(), Some("good"));
}

#[test]
fn documents_that_are_no_set_or_too_large_are_refused_whole() {
    let key = SigningKey::from_ed25519_seed(&[7; 32]).unwrap();
    let many = |n: usize| {
        let one = |id: usize| key.clone().with_key_id(id.to_string()).public_jwk().to_json();
        format!(r#"{{"keys":[{}]}}"#, (0..n).map(one).collect::<Vec<_>>().join(","))
    };
    assert_eq!(KeySet::from_json(many(256)).unwrap().keys().count(), 256);
    for (bad, why) in [
        (String::new(), "not a JWK Set"),
        ("<html>".to_owned(), "not a JWK Set"),
        ("[]".to_owned(), "not a JWK Set"),
        ("{}".to_owned(), "not a JWK Set"),
        (r#"{"keys":null}"#.to_owned(), "not a JWK Set"),
        (r#"{"keys":{}}"#.to_owned(), "not a JWK Set"),
        (r#"{"keys":[],"keys":[]}"#.to_owned(), "not a JWK Set"),
        (r#"{"keys":[]} x"#.to_owned(), "not a JWK Set"),
        (format!(r#"{{"keys":{}"#, "[".repeat(100_000)), "not a JWK Set"),
        (many(257), "more than 256"),
        (many(1_000), "more than 256"),
        (many(10_000), "larger than 256 KiB"),
        (format!(r#"{{"keys":[],"pad":"{}"}}"#, "x".repeat(1 << 20)), "larger than 256 KiB"),
    ] {
        let error = KeySet::from_json(&bad).unwrap_err().to_string();
        assert!(error.contains(why), "{error}: {} bytes", bad.len());
    }
    assert_eq!(KeySet::from_json(r#"{"keys":[]}"#).unwrap().keys().count(), 0);
}

#[tokio::test]
async fn a_set_that_gives_many_keys_one_id_costs_no_more_than_eight_tries() {
    let keys: Vec<SigningKey> =
        (0..9).map(|_| SigningKey::generate_es256().unwrap().with_key_id("same")).collect();
    let (eight, nine) = (keys[..8].iter().collect::<Vec<_>>(), keys.iter().collect::<Vec<_>>());
    let token = token(&keys[7]).await;
    assert!(KeySet::from_json(of(&eight)).unwrap().verify_jws(&token, ALL).is_ok());
    let refused = KeySet::from_json(of(&nine)).unwrap().verify_jws(&token, ALL).unwrap_err();
    assert_eq!(refused, VerifyError::AmbiguousKey);
}

#[tokio::test]
async fn req_e22_no_bit_of_a_token_can_be_flipped() {
    for key in [SigningKey::generate_es256().unwrap(), SigningKey::generate_ed25519().unwrap(), rsa()] {
        let set = KeySet::from_json(of(&[&key])).unwrap();
        let token = token(&key).await;
        for (at, bit) in (0..token.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut bytes = token.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(flipped) = String::from_utf8(bytes) else { continue };
            assert!(set.verify_jws(&flipped, ALL).is_err(), "{:?} {at} {bit}", key.algorithm());
        }
        for cut in 0..token.len() {
            assert!(set.verify_jws(&token[..cut], ALL).is_err());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_are_too_odd_for_a_set_or_a_token(bytes: Vec<u8>, text in "[ -~é.]{0,60}") {
        let _ = KeySet::from_json(&bytes);
        let set = KeySet::from_json(format!(r#"{{"keys":[{P384}]}}"#)).unwrap();
        prop_assert!(set.verify_jws(&text, ALL).is_err());
        prop_assert!(set.verify_jws(&String::from_utf8_lossy(&bytes), ALL).is_err());
    }
}
