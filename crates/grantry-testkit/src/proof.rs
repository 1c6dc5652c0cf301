//! Proofs of possession (RFC 9449) as the servers here judge them.

use std::collections::HashMap;
use std::time::Duration;

use grantry_core::Timestamp;
use grantry_jose::Algorithm::{EdDsa, Es256, Ps256, Rs256};
use grantry_jose::{JoseHeader, VerifyingKey, base64url, sha256, verify_jwt};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use crate::ReceivedRequest;
use crate::authority::Moment;

/// How far a proof's date may be from the server's time.
const WINDOW: Duration = Duration::from_secs(60);
/// Proofs that are over are forgotten whenever so many are remembered.
const SWEEP_AT: usize = 4_096;

/// Which nonces a server wants in proofs (RFC 9449 section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Nonces {
    /// None.
    #[default]
    None,
    /// The one that every answer names, again and again.
    Steady,
    /// Each one once: the answer to a proof names the next.
    EachOnce,
    /// Always another one than the proof has, whatever it has.
    NeverContent,
}

/// What the authorization server makes of proofs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(clippy::exhaustive_structs, reason = "tests fill it by hand")]
pub struct ProofPolicy {
    /// Whether every token request needs a proof.
    pub required: bool,
    /// Which nonces are wanted in proofs.
    pub nonces: Nonces,
    /// Whether proofs are passed over, as by a server that does not know them.
    pub ignored: bool,
}

/// What is wrong with a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    Invalid(&'static str),
    NonceWanted,
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: i64,
    ath: Option<String>,
    nonce: Option<String>,
}

/// The proofs that a server has seen, and the nonce that it wants next.
pub(crate) struct Proofs {
    /// So that no nonce of one server is one of another.
    name: String,
    number: u64,
    seen: HashMap<(String, String), Timestamp>,
}

impl Proofs {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), number: 0, seen: HashMap::new() }
    }

    fn nonce(&self) -> String {
        format!("{}-{}", self.name, self.number)
    }

    /// Names the nonce for the next proof.
    pub(crate) fn name_nonce(&self, policy: Nonces, headers: &mut HeaderMap) {
        if let (true, Ok(nonce)) = (policy != Nonces::None, HeaderValue::try_from(self.nonce())) {
            headers.insert(HeaderName::from_static("dpop-nonce"), nonce);
        }
    }

    /// The thumbprint of the key that a request is proved with; `None` where it holds no proof.
    pub(crate) fn check(
        &mut self,
        policy: Nonces,
        request: &ReceivedRequest,
        access_token: Option<&str>,
        at: Moment,
    ) -> Result<Option<String>, Flaw> {
        let mut proofs = request.headers().get_all("dpop").iter();
        let Some(proof) = proofs.next() else { return Ok(None) };
        if proofs.next().is_some() {
            return Err(Flaw::Invalid("there are several proofs"));
        }
        let proof = proof.to_str().map_err(|_| Flaw::Invalid("the proof is not a JWT"))?;
        let key = JoseHeader::peek(proof).ok().and_then(|header| header.jwk);
        let key = key.ok_or(Flaw::Invalid("the proof is not a JWT with a public key"))?;
        let thumbprint = key.thumbprint();
        let (header, claims): (_, Claims) =
            verify_jwt(proof, &VerifyingKey::from(key), &[Es256, EdDsa, Ps256, Rs256])
                .map_err(|_| Flaw::Invalid("the proof's key does not verify it"))?;
        if header.typ.as_deref() != Some("dpop+jwt") {
            return Err(Flaw::Invalid("typ is not dpop+jwt"));
        }
        if claims.htm != request.method().as_str() || claims.htu != request.target() {
            return Err(Flaw::Invalid("the proof is for another request"));
        }
        if claims.ath != access_token.map(|token| base64url::encode(sha256(token))) {
            return Err(Flaw::Invalid("the proof is for another access token"));
        }
        if policy != Nonces::None {
            let is_named = claims.nonce == Some(self.nonce()) && policy != Nonces::NeverContent;
            self.number += u64::from(policy != Nonces::Steady);
            if !is_named {
                return Err(Flaw::NonceWanted);
            }
        }
        let dated = Timestamp::from_unix_seconds(claims.iat);
        if dated.after(WINDOW) < at.wall || dated > at.wall.after(WINDOW) {
            return Err(Flaw::Invalid("the proof is too old, or from the future"));
        }
        if self.seen.len() >= SWEEP_AT {
            self.seen.retain(|_, dated| dated.after(WINDOW) >= at.wall);
        }
        if self.seen.insert((thumbprint.clone(), claims.jti), dated).is_some() {
            return Err(Flaw::Invalid("the proof was used before"));
        }
        Ok(Some(thumbprint))
    }
}
