//! What a verification found.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use grantry_core::Timestamp;

use super::{AttemptId, AuditLine, WriterId};

/// What a [`Verifier`](super::Verifier) found.
#[derive(Debug, Clone)]
pub struct Report {
    pub(crate) breaks: Vec<Break>,
    pub(crate) writers: BTreeMap<WriterId, WriterSummary>,
    pub(crate) orphans: Vec<Orphan>,
    pub(crate) stray: Vec<AttemptId>,
    pub(crate) torn: Vec<At>,
    pub(crate) repeated: u64,
    pub(crate) unlisted: u64,
}

impl Report {
    /// Whether nothing is broken. Orphans and torn ends break nothing: a crash leaves both.
    pub fn is_intact(&self) -> bool {
        self.breaks.is_empty()
    }

    /// The first bad place, in the order in which the lines were read.
    pub fn first_break(&self) -> Option<&Break> {
        self.breaks.first()
    }

    /// Every bad place, 10,000 at most. What follows the first may be its consequence.
    pub fn breaks(&self) -> &[Break] {
        &self.breaks
    }

    /// How many bad places there are besides.
    pub fn unlisted_breaks(&self) -> u64 {
        self.unlisted
    }

    /// What each writer wrote.
    pub fn writers(&self) -> impl Iterator<Item = (WriterId, &WriterSummary)> {
        self.writers.iter().map(|(writer, summary)| (*writer, summary))
    }

    /// Allowed intents without an outcome: the process died in between, or works on it still. Nobody knows whether the
    /// secret was released.
    pub fn orphans(&self) -> &[Orphan] {
        &self.orphans
    }

    /// Outcomes whose intent was not among the lines: that of a writer whose lines were not read.
    pub fn stray_outcomes(&self) -> &[AttemptId] {
        &self.stray
    }

    /// Where a source ends in the middle of a line, as after a crash.
    pub fn torn(&self) -> &[At] {
        &self.torn
    }

    /// Lines that repeat an earlier one exactly: batches that were written again, or copies from another sink.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }
}

/// A place where the log is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Break {
    /// What happened there.
    pub kind: BreakKind,
    /// Where it was noticed; `None` for what is only known from a checkpoint that was kept elsewhere.
    pub at: Option<At>,
    /// Whose chain is broken, where the line tells.
    pub writer: Option<WriterId>,
    /// The line of the chain, as it calls itself. Of lines that are not there: the first.
    pub seq: Option<u64>,
    /// Of lines that are not there: the last, where that is known.
    pub through: Option<u64>,
    pub(crate) order: (usize, u64),
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{at}: ")?;
        }
        write!(f, "{}", self.kind)?;
        if let Some(writer) = self.writer {
            write!(f, "; writer {writer}")?;
        }
        match (self.seq, self.through) {
            (Some(seq), Some(through)) if through > seq => write!(f, ", lines {seq} to {through}"),
            (Some(seq), _) => write!(f, ", line {seq}"),
            _ => Ok(()),
        }
    }
}

/// A line of something that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct At {
    /// The name that it was given.
    pub source: Arc<str>,
    /// The line's number in it, from one.
    pub line: u64,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source, self.line)
    }
}

/// What happened to a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BreakKind {
    /// A text that is no line.
    Unreadable,
    /// A line by nobody who has the key.
    Foreign,
    /// A line that is not as it was written.
    Edited,
    /// Lines are gone: later ones of the chain are there.
    Missing,
    /// A line that was put in, be it a copy.
    Inserted,
    /// Lines are in another order.
    Reordered,
    /// The end of a chain is gone, up to a checkpoint that was kept elsewhere.
    Truncated,
    /// A chain goes on in two ways: its writer was run twice from one image, or its keys were taken.
    Forked,
    /// A checkpoint's signature is wrong.
    Signature,
    /// A line does not continue the one before it. Only without the root key, which tells more.
    Unlinked,
    /// An outcome of an attempt that has another one, or that was denied and so has none: who wrote it held a key.
    SecondOutcome,
}

impl fmt::Display for BreakKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "this is no line of an audit log",
            Self::Foreign => "this was not written with the key",
            Self::Edited => "this is not as it was written",
            Self::Missing => "lines are missing before this",
            Self::Inserted => "this was put in",
            Self::Reordered => "lines are in another order",
            Self::Truncated => "the end of a chain is missing",
            Self::Forked => "a chain goes on in two ways",
            Self::Signature => "the signature of this checkpoint is wrong",
            Self::Unlinked => "this does not continue the line before it",
            Self::SecondOutcome => "this is one outcome too many of its attempt",
        })
    }
}

/// What one writer wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriterSummary {
    /// Lines, each counted once.
    pub lines: u64,
    /// Intents that were allowed.
    pub allowed: u64,
    /// Intents that were denied.
    pub denied: u64,
    /// Outcomes.
    pub outcomes: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Whether its newest line is the checkpoint of an orderly end. If not, it runs, it crashed, or its end was cut:
    /// only a checkpoint that was kept elsewhere tells the last from the others.
    pub closed: bool,
}

/// An allowed intent without an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Orphan {
    /// The attempt.
    pub attempt: AttemptId,
    /// When the intent was written.
    pub time: Timestamp,
    /// The intent's line.
    pub line: AuditLine,
}
