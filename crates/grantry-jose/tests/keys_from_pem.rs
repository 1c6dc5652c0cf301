//! What `from_pem` makes of the files that people have.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use grantry_jose::{Algorithm, KeyError, SigningKey, VerifyingKey, base64url, sign_jwt, verify_jws};

macro_rules! key {
    ($name:literal) => {
        include_str!(concat!("keys/", $name, ".pem"))
    };
}

async fn works(private: &str, public: &str, algorithm: Algorithm) {
    let key = SigningKey::from_pem(private).unwrap().with_algorithm(algorithm).unwrap();
    let token = sign_jwt(&key, None, &[1, 2, 3]).await.unwrap();
    let public = VerifyingKey::from_pem(public).unwrap();
    assert_eq!(verify_jws(&token, &public, &[algorithm]).unwrap().1, b"[1,2,3]");
}

#[tokio::test]
async fn every_common_encoding_of_a_key_is_read() {
    works(key!("ec-pkcs8"), key!("ec-public"), Algorithm::Es256).await;
    works(key!("ec-sec1"), key!("ec-public"), Algorithm::Es256).await;
    works(key!("ed25519"), key!("ed25519-public"), Algorithm::EdDsa).await;
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
        works(key!("rsa-pkcs8"), key!("rsa-public"), algorithm).await;
        works(key!("rsa-pkcs1"), key!("rsa-pkcs1-public"), algorithm).await;
    }
}

#[test]
fn one_key_is_the_same_in_every_encoding() {
    let thumbprint = |pem: &str| SigningKey::from_pem(pem).unwrap().public_jwk().thumbprint();
    assert_eq!(thumbprint(key!("ec-pkcs8")), thumbprint(key!("ec-sec1")));
    assert_eq!(thumbprint(key!("rsa-pkcs8")), thumbprint(key!("rsa-pkcs1")));
}

#[test]
fn a_certificate_beside_the_key_does_no_harm() {
    let both = [key!("certificate"), key!("rsa-pkcs8"), key!("rsa-public")].concat();
    assert_eq!(SigningKey::from_pem(both).unwrap().algorithm(), Algorithm::Rs256);
}

#[tokio::test]
async fn a_key_that_names_its_certificate_says_so_in_the_header() {
    let pem = [key!("rsa-pkcs8"), key!("certificate")].concat();
    let key = SigningKey::from_pem(&pem).unwrap().with_certificate(&pem).unwrap();
    let token = sign_jwt(&key, Some("JWT"), &()).await.unwrap();
    let header = base64url::decode(token.split('.').next().unwrap()).unwrap();
    // openssl x509 -noout -fingerprint -sha256
    let thumbprint = "kw4BsZSMM1lDrz8hs2J_1Uy03gSwZuRaGUsoRaUo1gA";
    let expected = format!(r#"{{"alg":"RS256","x5t#S256":"{thumbprint}","typ":"JWT"}}"#);
    assert_eq!(String::from_utf8(header).unwrap(), expected);

    let other = SigningKey::from_pem(key!("ec-pkcs8")).unwrap();
    let refused = other.clone().with_certificate(&pem).unwrap_err().to_string();
    assert!(refused.contains("a certificate for another key"), "{refused}");
    let refused = other.with_certificate(key!("ec-public")).unwrap_err().to_string();
    assert!(refused.contains("found a public key; expected a certificate"), "{refused}");
}

#[test]
fn what_is_no_usable_private_key_is_named() {
    for (pem, expected) in [
        (key!("certificate"), "found a certificate; expected a private key"),
        (key!("ec-public"), "found a public key; expected a private key"),
        (key!("rsa-pkcs1-public"), "found a public key; expected a private key"),
        (key!("ec-encrypted"), "encrypted with a passphrase"),
        (key!("ec-encrypted-traditional"), "encrypted with a passphrase"),
        (key!("ec-no-public"), "without its public point"),
        (key!("ec-compressed"), "public point is compressed"),
        (key!("ec-explicit"), "curve is not given by name"),
        (key!("p384"), "an EC key on P-384; expected a private key: P-256"),
        (key!("secp256k1"), "an EC key on secp256k1"),
        (key!("ed448"), "an Ed448 key"),
        (key!("x25519"), "an X25519 key, which cannot sign"),
        (key!("dsa"), "a DSA key"),
        (key!("openssh"), "OpenSSH's own format (ssh-keygen -p -m PKCS8"),
        (key!("rsa-1024"), "an RSA key of 1024 bits; expected 2048 to 4096"),
        (key!("rsa-pss"), "limited to PSS"),
        (key!("rsa-exponent-3"), "exponent is smaller than 65537"),
        (key!("rsa-three-primes"), "more than two primes"),
    ] {
        let error = SigningKey::from_pem(pem).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_is_no_usable_public_key_is_named() {
    for (pem, expected) in [
        (key!("ec-pkcs8"), "found a private key; expected a public key"),
        (key!("certificate"), "found a certificate; expected a public key"),
    ] {
        let error = VerifyingKey::from_pem(pem).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn two_keys_in_one_text_are_a_question_not_a_choice() {
    let both = [key!("ec-pkcs8"), key!("ed25519")].concat();
    assert_eq!(SigningKey::from_pem(both).unwrap_err(), KeyError::SeveralKeys);
}

#[test]
fn a_key_cut_or_changed_anywhere_is_an_error_and_never_a_panic() {
    for pem in [key!("ec-pkcs8"), key!("ec-sec1"), key!("ed25519"), key!("ec-public")] {
        for at in 0..pem.len() {
            let _ = SigningKey::from_pem(&pem[..at]);
            let mut changed = pem.as_bytes().to_vec();
            changed[at] ^= 1;
            let _ = SigningKey::from_pem(&changed);
            let _ = VerifyingKey::from_pem(&changed);
        }
        assert!(SigningKey::from_pem(&pem[..pem.len() - 9]).is_err());
    }
}

#[test]
fn no_error_and_no_debug_shows_a_byte_of_a_key() {
    let secrets = ["F/xoG70", "X_Ggb", "X/Ggb", "5ff1a0", "5FF1A0"];
    let pem = key!("ec-sec1");
    let key = SigningKey::from_pem(pem).unwrap();
    let mut shown = format!("{key:?} {:?} {:?}", key.verifying_key(), key.public_jwk());
    for at in (0..pem.len()).step_by(3) {
        if let Err(error) = SigningKey::from_pem(&pem[..at]) {
            shown.push_str(&format!("{error} {error:?}"));
        }
    }
    assert!(secrets.iter().all(|s| !shown.contains(s)), "{shown}");
}

#[test]
fn an_ed25519_seed_of_any_other_length_than_32_bytes_is_no_key() {
    let pem = |length: u8| {
        let seed = vec![7; usize::from(length)];
        let octets = [&[0x04, length][..], &seed].concat();
        let inside = [&[2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 0x04, length + 2][..], &octets].concat();
        let der = [&[0x30, u8::try_from(inside.len()).unwrap()][..], &inside].concat();
        let text = STANDARD.encode(der);
        SigningKey::from_pem(format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"))
    };
    assert!(pem(32).is_ok());
    for length in [0, 1, 31, 33, 64] {
        let refused = pem(length).unwrap_err().to_string();
        assert!(refused.contains("Ed25519 seed is not 32 bytes"), "{length}: {refused}");
    }
}
