//! One writer's chain: each line bound to the one before it, under keys that are forgotten epoch by epoch.

use std::collections::BTreeMap;

use grantry_core::Timestamp;

use super::checkpoint::{CheckpointKey, MOST_COUNTS, message};
use super::ids::WriterId;
use super::key::{CheckpointSeed, EpochKey};
use super::line::{AuditLine, BEGINNING, Content, Digest, Parts, Place};
use super::text::Text;
use super::{AuditError, AuditKey, canonical};

/// The end of a chain, where lines are added.
///
/// An epoch ends with a checkpoint and with nothing else. So its end is attested under its own key: whoever takes the
/// key of a later epoch can neither change a line of it nor leave its last lines out.
#[derive(Debug)]
pub(crate) struct Chain {
    writer: WriterId,
    seq: u64,
    epoch: u64,
    key: EpochKey,
    /// Made ahead, so that adding a line cannot fail half way.
    next_key: EpochKey,
    seed: CheckpointSeed,
    public: CheckpointKey,
    previous: Digest,
    since_checkpoint: u64,
    counts: BTreeMap<String, (Text, u64)>,
}

impl Chain {
    /// The beginning of a chain. The root key is not kept.
    pub(crate) fn new(root: &AuditKey, writer: WriterId) -> Result<Self, AuditError> {
        let key = root.first_epoch(&writer)?;
        let seed = root.checkpoint_seed(&writer)?;
        Ok(Self {
            writer,
            seq: 0,
            epoch: 0,
            next_key: key.next()?,
            key,
            public: seed.public(writer)?,
            seed,
            previous: BEGINNING,
            since_checkpoint: 0,
            counts: BTreeMap::new(),
        })
    }

    /// The first line, which says that a chain begins and which key its checkpoints are signed with.
    pub(crate) fn open(&mut self, time: Timestamp) -> AuditLine {
        let public = *self.public.public();
        self.add(Content::Opening { public }, time)
    }

    pub(crate) fn writer(&self) -> WriterId {
        self.writer
    }

    pub(crate) fn checkpoint_key(&self) -> &CheckpointKey {
        &self.public
    }

    /// The number of the next line.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    /// The lines since the last checkpoint, or since the chain's first line.
    pub(crate) fn since_checkpoint(&self) -> u64 {
        self.since_checkpoint
    }

    /// A number that the next checkpoints carry. There is room for 64 names.
    pub(crate) fn count(&mut self, name: &str, number: u64) -> Result<(), AuditError> {
        let name = Text::new(name);
        if self.counts.len() >= MOST_COUNTS && !self.counts.contains_key(name.as_str()) {
            return Err(AuditError::configuration("a checkpoint carries at most 64 numbers; tell fewer"));
        }
        self.counts.insert(name.as_str().to_owned(), (name, number));
        Ok(())
    }

    /// Adds a line.
    pub(crate) fn add(&mut self, content: Content, time: Timestamp) -> AuditLine {
        let place = self.place(time);
        let digest = self.key.digest(&self.previous, &canonical::line(&place, &content));
        self.since_checkpoint += 1;
        self.advance(Parts { place, content, previous: self.previous, digest, signature: None })
    }

    /// Adds a checkpoint, and forgets the key of the epoch that it ends.
    ///
    /// On an error nothing has changed.
    pub(crate) fn checkpoint(&mut self, last: bool, time: Timestamp) -> Result<AuditLine, AuditError> {
        let after_next = self.next_key.next()?;
        let place = self.place(time);
        let content = Content::Checkpoint { last, counts: self.counts.values().cloned().collect() };
        let bytes = canonical::line(&place, &content);
        let digest = self.key.digest(&self.previous, &bytes);
        let signature = Some(self.seed.sign(&message(&self.previous, &bytes, &digest))?);
        // The old key is zeroized as it is dropped.
        self.key = std::mem::replace(&mut self.next_key, after_next);
        self.epoch += 1;
        self.since_checkpoint = 0;
        Ok(self.advance(Parts { place, content, previous: self.previous, digest, signature }))
    }

    fn place(&self, time: Timestamp) -> Place {
        Place { writer: self.writer, seq: self.seq, epoch: self.epoch, time }
    }

    fn advance(&mut self, parts: Parts) -> AuditLine {
        self.previous = parts.digest;
        self.seq += 1;
        AuditLine::new(parts)
    }
}
