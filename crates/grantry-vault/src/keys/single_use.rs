//! A key for one encryption, derived from a longer-lived one.

use zeroize::Zeroizing;

use crate::crypto::{AeadKey, BYTES_32, Failed, NONCE_BYTES, TAG_BYTES, hkdf_sha256};

/// Each key encrypts once, so its nonce need not differ.
const NONCE: [u8; NONCE_BYTES] = [0; NONCE_BYTES];

/// What a fresh salt makes of a key: an AES-256-GCM key for one encryption, and a commitment to it.
///
/// A salt of 32 random bytes gives a key that never was before, so a fixed nonce is right and nothing has to be
/// counted. AES-GCM alone does not commit to its key: the commitment is compared, in constant time, before anything is
/// decrypted, so that no bytes open under two keys.
pub(crate) struct SingleUseKey {
    key: AeadKey,
    commitment: [u8; BYTES_32],
}

impl SingleUseKey {
    /// From the secret and the salt, for `purpose`: other bytes there give another key.
    pub(crate) fn derive(
        secret: &[u8; BYTES_32],
        salt: &[u8; BYTES_32],
        purpose: &[u8],
    ) -> Result<Self, Failed> {
        let mut both = Zeroizing::new([0; BYTES_32 * 2]);
        hkdf_sha256(secret, salt, &[purpose], both.as_mut_slice())?;
        let (key_half, commitment) = both.split_first_chunk::<BYTES_32>().ok_or(Failed)?;
        let key = AeadKey::new(&Zeroizing::new(*key_half))?;
        Ok(Self { key, commitment: commitment.try_into().map_err(|_| Failed)? })
    }

    pub(crate) fn commitment(&self) -> &[u8; BYTES_32] {
        &self.commitment
    }

    /// Encrypts in place and returns the tag.
    pub(crate) fn seal(self, aad: &[u8], in_place: &mut [u8]) -> Result<[u8; TAG_BYTES], Failed> {
        self.key.seal(NONCE, aad, in_place)
    }

    /// Decrypts bytes with the tag at their end in place, and returns how many are left.
    pub(crate) fn open(self, aad: &[u8], in_place: &mut [u8]) -> Result<usize, Failed> {
        self.key.open(NONCE, aad, in_place)
    }
}
