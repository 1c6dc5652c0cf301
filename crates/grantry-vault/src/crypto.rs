//! The one module that names `ring`.
//!
//! What comes in and goes out is bytes: a different library changes this file and nothing else.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use ring::{hkdf, hmac};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The bytes of a SHA-256 digest, of an HMAC, of an AES-256 key.
pub(crate) const BYTES_32: usize = 32;

/// The bytes of an AES-GCM tag.
pub(crate) const TAG_BYTES: usize = 16;

/// The bytes of an AES-GCM nonce.
pub(crate) const NONCE_BYTES: usize = 12;

/// The bytes of an Ed25519 signature.
pub(crate) const SIGNATURE_BYTES: usize = 64;

/// What an operation that failed says: nothing, so that nothing can be learned from it.
#[derive(Debug)]
pub(crate) struct Failed;

/// HKDF with SHA-256 (RFC 5869), both steps. At most 255 times 32 bytes.
pub(crate) fn hkdf_sha256(secret: &[u8], salt: &[u8], info: &[&[u8]], out: &mut [u8]) -> Result<(), Failed> {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    prk.expand(info, Length(out.len())).and_then(|okm| okm.fill(out)).map_err(|_| Failed)
}

/// HMAC with SHA-256 over the parts, one after the other.
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; BYTES_32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    let mut out = [0; BYTES_32];
    // SHA-256 gives 32 bytes, so `zip` leaves none out.
    for (to, from) in out.iter_mut().zip(context.sign().as_ref()) {
        *to = *from;
    }
    out
}

/// Whether both are equal, in a time that only depends on their lengths.
pub(crate) fn equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// A key for AES-256-GCM (NIST SP 800-38D).
pub(crate) struct AeadKey(LessSafeKey);

impl AeadKey {
    pub(crate) fn new(key: &Zeroizing<[u8; BYTES_32]>) -> Result<Self, Failed> {
        let key = UnboundKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| Failed)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Encrypts in place and returns the tag. A nonce must never meet the same key twice.
    pub(crate) fn seal(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        in_place: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], Failed> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(aad), in_place).map_err(|_| Failed)?;
        tag.as_ref().try_into().map_err(|_| Failed)
    }

    /// Decrypts bytes with the tag at their end in place, and returns how many are left.
    pub(crate) fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        in_place: &mut [u8],
    ) -> Result<usize, Failed> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.open_in_place(nonce, Aad::from(aad), in_place).map(|plain| plain.len()).map_err(|_| Failed)
    }
}

/// The Ed25519 public key (RFC 8032) of a seed.
pub(crate) fn ed25519_public(seed: &Zeroizing<[u8; BYTES_32]>) -> Result<[u8; BYTES_32], Failed> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).map_err(|_| Failed)?;
    pair.public_key().as_ref().try_into().map_err(|_| Failed)
}

/// Signs with the Ed25519 key of a seed.
pub(crate) fn ed25519_sign(
    seed: &Zeroizing<[u8; BYTES_32]>,
    message: &[u8],
) -> Result<[u8; SIGNATURE_BYTES], Failed> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).map_err(|_| Failed)?;
    pair.sign(message).as_ref().try_into().map_err(|_| Failed)
}

/// Whether an Ed25519 signature is that of the message under the public key.
pub(crate) fn ed25519_verify(public: &[u8; BYTES_32], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}
