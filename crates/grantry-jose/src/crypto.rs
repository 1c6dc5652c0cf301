//! The one module that names `ring`.
//!
//! What comes in and goes out is bytes: a different library changes this file and nothing else. `ring` does not
//! zeroize what it keeps inside its key pairs; whatever is built from bytes around them is zeroized.

use std::fmt;

use ring::rand::SystemRandom;
use ring::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use ring::{digest, hmac, rsa};
use zeroize::Zeroizing;

use crate::KeyError;

/// The smallest RSA modulus that is accepted, in bits (RFC 7518 section 3.3).
pub(crate) const RSA_LEAST_BITS: usize = 2048;
/// The largest RSA modulus that `ring` signs with, in bits.
pub(crate) const RSA_SIGNING_MOST_BITS: usize = 4096;
/// The largest RSA modulus that `ring` verifies with, in bits.
pub(crate) const RSA_VERIFYING_MOST_BITS: usize = 8192;

/// The SHA-256 digest.
///
/// ```
/// let digest = grantry_jose::sha256(b"abc");
/// assert_eq!(digest[..4], [0xba, 0x78, 0x16, 0xbf]);
/// ```
pub fn sha256(message: impl AsRef<[u8]>) -> [u8; 32] {
    let mut out = [0; 32];
    // SHA-256 gives 32 bytes, so `zip` leaves none out.
    for (to, from) in out.iter_mut().zip(digest::digest(&digest::SHA256, message.as_ref()).as_ref()) {
        *to = *from;
    }
    out
}

/// The SHA-384 digest.
pub(crate) fn sha384(message: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA384, message).as_ref().to_vec()
}

/// The SHA-512 digest.
pub(crate) fn sha512(message: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA512, message).as_ref().to_vec()
}

/// HMAC with SHA-256.
pub(crate) fn hmac_sha256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}

/// Whether `tag` is the message's HMAC with SHA-256; takes the same time wherever they differ.
pub(crate) fn verify_hmac_sha256(secret: &[u8], message: &[u8], tag: &[u8]) -> bool {
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret), message, tag).is_ok()
}

/// A new key on P-256, in PKCS#8: `ring` gives the scalar out in no other form.
pub(crate) fn generate_p256_pkcs8() -> Result<Zeroizing<Vec<u8>>, KeyError> {
    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map(|document| Zeroizing::new(document.as_ref().to_vec()))
        .map_err(|_| KeyError::NoRandomness)
}

/// 32 random bytes.
pub(crate) fn random_scalar() -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let mut scalar = Zeroizing::new([0; 32]);
    ring::rand::SecureRandom::fill(&SystemRandom::new(), scalar.as_mut_slice())
        .map_err(|_| KeyError::NoRandomness)?;
    Ok(scalar)
}

/// A signature that could not be made.
#[derive(Debug)]
pub(crate) struct SigningFailed;

/// The numbers of an RSA private key (RFC 8017 section 3.2), unsigned and big-endian.
pub(crate) struct RsaPrivateNumbers<'a> {
    pub(crate) n: &'a [u8],
    pub(crate) e: &'a [u8],
    pub(crate) d: &'a [u8],
    pub(crate) p: &'a [u8],
    pub(crate) q: &'a [u8],
    pub(crate) dp: &'a [u8],
    pub(crate) dq: &'a [u8],
    pub(crate) qi: &'a [u8],
}

/// A private key that is ready to sign.
pub(crate) enum PrivateKey {
    P256(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    /// A key on P-256; `scalar` has 32 bytes, `point` is uncompressed.
    pub(crate) fn p256(scalar: &[u8], point: &[u8]) -> Result<Self, KeyError> {
        EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            scalar,
            point,
            &SystemRandom::new(),
        )
        .map(Self::P256)
        .map_err(|_| KeyError::Inconsistent)
    }

    /// An RSA key, whose size was checked before.
    pub(crate) fn rsa(numbers: &RsaPrivateNumbers<'_>) -> Result<Self, KeyError> {
        RsaKeyPair::from_components(&rsa::KeyPairComponents {
            public_key: rsa::PublicKeyComponents { n: numbers.n, e: numbers.e },
            d: numbers.d,
            p: numbers.p,
            q: numbers.q,
            dP: numbers.dp,
            dQ: numbers.dq,
            qInv: numbers.qi,
        })
        .map(|pair| Self::Rsa(Box::new(pair)))
        .map_err(|_| KeyError::Inconsistent)
    }

    /// A key on Ed25519. Where the public half is known, it has to be the seed's.
    pub(crate) fn ed25519(seed: &[u8], public: Option<&[u8]>) -> Result<Self, KeyError> {
        match public {
            Some(public) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
            None => Ed25519KeyPair::from_seed_unchecked(seed),
        }
        .map(Self::Ed25519)
        .map_err(|_| KeyError::Inconsistent)
    }

    /// A new key on P-256.
    pub(crate) fn generate_p256() -> Result<Self, KeyError> {
        EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &generate_p256_pkcs8()?,
            &SystemRandom::new(),
        )
        .map(Self::P256)
        .map_err(|_| KeyError::Inconsistent)
    }

    /// A new key on Ed25519.
    pub(crate) fn generate_ed25519() -> Result<Self, KeyError> {
        Self::ed25519(random_scalar()?.as_slice(), None)
    }

    /// The public half: an uncompressed point, 32 bytes of Ed25519, or an `RSAPublicKey` (RFC 8017 A.1.1).
    pub(crate) fn public_bytes(&self) -> &[u8] {
        match self {
            Self::P256(pair) => pair.public_key().as_ref(),
            Self::Rsa(pair) => pair.public_key().as_ref(),
            Self::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }

    /// Signs the message; `pss` chooses between the two schemes of an RSA key.
    pub(crate) fn sign(&self, message: &[u8], pss: bool) -> Result<Vec<u8>, SigningFailed> {
        match self {
            Self::P256(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|s| s.as_ref().to_vec())
                .map_err(|_| SigningFailed),
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Self::Rsa(pair) => {
                let scheme: &dyn signature::RsaEncoding =
                    if pss { &signature::RSA_PSS_SHA256 } else { &signature::RSA_PKCS1_SHA256 };
                let mut out = vec![0; pair.public().modulus_len()];
                pair.sign(scheme, &SystemRandom::new(), message, &mut out).map_err(|_| SigningFailed)?;
                Ok(out)
            }
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey([redacted])")
    }
}

/// Whether the signature `r || s` (64 bytes) of the message was made with the key of this uncompressed point.
pub(crate) fn verify_p256(point: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
}

/// Whether the signature `r || s` (96 bytes) of the message was made with the key of this uncompressed point.
pub(crate) fn verify_p384(point: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point).verify(message, signature).is_ok()
}

/// Whether the signature was made with this key on Ed25519.
pub(crate) fn verify_ed25519(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&signature::ED25519, public).verify(message, signature).is_ok()
}

/// Whether the signature was made with this RSA key, under PSS or PKCS#1 v1.5 with SHA-256.
pub(crate) fn verify_rsa(n: &[u8], e: &[u8], pss: bool, message: &[u8], signature: &[u8]) -> bool {
    let scheme =
        if pss { &signature::RSA_PSS_2048_8192_SHA256 } else { &signature::RSA_PKCS1_2048_8192_SHA256 };
    RsaPublicKeyComponents { n, e }.verify(scheme, message, signature).is_ok()
}
