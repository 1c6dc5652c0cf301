//! The numbers that keys are made of, whatever encoding they came in.

use zeroize::Zeroizing;

use crate::KeyError;
use crate::crypto::{PrivateKey, RSA_LEAST_BITS, RSA_SIGNING_MOST_BITS, RsaPrivateNumbers};
use crate::encoded::pkcs1_public;

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum PublicParts {
    P256 {
        x: [u8; 32],
        y: [u8; 32],
    },
    /// It verifies, and is never a key of our own.
    P384 {
        x: [u8; 48],
        y: [u8; 48],
    },
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    Ed25519 {
        x: [u8; 32],
    },
}

impl PublicParts {
    /// The key's kind in words, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::P256 { .. } => "an EC key on P-256",
            Self::P384 { .. } => "an EC key on P-384",
            Self::Rsa { .. } => "an RSA key",
            Self::Ed25519 { .. } => "an Ed25519 key",
        }
    }

    /// The public half of a private key.
    pub(crate) fn of(key: &PrivateKey) -> Result<Self, KeyError> {
        let bytes = key.public_bytes();
        match key {
            PrivateKey::Rsa(_) => pkcs1_public(bytes),
            PrivateKey::Ed25519(_) => {
                Ok(Self::Ed25519 { x: array(bytes, "Ed25519 public key is not 32 bytes")? })
            }
            PrivateKey::P256(_) => {
                let what = "public point is not 65 bytes";
                let (x, y) = bytes
                    .get(1..)
                    .and_then(|both| both.split_at_checked(32))
                    .ok_or(KeyError::malformed(what))?;
                Ok(Self::P256 { x: array(x, what)?, y: array(y, what)? })
            }
        }
    }

    /// Refuses RSA keys that are too small to be safe, or too large to be checked.
    pub(crate) fn check_size(self, most: usize) -> Result<Self, KeyError> {
        if let Self::Rsa { n, e } = &self {
            check_rsa(n, e, most)?;
        }
        Ok(self)
    }
}

/// The numbers of an RSA private key; the secret ones are zeroized.
pub(crate) struct RsaParts {
    pub(crate) n: Vec<u8>,
    pub(crate) e: Vec<u8>,
    pub(crate) d: Zeroizing<Vec<u8>>,
    pub(crate) p: Zeroizing<Vec<u8>>,
    pub(crate) q: Zeroizing<Vec<u8>>,
    pub(crate) dp: Zeroizing<Vec<u8>>,
    pub(crate) dq: Zeroizing<Vec<u8>>,
    pub(crate) qi: Zeroizing<Vec<u8>>,
}

/// A private key; what is secret in it is zeroized.
pub(crate) enum PrivateParts {
    P256 { secret: Zeroizing<[u8; 32]>, x: [u8; 32], y: [u8; 32] },
    Rsa(Box<RsaParts>),
    Ed25519 { seed: Zeroizing<[u8; 32]>, public: Option<[u8; 32]> },
}

impl PrivateParts {
    /// Checks that the parts belong together and makes a key of them that can sign.
    pub(crate) fn into_key(self) -> Result<PrivateKey, KeyError> {
        match self {
            Self::P256 { secret, x, y } => PrivateKey::p256(secret.as_slice(), &point(&x, &y)),
            Self::Ed25519 { seed, public } => {
                PrivateKey::ed25519(seed.as_slice(), public.as_ref().map(<[u8; 32]>::as_slice))
            }
            Self::Rsa(parts) => {
                let RsaParts { n, e, d, p, q, dp, dq, qi } = &*parts;
                check_rsa(n, e, RSA_SIGNING_MOST_BITS)?;
                PrivateKey::rsa(&RsaPrivateNumbers { n, e, d, p, q, dp, dq, qi })
            }
        }
    }
}

/// The uncompressed point with these coordinates.
pub(crate) fn point(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4][..], x, y].concat()
}

/// Exactly as many bytes, or the error that `what` names.
pub(crate) fn array<const N: usize>(bytes: &[u8], what: &'static str) -> Result<[u8; N], KeyError> {
    bytes.try_into().map_err(|_| KeyError::malformed(what))
}

/// A secret of at most 32 bytes, filled up with zeros at its front.
pub(crate) fn scalar(bytes: &[u8], what: &'static str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let mut whole = Zeroizing::new([0; 32]);
    let start = whole.len().checked_sub(bytes.len()).ok_or(KeyError::malformed(what))?;
    whole.iter_mut().skip(start).zip(bytes).for_each(|(to, from)| *to = *from);
    Ok(whole)
}

/// A secret number, copied.
pub(crate) fn number(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(bytes.to_vec())
}

fn check_rsa(n: &[u8], e: &[u8], most: usize) -> Result<(), KeyError> {
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    if !(RSA_LEAST_BITS..=most).contains(&bits) {
        return Err(KeyError::RsaSize { bits, most });
    }
    // Three bytes are at least 65536, and an exponent is odd.
    if e.len() < 3 {
        return Err(KeyError::malformed("RSA public exponent is smaller than 65537"));
    }
    Ok(())
}
