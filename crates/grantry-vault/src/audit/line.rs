//! A line of an audit log: what was recorded, its place in its writer's chain, and the digests that bind both.

use std::fmt;
use std::sync::Arc;

use grantry_core::{TenantId, Timestamp};

use super::checkpoint::Checkpoint;
use super::entry::{Intent, Outcome};
use super::ids::{AttemptId, WriterId};
use super::text::Text;
use super::{AuditError, canonical, line_json};

/// The bytes of a line's digest.
pub(crate) type Digest = [u8; 32];

/// What stands before the first line of a chain.
pub(crate) const BEGINNING: Digest = [0; 32];

/// One line of an audit log, as it is handed to the sinks. Clones share it.
///
/// [`to_json`](AuditLine::to_json) writes it in one way only; a sink keeps that text, or any form that gives back the
/// same. It holds no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct AuditLine(Arc<Parts>);

/// A line's parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) place: Place,
    pub(crate) content: Content,
    /// The digest of the line before it in the chain.
    pub(crate) previous: Digest,
    pub(crate) digest: Digest,
    /// Checkpoints only.
    pub(crate) signature: Option<[u8; 64]>,
}

/// Where and when a line was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) writer: WriterId,
    pub(crate) seq: u64,
    pub(crate) epoch: u64,
    pub(crate) time: Timestamp,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// The first line of each chain, with the key that its checkpoints are signed with.
    Opening { public: [u8; 32] },
    /// Before a secret is released.
    Intent(Intent),
    /// After.
    Outcome { attempt: AttemptId, outcome: Outcome },
    /// The last line of each epoch, signed.
    Checkpoint { last: bool, counts: Vec<(Text, u64)> },
}

impl AuditLine {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0
    }

    /// Whose chain it is in.
    pub fn writer(&self) -> WriterId {
        self.0.place.writer
    }

    /// Its number in that chain, from zero. Writer and number name a line.
    pub fn seq(&self) -> u64 {
        self.0.place.seq
    }

    /// When it was written, by the wall clock that the log was given.
    pub fn time(&self) -> Timestamp {
        self.0.place.time
    }

    /// Which kind of line it is: `opening`, `intent`, `outcome` or `checkpoint`.
    pub fn stage(&self) -> &'static str {
        match self.0.content {
            Content::Opening { .. } => "opening",
            Content::Intent(_) => "intent",
            Content::Outcome { .. } => "outcome",
            Content::Checkpoint { .. } => "checkpoint",
        }
    }

    /// Whose vault an intent concerns, if anybody's.
    pub fn tenant(&self) -> Option<&TenantId> {
        self.intent()?.tenant.as_ref()
    }

    /// Who intends it, if it is an intent.
    pub fn principal(&self) -> Option<&str> {
        Some(self.intent()?.principal.as_str())
    }

    /// What is intended, if it is an intent.
    pub fn action(&self) -> Option<&str> {
        Some(self.intent()?.action.as_str())
    }

    /// The checkpoint that it is, if it is one: worth keeping elsewhere.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        Checkpoint::from_line(self)
    }

    /// The line as JSON, without the newline at its end.
    pub fn to_json(&self) -> String {
        line_json::write(&self.0)
    }

    /// The line of a JSON text, without its newline. Nothing is verified yet.
    ///
    /// # Errors
    /// [`AuditError::Unreadable`] for every text that [`to_json`](AuditLine::to_json) does not write.
    pub fn from_json(text: &str) -> Result<Self, AuditError> {
        line_json::read(text).map(Self::new)
    }

    fn intent(&self) -> Option<&Intent> {
        match &self.0.content {
            Content::Intent(intent) => Some(intent),
            _ => None,
        }
    }

    /// What the digest covers besides the digest before it.
    pub(crate) fn canonical(&self) -> Vec<u8> {
        canonical::line(&self.0.place, &self.0.content)
    }
}

impl fmt::Debug for AuditLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLine")
            .field("writer", &self.0.place.writer)
            .field("seq", &self.0.place.seq)
            .field("content", &self.0.content)
            .finish_non_exhaustive()
    }
}
