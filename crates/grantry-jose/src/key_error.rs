//! Why a key cannot be used.

use crate::Algorithm;

/// A key that cannot be used: what was found, what is expected, and how to get there.
///
/// It never holds a byte of the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no PEM block in the text.
    #[error(
        "found no PEM block; expected a private key that begins with -----BEGIN PRIVATE KEY-----{}",
        .hint.map(|h| format!(" ({h})")).unwrap_or_default()
    )]
    #[non_exhaustive]
    NoPem {
        /// What the text looks like instead.
        hint: Option<&'static str>,
    },
    /// The text holds several keys, and nothing says which one is meant.
    #[error("found several private keys in one text; expected one")]
    SeveralKeys,
    /// The private key is encrypted.
    #[error(
        "found a private key that is encrypted with a passphrase; expected a plain one \
         (openssl pkey -in KEY -out PLAIN decrypts it)"
    )]
    Encrypted,
    /// Another kind of thing altogether.
    #[error("found {found}; expected {expected}")]
    #[non_exhaustive]
    WrongKind {
        /// What it is.
        found: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// An RSA key of a size that is not accepted.
    #[error("found an RSA key of {bits} bits; expected 2048 to {most}")]
    #[non_exhaustive]
    RsaSize {
        /// The size of its modulus.
        bits: usize,
        /// The largest size that is accepted.
        most: usize,
    },
    /// A secret that is too short for the algorithm.
    #[error("found a secret of {bytes} bytes; expected at least 32 for HS256 (RFC 7518 section 3.2)")]
    #[non_exhaustive]
    SecretTooShort {
        /// Its length.
        bytes: usize,
    },
    /// The public point is missing, and only whoever made the key can add it.
    #[error(
        "found an EC private key without its public point; expected one with it \
         (openssl ec -in KEY -out WHOLE adds it)"
    )]
    NoPublicPart,
    /// The key's encoding is broken.
    #[error("found a key whose {what}")]
    #[non_exhaustive]
    Malformed {
        /// What is wrong with it, as it follows the word "whose".
        what: &'static str,
    },
    /// The key's parts do not belong together.
    #[error("found a private key whose parts do not belong together")]
    Inconsistent,
    /// The key cannot do this algorithm.
    #[error("found {found}, which cannot do {}", .algorithm.as_str())]
    #[non_exhaustive]
    Algorithm {
        /// What kind of key it is.
        found: &'static str,
        /// What it was asked to do.
        algorithm: Algorithm,
    },
    /// No key could be generated.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
}

impl KeyError {
    pub(crate) const fn malformed(what: &'static str) -> Self {
        Self::Malformed { what }
    }

    /// Something else where a private key for signing should be.
    pub(crate) const fn not_a_signing_key(found: &'static str) -> Self {
        Self::WrongKind {
            found,
            expected: "a private key: P-256 (ES256), RSA (RS256, PS256) or Ed25519 (EdDSA)",
        }
    }

    /// Something else where a public key for verifying should be.
    pub(crate) const fn not_a_public_key(found: &'static str) -> Self {
        Self::WrongKind {
            found,
            expected: "a public key: P-256 (ES256), P-384 (ES384), RSA (RS256, PS256) or Ed25519 (EdDSA)",
        }
    }
}
