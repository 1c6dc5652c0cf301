//! Client assertions (RFC 7523 section 3).

use std::time::Duration;

use grantry_core::{ClientId, Entropy, Error, ErrorKind, Stage, Timestamp};
use grantry_jose::Signer;
use serde::Serialize;
use zeroize::Zeroizing;

/// RFC 7523 section 2.2.
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long an assertion is good for.
const LIFETIME: Duration = Duration::from_secs(60);

/// What an assertion is made from besides the client.
#[derive(Clone, Copy)]
pub(crate) struct Assertion<'a> {
    pub(crate) audience: &'a str,
    /// Now, by the server's clock as far as it is known.
    pub(crate) now: Timestamp,
    pub(crate) entropy: &'a dyn Entropy,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl Assertion<'_> {
    /// Signs a new assertion. No two have the same `jti`, which holds 128 random bits.
    pub(crate) async fn sign(
        self,
        id: &ClientId,
        signer: &dyn Signer,
        stage: Stage,
    ) -> Result<Zeroizing<String>, Error> {
        let mut jti = [0; 16];
        self.entropy.fill(&mut jti);
        let claims = Claims {
            iss: id.as_str(),
            sub: id.as_str(),
            aud: self.audience,
            jti: grantry_jose::base64url::encode(jti),
            iat: self.now.as_unix_seconds(),
            nbf: self.now.as_unix_seconds(),
            exp: self.now.after(LIFETIME).as_unix_seconds(),
        };
        let signed = grantry_jose::sign_jwt(signer, Some("JWT"), &claims).await;
        signed.map(Zeroizing::new).map_err(|e| {
            // A key in an HSM may be away for a while: this is no verdict on the client.
            Error::new(ErrorKind::Unreachable, stage, "the client's key did not sign the assertion")
                .with_source(e)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantry_core::SystemEntropy;
    use grantry_jose::{Algorithm, SigningKey, verify_jwt};
    use std::collections::BTreeMap;

    #[tokio::test]
    async fn req_c06_an_assertion_names_the_client_twice_is_short_lived_and_unique() {
        let key = SigningKey::generate_ed25519().unwrap();
        let assertion = Assertion {
            audience: "https://as.example.com",
            now: Timestamp::from_unix_seconds(1_000),
            entropy: &SystemEntropy,
        };
        let mut seen = Vec::new();
        for _ in 0..2 {
            let signed = assertion.sign(&"me".into(), &key, Stage::Token).await.unwrap();
            let (_, claims): (_, BTreeMap<String, serde_json::Value>) =
                verify_jwt(&signed, &key.verifying_key(), &[Algorithm::EdDsa]).unwrap();
            assert_eq!((&claims["iss"], &claims["sub"]), (&"me".into(), &"me".into()));
            assert_eq!(claims["aud"], "https://as.example.com");
            assert_eq!((&claims["iat"], &claims["exp"]), (&1_000.into(), &1_060.into()));
            seen.push(claims["jti"].as_str().unwrap().to_owned());
        }
        assert!(seen[0] != seen[1] && seen[0].len() >= 22);
    }
}
