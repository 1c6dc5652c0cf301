//! Public JSON Web Keys (RFC 7517) and their thumbprints (RFC 7638).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::crypto::RSA_VERIFYING_MOST_BITS;
use crate::parts::PublicParts;
use crate::wire::{PublicWireKey, WireKey};
use crate::{Algorithm, KeyError, base64url, sha256};

/// A public key as a JSON Web Key (RFC 7517): P-256, P-384, RSA or Ed25519.
///
/// It cannot hold a private member: a JWK that has one is refused, so a private key is never published by
/// mistake.
///
/// ```
/// use grantry_jose::Jwk;
/// let jwk = Jwk::from_json(
///     r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
/// )?;
/// assert_eq!(jwk.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
/// # Ok::<(), grantry_jose::KeyError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Jwk {
    pub(crate) parts: PublicParts,
    key_id: Option<String>,
    algorithm: Option<Algorithm>,
}

impl Jwk {
    pub(crate) fn new(parts: PublicParts, key_id: Option<String>, algorithm: Option<Algorithm>) -> Self {
        Self { parts, key_id, algorithm }
    }

    /// Reads a public key. Members that it does not know are passed over.
    ///
    /// # Errors
    /// [`KeyError`] for a private or symmetric key, another kind or curve, RSA outside 2048 to 8192 bits, a `use`
    /// other than `sig`, an `alg` that the key cannot do, and broken members.
    pub fn from_json(json: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        WireKey::parse(json.as_ref())?.try_into()
    }

    /// The key's id (`kid`), if it has one.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The one algorithm that the key is for (`alg`), if it says so.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    /// Gives the key an id (`kid`).
    #[must_use]
    pub fn with_key_id(self, key_id: impl Into<String>) -> Self {
        Self { key_id: Some(key_id.into()), ..self }
    }

    /// The key without id and algorithm, as it stands in the header of a proof.
    #[must_use]
    pub fn bare(&self) -> Self {
        Self::new(self.parts.clone(), None, None)
    }

    /// The key as JSON.
    pub fn to_json(&self) -> String {
        // Strings of base64url and an id: nothing that JSON could not hold.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The SHA-256 thumbprint in base64url (RFC 7638): the same for the same key, whatever its id.
    pub fn thumbprint(&self) -> String {
        base64url::encode(sha256(self.bare().to_json()))
    }
}

impl TryFrom<WireKey> for Jwk {
    type Error = KeyError;

    fn try_from(wire: WireKey) -> Result<Self, KeyError> {
        let parts = wire.public(KeyError::not_a_public_key)?.check_size(RSA_VERIFYING_MOST_BITS)?;
        if wire.is_private() {
            return Err(KeyError::not_a_public_key("a private key (a JWK with d)"));
        }
        wire.check_use()?;
        let algorithm = wire.algorithm()?;
        if let Some(algorithm) = algorithm {
            check_algorithm(&parts, algorithm)?;
        }
        Ok(Self::new(parts, wire.kid, algorithm))
    }
}

/// Refuses an algorithm that a key of this kind cannot do.
pub(crate) fn check_algorithm(parts: &PublicParts, algorithm: Algorithm) -> Result<(), KeyError> {
    match (parts, algorithm) {
        (PublicParts::P256 { .. }, Algorithm::Es256)
        | (PublicParts::P384 { .. }, Algorithm::Es384)
        | (PublicParts::Rsa { .. }, Algorithm::Rs256 | Algorithm::Ps256)
        | (PublicParts::Ed25519 { .. }, Algorithm::EdDsa) => Ok(()),
        _ => Err(KeyError::Algorithm { found: parts.kind(), algorithm }),
    }
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        PublicWireKey::new(&self.parts, self.key_id(), self.algorithm).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        WireKey::deserialize(from)?.try_into().map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwk")
            .field("kind", &self.parts.kind())
            .field("key_id", &self.key_id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
