//! Private keys that are kept: the one place that writes one down.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::parts::{PrivateParts, number};
use crate::wire::WireKey;
use crate::{Algorithm, Jwk, KeyError, SignError, Signer, SigningKey, base64url, crypto, encoded, sha256};

/// A private key that proves possession (RFC 9449) for as long as what is bound to it lives, so that it is kept beside
/// it: P-256 (ES256) or Ed25519 (EdDSA), made here or read back.
///
/// It is written down as a private JWK and nothing else; the text is zeroized when the last clone drops. `Debug` shows
/// its algorithm alone.
///
/// ```
/// use grantry_jose::{Algorithm, ProofKey};
/// let key = ProofKey::generate(Algorithm::EdDsa)?;
/// let again = ProofKey::from_jwk(key.expose_jwk())?;
/// assert_eq!(again.public_jwk().thumbprint(), key.public_jwk().thumbprint());
/// # Ok::<(), grantry_jose::KeyError>(())
/// ```
#[derive(Clone)]
pub struct ProofKey {
    key: SigningKey,
    text: Arc<Zeroizing<String>>,
}

impl ProofKey {
    /// A new key for ES256 or EdDSA, from the operating system's randomness.
    ///
    /// # Errors
    /// [`KeyError::WrongKind`] for another algorithm, [`KeyError::NoRandomness`] where the operating system gives none.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let parts = match algorithm {
            Algorithm::Es256 => encoded::pkcs8(&crypto::generate_p256_pkcs8()?)?,
            Algorithm::EdDsa => PrivateParts::Ed25519 { seed: crypto::random_scalar()?, public: None },
            _ => return Err(wrong_kind("another algorithm")),
        };
        Self::from_parts(parts)
    }

    /// Reads what [`expose_jwk`](Self::expose_jwk) gave, or another private JWK of such a key; a `kid` is left behind.
    ///
    /// # Errors
    /// [`KeyError`] says what was found instead.
    pub fn from_jwk(json: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let wire = WireKey::parse(json.as_ref())?;
        wire.check_use()?;
        Self::from_parts(wire.private()?)
    }

    fn from_parts(parts: PrivateParts) -> Result<Self, KeyError> {
        let secret = match &parts {
            PrivateParts::P256 { secret, .. } => number(secret.as_slice()),
            PrivateParts::Ed25519 { seed, .. } => number(seed.as_slice()),
            PrivateParts::Rsa(_) => return Err(wrong_kind("an RSA key")),
        };
        let key = SigningKey::from_parts(parts)?;
        let d = Zeroizing::new(base64url::encode(&*secret));
        let public = key.public_jwk().bare().to_json();
        let mut text = Zeroizing::new(String::with_capacity(public.len() + d.len() + 8));
        text.push_str(public.trim_end_matches('}'));
        text.push_str(",\"d\":\"");
        text.push_str(&d);
        text.push_str("\"}");
        Ok(Self { key, text: Arc::new(text) })
    }

    /// The private JWK, which is the key itself.
    pub fn expose_jwk(&self) -> &str {
        &self.text
    }

    /// The public half alone, as it stands in the header of a proof.
    pub fn public_jwk(&self) -> Jwk {
        self.key.public_jwk().bare()
    }

    /// The key as one that signs.
    pub fn signing_key(&self) -> &SigningKey {
        &self.key
    }
}

fn wrong_kind(found: &'static str) -> KeyError {
    KeyError::WrongKind { found, expected: "a key that proves possession: P-256 (ES256) or Ed25519 (EdDSA)" }
}

#[async_trait]
impl Signer for ProofKey {
    fn algorithm(&self) -> Algorithm {
        Signer::algorithm(&self.key)
    }

    fn key_id(&self) -> Option<&str> {
        None
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.key.sign_now(message)
    }
}

impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofKey").field("algorithm", &self.key.algorithm()).finish_non_exhaustive()
    }
}

/// The thumbprint of the first certificate in a PEM text: the SHA-256 of its DER (RFC 8705 section 3.1).
///
/// # Errors
/// [`KeyError`] where there is none.
pub fn certificate_thumbprint(pem: impl AsRef<[u8]>) -> Result<[u8; 32], KeyError> {
    let blocks = crate::pem::blocks(pem.as_ref())?;
    let certificate = blocks.iter().find(|block| block.label == crate::pem::Label::Certificate);
    let found = blocks.first().map_or("nothing", |block| block.label.content());
    let certificate = certificate.ok_or(KeyError::WrongKind { found, expected: "a certificate" })?;
    Ok(sha256(&*certificate.der()?))
}

impl PartialEq for ProofKey {
    fn eq(&self, other: &Self) -> bool {
        self.public_jwk() == other.public_jwk()
    }
}

impl Eq for ProofKey {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HeaderMembers, sign_jwt_encoded, verify_jwt};

    #[tokio::test]
    async fn a_key_that_was_kept_signs_what_the_first_one_s_public_half_verifies() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let key = ProofKey::generate(algorithm).unwrap();
            let again = ProofKey::from_jwk(key.expose_jwk()).unwrap();
            assert_eq!((again.expose_jwk(), &again), (key.expose_jwk(), &key));
            let header =
                HeaderMembers::new().typ("dpop+jwt").jwk(again.public_jwk()).encode(algorithm).unwrap();
            let signed = sign_jwt_encoded(&again, &header, &["claim"]).await.unwrap();
            let verifying = key.signing_key().verifying_key();
            let (header, claims): (_, Vec<String>) = verify_jwt(&signed, &verifying, &[algorithm]).unwrap();
            assert_eq!((header.typ.as_deref(), header.jwk), (Some("dpop+jwt"), Some(key.public_jwk())));
            assert_eq!(claims, ["claim"]);
            // Whoever reads a JWK reads it.
            assert_eq!(SigningKey::from_jwk(key.expose_jwk()).unwrap().algorithm(), algorithm);
        }
    }

    #[test]
    fn keys_of_other_kinds_and_public_ones_are_refused() {
        assert!(ProofKey::generate(Algorithm::Rs256).is_err());
        let key = ProofKey::generate(Algorithm::Es256).unwrap();
        assert!(ProofKey::from_jwk(key.public_jwk().to_json()).is_err());
        assert!(ProofKey::from_jwk("{}").is_err());
    }

    #[test]
    fn req_e09_neither_debug_nor_the_public_half_shows_the_private_one() {
        let key = ProofKey::generate(Algorithm::EdDsa).unwrap();
        let private: serde_json::Value = serde_json::from_str(key.expose_jwk()).unwrap();
        let d = private["d"].as_str().unwrap();
        let shown = format!("{key:?} {} {:?}", key.public_jwk().to_json(), key.public_jwk());
        assert!(!shown.contains(d) && !shown.contains("\"d\""), "{shown}");
    }
}
