//! Keys of the audit log: a root, and what is derived from it for each writer.

use std::fmt;

use grantry_core::Entropy;
use zeroize::Zeroizing;

use super::AuditError;
use super::checkpoint::CheckpointKey;
use super::ids::{Fingerprint, WriterId};
use super::line::Digest;
use crate::crypto;
use crate::keys::Secret32;

const SALT: &[u8] = b"grantry audit 1";

/// The root of the audit log's keys: 32 bytes, zeroized when dropped.
///
/// A writer derives its own keys from it and drops it; only who verifies needs it again. So it is best kept where the
/// writers run no longer than they start. `Debug` prints `[redacted]`; there is no `Clone`, `Display` or `PartialEq`.
#[derive(Debug)]
pub struct AuditKey(Secret32);

impl AuditKey {
    /// How many bytes a key has.
    pub const BYTES: usize = Secret32::BYTES;

    /// A new key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(Secret32::generate(entropy))
    }

    /// A key from its bytes; `None` where they are not 32. The caller zeroizes its own.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Secret32::from_slice(bytes).map(Self)
    }

    /// The bytes, to keep them somewhere safe.
    pub fn expose(&self) -> &[u8; Self::BYTES] {
        self.0.expose()
    }

    /// The fingerprint of a token, as [`AuditLog::fingerprint`](super::AuditLog::fingerprint) gives it: with it an
    /// auditor finds the entries that a leaked token appears in.
    ///
    /// # Errors
    /// None that is known; [`AuditError::Configuration`] where the cryptography refuses.
    pub fn fingerprint(&self, token: &[u8]) -> Result<Fingerprint, AuditError> {
        Ok(self.fingerprint_key()?.fingerprint(token))
    }

    /// The public key of a writer's checkpoints, for those who verify without the root.
    ///
    /// # Errors
    /// As [`fingerprint`](AuditKey::fingerprint).
    pub fn checkpoint_key(&self, writer: WriterId) -> Result<CheckpointKey, AuditError> {
        self.checkpoint_seed(&writer)?.public(writer)
    }

    pub(crate) fn first_epoch(&self, writer: &WriterId) -> Result<EpochKey, AuditError> {
        self.derive(b"epoch 0", writer.as_bytes()).map(EpochKey)
    }

    pub(crate) fn checkpoint_seed(&self, writer: &WriterId) -> Result<CheckpointSeed, AuditError> {
        self.derive(b"checkpoint seed", writer.as_bytes()).map(CheckpointSeed)
    }

    pub(crate) fn fingerprint_key(&self) -> Result<FingerprintKey, AuditError> {
        self.derive(b"fingerprint", &[]).map(FingerprintKey)
    }

    fn derive(&self, purpose: &[u8], writer: &[u8]) -> Result<Secret, AuditError> {
        derive(self.0.expose(), &[purpose, b"\0", writer])
    }
}

/// 32 secret bytes in one place on the heap, so that moving them leaves no copy.
type Secret = Box<Zeroizing<[u8; 32]>>;

fn derive(secret: &[u8], info: &[&[u8]]) -> Result<Secret, AuditError> {
    let mut out = Box::new(Zeroizing::new([0; 32]));
    crypto::hkdf_sha256(secret, SALT, info, out.as_mut_slice()).map_err(|_| refused())?;
    Ok(out)
}

pub(crate) fn refused() -> AuditError {
    AuditError::configuration("the cryptography refuses to derive the audit log's keys")
}

/// The key of one epoch of one chain.
pub(crate) struct EpochKey(Secret);

impl EpochKey {
    /// The key of the next epoch. Nothing leads back from it.
    pub(crate) fn next(&self) -> Result<Self, AuditError> {
        derive(self.0.as_slice(), &[b"next epoch"]).map(Self)
    }

    /// `HMAC-SHA-256(key, previous || line)`.
    pub(crate) fn digest(&self, previous: &Digest, canonical: &[u8]) -> Digest {
        crypto::hmac_sha256(self.0.as_slice(), &[previous, canonical])
    }
}

/// What a writer's checkpoints are signed with.
pub(crate) struct CheckpointSeed(Secret);

impl CheckpointSeed {
    pub(crate) fn public(&self, writer: WriterId) -> Result<CheckpointKey, AuditError> {
        let public = crypto::ed25519_public(&self.0).map_err(|_| refused())?;
        Ok(CheckpointKey::new(writer, public))
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<[u8; 64], AuditError> {
        crypto::ed25519_sign(&self.0, message).map_err(|_| refused())
    }
}

/// What fingerprints are made with: the same for all writers, so that one token has one fingerprint.
pub(crate) struct FingerprintKey(Secret);

impl FingerprintKey {
    pub(crate) fn fingerprint(&self, token: &[u8]) -> Fingerprint {
        let digest = crypto::hmac_sha256(self.0.as_slice(), &[token]);
        let mut bytes = [0; Fingerprint::BYTES];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = from;
        }
        Fingerprint::from_bytes(bytes)
    }
}

macro_rules! redacted {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    )*};
}
redacted!(EpochKey, CheckpointSeed, FingerprintKey);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_root_writer_epoch_and_purpose() {
        let root = AuditKey::from_slice(&[1; 32]).unwrap();
        let (one, two) = (WriterId::from_bytes([1; 16]), WriterId::from_bytes([2; 16]));
        let digest = |key: &EpochKey| key.digest(&[0; 32], b"x");
        let first = root.first_epoch(&one).unwrap();
        let all = [
            digest(&first),
            digest(&first.next().unwrap()),
            digest(&root.first_epoch(&two).unwrap()),
            digest(&AuditKey::from_slice(&[2; 32]).unwrap().first_epoch(&one).unwrap()),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|b| a != b));
        }
        assert_ne!(root.checkpoint_key(one).unwrap(), root.checkpoint_key(two).unwrap());
        assert_ne!(root.fingerprint(b"a").unwrap(), root.fingerprint(b"b").unwrap());
    }

    #[test]
    fn no_debug_shows_a_key() {
        let root = AuditKey::from_slice(b"canarycanarycanarycanarycanaryca").unwrap();
        let writer = WriterId::from_bytes([1; 16]);
        let shown = format!(
            "{root:?}{:?}{:?}{:?}",
            root.first_epoch(&writer).unwrap(),
            root.checkpoint_seed(&writer).unwrap(),
            root.fingerprint_key().unwrap()
        );
        assert_eq!(
            shown,
            "AuditKey([redacted])EpochKey([redacted])CheckpointSeed([redacted])FingerprintKey([redacted])"
        );
        assert!(AuditKey::from_slice(&[0; 31]).is_none());
    }
}
