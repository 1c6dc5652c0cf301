//! What a verification has found so far.

use std::sync::Arc;

use super::WriterId;
use super::report::{At, Break, BreakKind};

/// The most breaks that are listed, so that a file of garbage costs no memory.
const MOST: usize = 10_000;

/// A line of a source, while it is read.
#[derive(Debug, Clone)]
pub(crate) struct Position {
    /// Sources are told apart by number; two may have one name.
    pub(crate) source: usize,
    pub(crate) name: Arc<str>,
    pub(crate) line: u64,
}

impl Position {
    pub(crate) fn at(&self) -> At {
        At { source: Arc::clone(&self.name), line: self.line }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Findings {
    breaks: Vec<Break>,
    pub(crate) unlisted: u64,
    pub(crate) repeated: u64,
}

impl Findings {
    /// Something is wrong with a line.
    pub(crate) fn found(&mut self, kind: BreakKind, at: &Position, writer: WriterId, seq: u64) -> usize {
        self.push(kind, Some(at), Some(writer), Some(seq), None)
    }

    /// A text is no line.
    pub(crate) fn unreadable(&mut self, at: &Position) {
        self.push(BreakKind::Unreadable, Some(at), None, None, None);
    }

    /// Lines are missing before a line.
    pub(crate) fn missing(&mut self, at: &Position, writer: WriterId, first: u64, last: u64) -> usize {
        self.push(BreakKind::Missing, Some(at), Some(writer), Some(first), Some(last))
    }

    /// Something is wrong that no line shows, but a checkpoint that was kept elsewhere.
    pub(crate) fn known(&mut self, kind: BreakKind, writer: WriterId, first: u64, last: u64) {
        self.push(kind, None, Some(writer), Some(first), Some(last));
    }

    /// What was found turns out to be something else.
    pub(crate) fn turned(&mut self, found: usize, kind: BreakKind) {
        if let Some(found) = self.breaks.get_mut(found) {
            found.kind = kind;
        }
    }

    /// All of it, in the order of the lines.
    pub(crate) fn into_breaks(mut self) -> Vec<Break> {
        self.breaks.sort_by_key(|found| found.order);
        self.breaks
    }

    fn push(
        &mut self,
        kind: BreakKind,
        at: Option<&Position>,
        writer: Option<WriterId>,
        seq: Option<u64>,
        through: Option<u64>,
    ) -> usize {
        if self.breaks.len() == MOST {
            self.unlisted += 1;
            return MOST;
        }
        let order = at.map_or((usize::MAX, u64::MAX), |at| (at.source, at.line));
        self.breaks.push(Break { kind, at: at.map(Position::at), writer, seq, through, order });
        self.breaks.len() - 1
    }
}
