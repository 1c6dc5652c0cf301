//! A client secret as a key.

use std::fmt;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::crypto::{hmac_sha256, verify_hmac_sha256};
use crate::{Algorithm, KeyError, SignError, Signer};

/// The shortest secret that HS256 allows, in bytes (RFC 7518 section 3.2).
const LEAST: usize = 32;

/// A secret that both sides know, as a key for HS256: what `client_secret_jwt` signs with.
///
/// It is zeroized when dropped.
///
/// ```
/// use grantry_jose::HmacKey;
/// assert!(HmacKey::new("a client secret of at least 32 bytes").is_ok());
/// assert!(HmacKey::new("too short").unwrap_err().to_string().contains("at least 32"));
/// ```
#[derive(Clone)]
pub struct HmacKey(Zeroizing<Vec<u8>>);

impl HmacKey {
    /// Copies the secret: the bytes of its UTF-8, as OpenID Connect Core section 9 has it.
    ///
    /// # Errors
    /// [`KeyError::SecretTooShort`] below 32 bytes.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let secret = secret.as_ref();
        if secret.len() < LEAST {
            return Err(KeyError::SecretTooShort { bytes: secret.len() });
        }
        Ok(Self(Zeroizing::new(secret.to_vec())))
    }

    pub(crate) fn verifies(&self, message: &[u8], tag: &[u8]) -> bool {
        verify_hmac_sha256(&self.0, message, tag)
    }
}

#[async_trait]
impl Signer for HmacKey {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Hs256
    }

    fn key_id(&self) -> Option<&str> {
        None
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(hmac_sha256(&self.0, message))
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey([redacted])")
    }
}
