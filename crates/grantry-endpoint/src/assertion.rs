//! Client assertions (RFC 7523 section 3).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use grantry_core::{ClientId, Diagnosis, Entropy, Error, ErrorKind, Party, Retry, Stage, Timestamp};
use grantry_jose::{SignError, Signer};
use serde::Serialize;
use zeroize::Zeroizing;

/// RFC 7523 section 2.2.
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long an assertion is good for.
const LIFETIME: Duration = Duration::from_secs(60);
/// How long a key may take to sign.
const PATIENCE: Duration = Duration::from_secs(10);

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
        let signed = in_time(grantry_jose::sign_jwt(signer, Some("JWT"), &claims)).await;
        signed.map(Zeroizing::new).map_err(|e| {
            // A key in an HSM may be away for a while: this is no verdict on the client.
            Error::new(ErrorKind::Unreachable, stage, "the client's key did not sign the assertion")
                .with_source(e)
                .with_diagnosis(no_signature())
        })
    }
}

/// Waits for the key, though not for ever.
pub(crate) async fn in_time<T>(signing: impl Future<Output = Result<T, SignError>>) -> Result<T, SignError> {
    let mut signing = pin!(signing);
    // A key in memory is done at once, and needs no timer.
    if let Poll::Ready(done) = poll_fn(|cx| Poll::Ready(signing.as_mut().poll(cx))).await {
        return done;
    }
    match tokio::time::timeout(PATIENCE, signing).await {
        Ok(done) => done,
        Err(_) => Err(SignError::new("it took longer than 10 s")),
    }
}

fn no_signature() -> Diagnosis {
    Diagnosis::new(
        Party::Application,
        "see why the client's key cannot be reached; the source tries again by itself",
        Retry::After(Duration::from_secs(1)),
    )
    .cause("the HSM or KMS that holds the key is away, slow, or refuses")
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantry_core::SystemEntropy;
    use grantry_jose::{Algorithm, SigningKey, verify_jwt};
    use std::collections::BTreeMap;

    #[tokio::test(start_paused = true)]
    async fn a_key_that_never_signs_ends_the_request_unsent() {
        /// An HSM that does not answer.
        #[derive(Debug)]
        struct Away;

        #[async_trait::async_trait]
        impl Signer for Away {
            fn algorithm(&self) -> Algorithm {
                Algorithm::Es256
            }
            fn key_id(&self) -> Option<&str> {
                None
            }
            async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
                std::future::pending().await
            }
        }
        let now = Timestamp::from_unix_seconds(1_000);
        let assertion = Assertion { audience: "https://as.example.com", now, entropy: &SystemEntropy };
        let error = assertion.sign(&"me".into(), &Away, Stage::Token).await.unwrap_err();
        assert_eq!((error.kind(), error.is_definite()), (ErrorKind::Unreachable, false));
        assert!(error.diagnosis().remedy().contains("client's key"), "{}", error.diagnosis());
    }

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
