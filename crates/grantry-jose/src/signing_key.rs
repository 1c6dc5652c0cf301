//! Private keys held in this process.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::crypto::PrivateKey;
use crate::jwk::check_algorithm;
use crate::parts::{PrivateParts, PublicParts};
use crate::pem::{self, Label};
use crate::wire::WireKey;
use crate::{Algorithm, Jwk, KeyError, SignError, Signer, VerifyingKey, encoded, sha256};

/// A private key in this process: P-256 (ES256), RSA (RS256 or PS256) or Ed25519 (EdDSA).
///
/// `Debug` shows its kind, algorithm and id. It is cheap to clone; the clones share the key. The text that it was
/// read from is the caller's to erase.
///
/// ```
/// use grantry_jose::{Algorithm, SigningKey};
/// let key = SigningKey::generate_es256()?.with_key_id("2026-11");
/// assert_eq!(key.algorithm(), Algorithm::Es256);
/// // What the authorization server is to be told:
/// let registered = key.public_jwk().to_json();
/// assert!(registered.contains(r#""kid":"2026-11""#));
/// # Ok::<(), grantry_jose::KeyError>(())
/// ```
#[derive(Clone)]
pub struct SigningKey {
    key: Arc<PrivateKey>,
    public: PublicParts,
    algorithm: Algorithm,
    key_id: Option<String>,
    certificate_thumbprint: Option<[u8; 32]>,
}

impl SigningKey {
    /// Reads a private key in PEM: PKCS#8 (`PRIVATE KEY`), SEC 1 (`EC PRIVATE KEY`) or PKCS#1
    /// (`RSA PRIVATE KEY`). Certificates and parameters beside it are passed over. An RSA key signs with RS256
    /// unless [`with_algorithm`](SigningKey::with_algorithm) says PS256.
    ///
    /// # Errors
    /// [`KeyError`] says what was found instead: an encrypted key, a certificate, a public key, another kind or
    /// curve, RSA outside 2048 to 4096 bits, several keys, none.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let blocks = pem::blocks(pem.as_ref())?;
        let mut private = blocks.iter().filter(|b| b.label.is_private());
        let block = match (private.next(), private.next()) {
            (Some(block), None) => block,
            (Some(_), Some(_)) => return Err(KeyError::SeveralKeys),
            (None, _) => {
                let found = blocks.first().map_or(Label::Other, |b| b.label);
                return Err(KeyError::not_a_signing_key(found.content()));
            }
        };
        let parts = match block.label {
            Label::Pkcs8 => encoded::pkcs8(&block.der()?),
            Label::Sec1 => encoded::sec1(&block.der()?),
            Label::Pkcs1 => encoded::pkcs1(&block.der()?),
            Label::Encrypted => Err(KeyError::Encrypted),
            other => Err(KeyError::not_a_signing_key(other.content())),
        }?;
        Self::from_parts(parts)
    }

    /// Reads a private JSON Web Key (RFC 7517). Its `kid` and `alg` are kept.
    ///
    /// # Errors
    /// [`KeyError`] says what was found instead: a public or symmetric key, another kind or curve, an `alg` that
    /// the key cannot do, an RSA key without its primes.
    pub fn from_jwk(json: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let wire = WireKey::parse(json.as_ref())?;
        wire.check_use()?;
        let key = Self::from_parts(wire.private()?)?;
        let key = match wire.algorithm()? {
            Some(algorithm) => key.with_algorithm(algorithm)?,
            None => key,
        };
        Ok(Self { key_id: wire.kid, ..key })
    }

    /// A new key on P-256 from the operating system's randomness (`ring` takes no other).
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`] where the operating system gives none.
    pub fn generate_es256() -> Result<Self, KeyError> {
        Self::from_key(PrivateKey::generate_p256()?)
    }

    /// A new key on Ed25519 from the operating system's randomness.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`] where the operating system gives none.
    pub fn generate_ed25519() -> Result<Self, KeyError> {
        Self::from_key(PrivateKey::generate_ed25519()?)
    }

    /// The key on Ed25519 that follows from 32 random bytes (RFC 8032 section 5.1.5): for simulations whose
    /// randomness is seeded.
    ///
    /// # Errors
    /// [`KeyError`] never, as far as is known; the key library reserves the right.
    pub fn from_ed25519_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        Self::from_key(PrivateKey::ed25519(seed, None)?)
    }

    pub(crate) fn from_parts(parts: PrivateParts) -> Result<Self, KeyError> {
        Self::from_key(parts.into_key()?)
    }

    fn from_key(key: PrivateKey) -> Result<Self, KeyError> {
        let algorithm = match &key {
            PrivateKey::P256(_) => Algorithm::Es256,
            // What every server knows; PS256 is the caller's choice.
            PrivateKey::Rsa(_) => Algorithm::Rs256,
            PrivateKey::Ed25519(_) => Algorithm::EdDsa,
        };
        let public = PublicParts::of(&key)?;
        Ok(Self { key: Arc::new(key), public, algorithm, key_id: None, certificate_thumbprint: None })
    }

    /// Gives the key the id (`kid`) by which the verifier knows it.
    #[must_use]
    pub fn with_key_id(self, key_id: impl Into<String>) -> Self {
        Self { key_id: Some(key_id.into()), ..self }
    }

    /// Names the certificate by which the verifier knows the key, as Microsoft Entra ID asks: the first one in
    /// the PEM text, whose SHA-256 thumbprint then stands in the header of what is signed (`x5t#S256`).
    ///
    /// # Errors
    /// [`KeyError`] where the text holds no certificate, or the first one is for another key. Whether it is
    /// valid is not looked at.
    pub fn with_certificate(self, pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let blocks = pem::blocks(pem.as_ref())?;
        let Some(block) = blocks.iter().find(|b| b.label == Label::Certificate) else {
            let found = blocks.first().map_or(Label::Other, |b| b.label);
            return Err(KeyError::WrongKind { found: found.content(), expected: "a certificate" });
        };
        let der = block.der()?;
        if encoded::certificate(&der)? != self.public {
            return Err(KeyError::WrongKind {
                found: "a certificate for another key",
                expected: "the one that belongs to this key",
            });
        }
        Ok(Self { certificate_thumbprint: Some(sha256(&*der)), ..self })
    }

    /// Chooses the algorithm: PS256 or RS256 for an RSA key; the others can do only one.
    ///
    /// # Errors
    /// [`KeyError::Algorithm`] where the key cannot do it.
    pub fn with_algorithm(self, algorithm: Algorithm) -> Result<Self, KeyError> {
        check_algorithm(&self.public, algorithm)?;
        Ok(Self { algorithm, ..self })
    }

    /// The algorithm of every signature it makes.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key's id (`kid`), if it has one.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The public half, with id and algorithm, as it is registered with an authorization server.
    pub fn public_jwk(&self) -> Jwk {
        Jwk::new(self.public.clone(), self.key_id.clone(), Some(self.algorithm))
    }

    /// Signs without waiting for anything.
    pub(crate) fn sign_now(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.key
            .sign(message, self.algorithm == Algorithm::Ps256)
            .map_err(|_| SignError::new("the key's parts do not belong together, or randomness is missing"))
    }

    /// What verifies its signatures.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey::from(self.public_jwk())
    }
}

#[async_trait]
impl Signer for SigningKey {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    fn certificate_thumbprint(&self) -> Option<[u8; 32]> {
        self.certificate_thumbprint
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.sign_now(message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kind", &self.public.kind())
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .field("has_certificate", &self.certificate_thumbprint.is_some())
            .finish_non_exhaustive()
    }
}
