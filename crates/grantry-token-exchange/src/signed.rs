//! Assertions signed with a key.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{Diagnosis, Entropy, Error, ErrorKind, Party, Retry, Timestamp};
use grantry_endpoint::TokenEndpoint;
use grantry_jose::{SignError, Signer, base64url, sign_jwt};
use serde_json::{Map, Value};

use crate::{Assertion, Assertions, STAGE, SignedAssertionsBuilder};

/// How long a key may take to sign.
const PATIENCE: Duration = Duration::from_secs(10);

/// Assertions that are signed with one key, each for one attempt: `iss`, `sub`, `aud`, `iat`, `nbf`, `exp` and a `jti` of
/// 128 random bits (RFC 7523 section 3).
///
/// The key may be in an HSM or a KMS: any [`Signer`] will do. `Debug` shows no claim.
#[derive(Clone)]
pub struct SignedAssertions {
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) audience: String,
    pub(crate) lifetime: Duration,
    /// Those that are the same in each.
    pub(crate) claims: Map<String, Value>,
}

impl SignedAssertions {
    /// Starts from the token endpoint, whose randomness is used and whose server they are for; the key; who issues them,
    /// as the server knows that (`iss`); and whom they vouch for (`sub`), which may be the issuer itself.
    pub fn builder(
        endpoint: &TokenEndpoint,
        signer: impl Signer,
        issuer: impl Into<String>,
        subject: impl Into<String>,
    ) -> SignedAssertionsBuilder {
        SignedAssertionsBuilder::new(endpoint, Arc::new(signer), issuer.into(), subject.into())
    }

    /// Whom they are addressed to (`aud`).
    pub fn audience(&self) -> &str {
        &self.audience
    }
}

#[async_trait]
impl Assertions for SignedAssertions {
    async fn assertion(&self, server_time: Timestamp) -> Result<Assertion, Error> {
        let mut jti = [0; 16];
        self.entropy.fill(&mut jti);
        let mut claims = self.claims.clone();
        let issued = server_time.as_unix_seconds();
        claims.insert("aud".to_owned(), self.audience.as_str().into());
        claims.insert("jti".to_owned(), base64url::encode(jti).into());
        claims.insert("iat".to_owned(), issued.into());
        claims.insert("nbf".to_owned(), issued.into());
        claims.insert("exp".to_owned(), server_time.after(self.lifetime).as_unix_seconds().into());
        let signed = in_time(sign_jwt(&*self.signer, Some("JWT"), &claims)).await;
        signed.map(Assertion::new).map_err(|e| {
            // A key in an HSM may be away for a while: this is no verdict on the grant.
            Error::new(ErrorKind::Unreachable, STAGE, "the key did not sign the assertion")
                .with_source(e)
                .with_diagnosis(no_signature())
        })
    }
}

/// Waits for the key, though not for ever.
async fn in_time<T>(signing: impl Future<Output = Result<T, SignError>>) -> Result<T, SignError> {
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
        "see why the assertion's key cannot be reached; the source tries again by itself",
        Retry::After(Duration::from_secs(1)),
    )
    .cause("the HSM or KMS that holds the key is away, slow, or refuses")
}

impl fmt::Debug for SignedAssertions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedAssertions")
            .field("signer", &self.signer)
            .field("lifetime", &self.lifetime)
            .field("claims", &self.claims.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
