//! Whether a line was written by who holds the key, looked at for itself.

use std::collections::BTreeMap;

use super::key::EpochKey;
use super::line::{AuditLine, Content};
use super::{AuditError, AuditKey, Checkpoint, CheckpointKey, WriterId};
use crate::crypto;

/// How many epochs are derived ahead of those that were seen, so that a line that claims a far one costs no hour.
const AHEAD: u64 = 1 << 20;

/// What a verifier knows to test lines with.
#[derive(Debug)]
pub(crate) enum Trust {
    /// The root: tests everything.
    Root(AuditKey),
    /// Public keys: test the signatures of checkpoints.
    Public(BTreeMap<WriterId, CheckpointKey>),
}

/// What a line looks like, taken for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authenticity {
    /// As it was written, as far as can be told.
    Genuine,
    /// As it was written, but for its signature.
    WrongSignature,
    /// Not as it was written, or not by us.
    Wrong,
}

/// The keys of one writer.
#[derive(Debug)]
pub(crate) enum WriterKeys {
    Derived { epochs: Vec<EpochKey>, checkpoint: CheckpointKey },
    Public(CheckpointKey),
    Unknown,
}

impl Trust {
    pub(crate) fn keys(&self, writer: WriterId) -> WriterKeys {
        match self {
            Self::Root(root) => match (root.first_epoch(&writer), root.checkpoint_key(writer)) {
                (Ok(first), Ok(checkpoint)) => WriterKeys::Derived { epochs: vec![first], checkpoint },
                _ => WriterKeys::Unknown,
            },
            Self::Public(keys) => {
                keys.get(&writer).map_or(WriterKeys::Unknown, |key| WriterKeys::Public(key.clone()))
            }
        }
    }
}

impl WriterKeys {
    /// Whether the digests of lines are tested, not only the signatures.
    pub(crate) fn test_digests(&self) -> bool {
        matches!(self, Self::Derived { .. })
    }

    pub(crate) fn test(&mut self, line: &AuditLine) -> Authenticity {
        let parts = line.parts();
        // An epoch takes at least the checkpoint that ends it.
        if parts.place.epoch > parts.place.seq {
            return Authenticity::Wrong;
        }
        let signed_by = match self {
            Self::Unknown => return Authenticity::Wrong,
            Self::Public(key) => key,
            Self::Derived { epochs, checkpoint } => {
                let digest = match epoch(epochs, parts.place.epoch) {
                    Ok(Some(key)) => key.digest(&parts.previous, &line.canonical()),
                    _ => return Authenticity::Wrong,
                };
                if !crypto::equal(&digest, &parts.digest) {
                    return Authenticity::Wrong;
                }
                checkpoint
            }
        };
        match line.checkpoint() {
            Some(checkpoint) if !checkpoint.is_signed_by(signed_by) => Authenticity::WrongSignature,
            _ => Authenticity::Genuine,
        }
    }

    /// Whether a checkpoint that was kept elsewhere is one of this writer's.
    pub(crate) fn test_kept(&mut self, kept: &Checkpoint) -> bool {
        self.test(kept.line()) == Authenticity::Genuine
    }
}

/// The key of an epoch; `None` where it is too far off.
fn epoch(epochs: &mut Vec<EpochKey>, epoch: u64) -> Result<Option<&EpochKey>, AuditError> {
    let Ok(wanted) = usize::try_from(epoch) else { return Ok(None) };
    if epoch > (epochs.len() as u64).saturating_add(AHEAD) {
        return Ok(None);
    }
    while epochs.len() <= wanted {
        let Some(newest) = epochs.last() else { return Ok(None) };
        let next = newest.next()?;
        epochs.push(next);
    }
    Ok(epochs.get(wanted))
}

/// The epoch that the line after this one belongs to: a checkpoint ends its epoch, and nothing else does.
pub(crate) fn epoch_after(line: &AuditLine) -> u64 {
    let parts = line.parts();
    parts.place.epoch + u64::from(matches!(parts.content, Content::Checkpoint { .. }))
}
