//! What verifies signatures.

use std::fmt;

use crate::crypto::{RSA_VERIFYING_MOST_BITS, verify_ed25519, verify_p256, verify_p384, verify_rsa};
use crate::jwk::check_algorithm;
use crate::parts::{PublicParts, point};
use crate::pem::{self, Label};
use crate::{Algorithm, HmacKey, Jwk, KeyError, encoded};

/// A key that verifies signatures: a public key, or the secret of HS256.
///
/// What kind it is was settled when it was made, so the header of a token cannot turn a public key into an HMAC
/// secret (RFC 8725 section 2.1).
#[derive(Clone)]
pub struct VerifyingKey(Kind);

#[derive(Clone)]
enum Kind {
    Public(Jwk),
    Secret(HmacKey),
}

impl VerifyingKey {
    /// Reads a public key in PEM: `PUBLIC KEY` (RFC 5280) or `RSA PUBLIC KEY` (PKCS#1).
    ///
    /// # Errors
    /// [`KeyError`] says what was found instead: a private key, a certificate, another kind or curve, RSA
    /// outside 2048 to 8192 bits.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let blocks = pem::blocks(pem.as_ref())?;
        let is_key = |label: Label| matches!(label, Label::PublicKey | Label::Pkcs1Public);
        let Some(block) = blocks.iter().find(|b| is_key(b.label)).or(blocks.first()) else {
            return Err(KeyError::NoPem { hint: None });
        };
        let parts = match block.label {
            Label::PublicKey => encoded::spki(&block.der()?),
            Label::Pkcs1Public => encoded::pkcs1_public(&block.der()?),
            other => Err(KeyError::not_a_public_key(other.content())),
        }?;
        Ok(Jwk::new(parts.check_size(RSA_VERIFYING_MOST_BITS)?, None, None).into())
    }

    /// The key's id (`kid`), if it has one.
    pub fn key_id(&self) -> Option<&str> {
        match &self.0 {
            Kind::Public(jwk) => jwk.key_id(),
            Kind::Secret(_) => None,
        }
    }

    /// Whether a key of this kind can do the algorithm, and is not limited to another one.
    pub fn can_do(&self, algorithm: Algorithm) -> bool {
        match &self.0 {
            Kind::Secret(_) => algorithm == Algorithm::Hs256,
            Kind::Public(jwk) => {
                check_algorithm(&jwk.parts, algorithm).is_ok()
                    && jwk.algorithm().is_none_or(|only| only == algorithm)
            }
        }
    }

    /// Whether the signature is this key's over the message, with this algorithm.
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.can_do(algorithm) {
            return false;
        }
        match &self.0 {
            Kind::Secret(secret) => secret.verifies(message, signature),
            Kind::Public(jwk) => match &jwk.parts {
                PublicParts::P256 { x, y } => verify_p256(&point(x, y), message, signature),
                PublicParts::P384 { x, y } => verify_p384(&point(x, y), message, signature),
                PublicParts::Ed25519 { x } => verify_ed25519(x, message, signature),
                PublicParts::Rsa { n, e } => {
                    verify_rsa(n, e, algorithm == Algorithm::Ps256, message, signature)
                }
            },
        }
    }
}

impl From<Jwk> for VerifyingKey {
    fn from(jwk: Jwk) -> Self {
        Self(Kind::Public(jwk))
    }
}

impl From<HmacKey> for VerifyingKey {
    fn from(secret: HmacKey) -> Self {
        Self(Kind::Secret(secret))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Public(jwk) => write!(f, "VerifyingKey({jwk:?})"),
            Kind::Secret(secret) => write!(f, "VerifyingKey({secret:?})"),
        }
    }
}
