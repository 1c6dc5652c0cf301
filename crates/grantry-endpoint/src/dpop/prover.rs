//! Makes proofs (RFC 9449 section 4).

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use grantry_core::presenting::proof_nonce;
use grantry_core::{
    Clock, Diagnosis, Entropy, Error, ErrorKind, Origin, Party, PrivateKey, ProofRequest, Prover, Retry,
    Stage, Timestamp,
};
use grantry_jose::{base64url, sha256, sign_jwt_encoded};
use http::header::{DATE, HeaderName};
use http::{HeaderMap, HeaderValue};
use serde::Serialize;

use super::DpopKey;
use super::servers::{Role, Servers};
use crate::assertion::in_time;
use crate::server_clock::ServerClock;

/// The header of a proof (RFC 9449 section 4.1).
pub(crate) const fn proof_header() -> HeaderName {
    HeaderName::from_static("dpop")
}

/// Makes provers that share what servers told: the newest nonce of each, and how far its clock is from ours.
///
/// A [`TokenEndpoint`](crate::TokenEndpoint) has one of its own. This one is for whoever gives out tokens that were kept,
/// with the keys that they are bound to.
#[derive(Clone)]
pub struct DpopProvers {
    servers: Arc<Servers>,
    /// Of the authorization server: what a proof for a server is dated by whose own clock was not seen yet.
    issuer_clock: Arc<ServerClock>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl DpopProvers {
    /// With this clock and randomness.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { servers: Arc::default(), issuer_clock: Arc::default(), clock, entropy }
    }

    pub(crate) fn by_the_clock_of(
        issuer_clock: Arc<ServerClock>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { issuer_clock, ..Self::new(clock, entropy) }
    }

    /// A prover with this key.
    pub fn prover(&self, key: DpopKey) -> Arc<dyn Prover> {
        Arc::new(self.of(key))
    }

    pub(crate) fn of(&self, key: DpopKey) -> DpopProver {
        DpopProver { key, shared: self.clone() }
    }

    /// An authorization server answered.
    pub(crate) fn saw_answer(&self, origin: &Origin, headers: &HeaderMap) {
        if let Some(nonce) = proof_nonce(headers) {
            self.servers.saw_nonce(Role::AuthorizationServer, origin, nonce);
        }
        if let Some(date) = headers.get(DATE) {
            self.servers.saw_date(Role::AuthorizationServer, origin, date, self.clock.wall());
        }
    }
}

/// One key, and what servers told.
pub(crate) struct DpopProver {
    key: DpopKey,
    shared: DpopProvers,
}

/// The claims of a proof (RFC 9449 section 4.2).
#[derive(Serialize)]
struct Claims<'a> {
    jti: &'a str,
    htm: &'a str,
    htu: &'a str,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ath: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

impl DpopProver {
    /// A proof for a request to a server in this role.
    pub(crate) async fn prove_to(
        &self,
        role: Role,
        request: ProofRequest<'_>,
        stage: Stage,
    ) -> Result<HeaderValue, Error> {
        let shared = &self.shared;
        let ours = shared.clock.wall();
        let (nonce, theirs) = shared.servers.of(role, request.origin, ours);
        let now: Timestamp = theirs.unwrap_or_else(|| shared.issuer_clock.now(ours));
        let mut jti = [0; 16];
        shared.entropy.fill(&mut jti);
        let ath = request.access_token.map(|token| base64url::encode(sha256(token.expose())));
        let claims = Claims {
            jti: &base64url::encode(jti),
            htm: request.method.as_str(),
            htu: request.target.split(['?', '#']).next().unwrap_or_default(),
            iat: now.as_unix_seconds(),
            ath: ath.as_deref(),
            nonce: nonce.as_deref(),
        };
        let signed = in_time(sign_jwt_encoded(self.key.signer(), self.key.header(), &claims)).await;
        let proof = signed.map_err(|cause| {
            // A key in an HSM may be away for a while: this is no verdict on the token.
            Error::new(ErrorKind::Unreachable, stage, "the key that the token is bound to did not sign")
                .with_source(cause)
                .with_diagnosis(no_signature())
        })?;
        let mut value =
            HeaderValue::try_from(proof).map_err(|_| Error::internal("base64url stands in a header"))?;
        // With a token that was stolen, and in time, it is worth something.
        value.set_sensitive(true);
        Ok(value)
    }

    /// A proof for a request to the authorization server itself.
    pub(crate) async fn prove_to_issuer(
        &self,
        request: ProofRequest<'_>,
        stage: Stage,
    ) -> Result<HeaderValue, Error> {
        self.prove_to(Role::AuthorizationServer, request, stage).await
    }
}

#[async_trait]
impl Prover for DpopProver {
    async fn prove(&self, request: ProofRequest<'_>) -> Result<HeaderValue, Error> {
        self.prove_to(Role::ResourceServer, request, Stage::Present).await
    }

    fn saw_nonce(&self, origin: &Origin, nonce: &str) {
        self.shared.servers.saw_nonce(Role::ResourceServer, origin, nonce);
    }

    fn saw_date(&self, origin: &Origin, date: &HeaderValue) {
        self.shared.servers.saw_date(Role::ResourceServer, origin, date, self.shared.clock.wall());
    }

    fn private_key(&self) -> Option<PrivateKey> {
        self.key.private_key().cloned()
    }
}

fn no_signature() -> Diagnosis {
    Diagnosis::new(
        Party::Application,
        "see why the key that proves possession cannot be reached",
        Retry::After(std::time::Duration::from_secs(1)),
    )
    .cause("the HSM or KMS that holds the key is away, slow, or refuses")
}

impl fmt::Debug for DpopProvers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopProvers").finish_non_exhaustive()
    }
}

impl fmt::Debug for DpopProver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopProver").field("key", &self.key).finish_non_exhaustive()
    }
}
