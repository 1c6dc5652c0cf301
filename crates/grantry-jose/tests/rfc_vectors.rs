//! The examples that the RFCs themselves give.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use grantry_jose::{
    Algorithm, HmacKey, Jwk, Signer, SigningKey, VerifyingKey, base64url, verify_jws, verify_jwt,
};
use serde::Deserialize;

/// RFC 7515 appendix A.1.1: the claims of A.1, A.2 and A.3.
const CLAIMS: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

#[derive(Deserialize)]
struct Claims {
    iss: String,
    exp: u64,
}

fn check(token: &str, key: impl Into<VerifyingKey>, algorithm: Algorithm) {
    let (header, claims): (_, Claims) = verify_jwt(token, &key.into(), &[algorithm]).unwrap();
    assert_eq!(header.algorithm, algorithm);
    assert_eq!((claims.iss.as_str(), claims.exp), ("joe", 1_300_819_380));
}

#[tokio::test]
async fn rfc_7515_a1_hmac() {
    let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let key = HmacKey::new(base64url::decode(secret).unwrap()).unwrap();
    let signed = format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{CLAIMS}");
    let signature = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    assert_eq!(base64url::encode(key.sign(signed.as_bytes()).await.unwrap()), signature);
    check(&format!("{signed}.{signature}"), key, Algorithm::Hs256);
}

#[tokio::test]
async fn rfc_7515_a2_rsa_pkcs1() {
    let key = SigningKey::from_jwk(include_str!("vectors/rfc7515-a2.jwk")).unwrap();
    let signed = format!("eyJhbGciOiJSUzI1NiJ9.{CLAIMS}");
    let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    assert_eq!(base64url::encode(key.sign(signed.as_bytes()).await.unwrap()), signature);
    check(&format!("{signed}.{signature}"), key.public_jwk(), Algorithm::Rs256);
}

#[test]
fn rfc_7515_a3_ecdsa() {
    let jwk = r#"{"kty":"EC","crv":"P-256",
        "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
    let key = SigningKey::from_jwk(jwk).unwrap();
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    check(&format!("eyJhbGciOiJFUzI1NiJ9.{CLAIMS}.{signature}"), key.verifying_key(), Algorithm::Es256);
}

#[test]
fn rfc_7517_a1_public_keys() {
    let ec = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"}"#;
    assert!(Jwk::from_json(ec).unwrap_err().to_string().contains("use is not sig"));
    let rsa = Jwk::from_json(RFC_7638).unwrap();
    assert_eq!((rsa.key_id(), rsa.algorithm()), (Some("2011-04-29"), Some(Algorithm::Rs256)));
}

const RFC_7638: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;

#[test]
fn rfc_7638_3_1_thumbprint() {
    let jwk = Jwk::from_json(RFC_7638).unwrap();
    assert_eq!(jwk.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_eq!(jwk.with_key_id("another").thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[tokio::test]
async fn rfc_8037_a_ed25519() {
    let jwk = r#"{"kty":"OKP","crv":"Ed25519",
        "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let key = SigningKey::from_jwk(jwk).unwrap();
    assert_eq!(key.public_jwk().thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    // A.4: "Example of Ed25519 signing".
    let signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(base64url::encode(key.sign(signed.as_bytes()).await.unwrap()), signature);
    let token = format!("{signed}.{signature}");
    let (_, payload) = verify_jws(&token, &key.verifying_key(), &[Algorithm::EdDsa]).unwrap();
    assert_eq!(payload, b"Example of Ed25519 signing");
}
