//! Checkpoints: signed lines that, kept elsewhere, betray a log that was cut or written anew.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantry_core::Timestamp;

use super::AuditError;
use super::ids::WriterId;
use super::line::{AuditLine, Content, Digest};
use crate::crypto;

/// The most numbers that a checkpoint carries.
pub(crate) const MOST_COUNTS: usize = 64;

/// A line that ends an epoch of a chain and is signed with Ed25519.
///
/// Its digest stands for every line before it. A copy that the log's keeper cannot reach, handed to
/// [`Verifier::has_to_reach`](super::Verifier::has_to_reach), makes it known when lines up to there are gone or differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint(AuditLine);

impl Checkpoint {
    pub(crate) fn from_line(line: &AuditLine) -> Option<Self> {
        matches!(line.parts().content, Content::Checkpoint { .. }).then(|| Self(line.clone()))
    }

    /// The checkpoint of a line of JSON.
    ///
    /// # Errors
    /// [`AuditError::Unreadable`] where it is not one.
    pub fn from_json(text: &str) -> Result<Self, AuditError> {
        let line = AuditLine::from_json(text)?;
        line.checkpoint().ok_or_else(|| AuditError::unreadable("it is not a checkpoint"))
    }

    /// The line that it is.
    pub fn line(&self) -> &AuditLine {
        &self.0
    }

    /// Whose chain it is in.
    pub fn writer(&self) -> WriterId {
        self.0.writer()
    }

    /// Its number in that chain.
    pub fn seq(&self) -> u64 {
        self.0.seq()
    }

    /// When it was written.
    pub fn time(&self) -> Timestamp {
        self.0.time()
    }

    /// How many entries precede it, without the checkpoints among them.
    pub fn entries(&self) -> u64 {
        // Each epoch ends with a checkpoint, and nothing else ends one.
        self.seq().saturating_sub(self.0.parts().place.epoch)
    }

    /// Whether its writer closed the log with it.
    pub fn is_last(&self) -> bool {
        matches!(self.0.parts().content, Content::Checkpoint { last: true, .. })
    }

    /// The numbers that the vault had told by then, by name: counts of records, so that a store that was set back
    /// is noticed.
    pub fn counts(&self) -> impl Iterator<Item = (&str, u64)> {
        let counts = match &self.0.parts().content {
            Content::Checkpoint { counts, .. } => counts.as_slice(),
            _ => &[],
        };
        counts.iter().map(|(name, number)| (name.as_str(), *number))
    }

    pub(crate) fn is_signed_by(&self, key: &CheckpointKey) -> bool {
        let parts = self.0.parts();
        let message = message(&parts.previous, &self.0.canonical(), &parts.digest);
        key.writer == self.writer()
            && parts.signature.is_some_and(|s| crypto::ed25519_verify(&key.public, &message, &s))
    }
}

/// What a checkpoint's signature covers.
pub(crate) fn message(previous: &Digest, canonical: &[u8], digest: &Digest) -> Vec<u8> {
    [b"grantry audit checkpoint 1", previous.as_slice(), digest, canonical].concat()
}

/// The public key of a writer's checkpoints: not secret.
///
/// It verifies signatures without the root key. It does not protect the past from who takes the writer's memory, as
/// the digests do: whoever has the seed signs what he likes.
#[derive(Clone, PartialEq, Eq)]
pub struct CheckpointKey {
    writer: WriterId,
    public: [u8; 32],
}

impl CheckpointKey {
    pub(crate) const fn new(writer: WriterId, public: [u8; 32]) -> Self {
        Self { writer, public }
    }

    /// Whose checkpoints it verifies.
    pub const fn writer(&self) -> WriterId {
        self.writer
    }

    /// The Ed25519 public key.
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }
}

/// `writer.key`, the key in base64url.
impl fmt::Display for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.writer, URL_SAFE_NO_PAD.encode(self.public))
    }
}

impl fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheckpointKey({self})")
    }
}

/// As `Display` writes it.
impl FromStr for CheckpointKey {
    type Err = AuditError;
    fn from_str(text: &str) -> Result<Self, AuditError> {
        let read = || {
            let (writer, public) = text.split_once('.')?;
            let public = URL_SAFE_NO_PAD.decode(public).ok()?.try_into().ok()?;
            Some(Self { writer: writer.parse().ok()?, public })
        };
        read().ok_or_else(|| {
            AuditError::configuration("this is no key of checkpoints: writer, a dot, base64url")
        })
    }
}
