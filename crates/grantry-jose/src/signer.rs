//! The trait that lets an HSM or a KMS hold the key.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

/// A JWS algorithm (RFC 7518 section 3.1, RFC 8037). `none` cannot be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256; the signature is `r || s`, 64 bytes.
    Es256,
    /// ECDSA on P-384 with SHA-384; the signature is `r || s`, 96 bytes. It is verified here, and not made.
    Es384,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// Ed25519.
    EdDsa,
    /// HMAC with SHA-256: only for `client_secret_jwt`, never accepted where a public key is expected.
    Hs256,
}

impl Algorithm {
    /// The registered name, as it stands in a JOSE header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
        }
    }

    /// The algorithm of a registered name, if it is one of these; names are compared with regard to case. `Ed25519`
    /// (RFC 9864) is the `EdDSA` of the one curve that there is here.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Es256, Self::Es384, Self::Ps256, Self::Rs256, Self::EdDsa, Self::Hs256]
            .into_iter()
            .find(|a| a.as_str() == name)
            .or((name == "Ed25519").then_some(Self::EdDsa))
    }
}

/// A key that could not sign. It holds nothing of the key or the message.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the key could not sign: {reason}")]
pub struct SignError {
    reason: String,
}

impl SignError {
    /// `reason` is a phrase for a person, without anything secret.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// Signs messages with one key, which may be in an HSM or a KMS.
///
/// **Cancel-safety**: dropping the future leaves nothing behind. **Concurrency**: calls are independent. **Time**:
/// a client that signs its assertions waits at most 10 s for each signature, then gives that request up unsent.
///
/// ```
/// use async_trait::async_trait;
/// use grantry_jose::{Algorithm, SignError, Signer, SigningKey};
///
/// /// Counts nothing, keeps nothing: passes each message on, as an HSM's client would.
/// #[derive(Debug)]
/// struct Remote(SigningKey);
///
/// #[async_trait]
/// impl Signer for Remote {
///     fn algorithm(&self) -> Algorithm {
///         self.0.algorithm()
///     }
///     fn key_id(&self) -> Option<&str> {
///         Some("hsm-slot-7")
///     }
///     async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
///         self.0.sign(message).await
///     }
/// }
/// ```
#[async_trait]
pub trait Signer: fmt::Debug + Send + Sync + 'static {
    /// The algorithm of every signature it makes.
    fn algorithm(&self) -> Algorithm;

    /// The key's id (`kid`), where the verifier knows it by one.
    fn key_id(&self) -> Option<&str>;

    /// The SHA-256 thumbprint of the certificate by which the verifier knows the key (`x5t#S256`, RFC 7515
    /// section 4.1.8). Most verifiers go by [`key_id`](Signer::key_id) and need none.
    fn certificate_thumbprint(&self) -> Option<[u8; 32]> {
        None
    }

    /// Signs the message, in the form that RFC 7518 gives the algorithm's signature.
    ///
    /// # Errors
    /// [`SignError`] when the key is not at hand or refuses.
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: Signer + ?Sized> Signer for Arc<S> {
    fn algorithm(&self) -> Algorithm {
        (**self).algorithm()
    }
    fn key_id(&self) -> Option<&str> {
        (**self).key_id()
    }
    fn certificate_thumbprint(&self) -> Option<[u8; 32]> {
        (**self).certificate_thumbprint()
    }
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        (**self).sign(message).await
    }
}
