//! The order of one writer's lines in one source.

use super::WriterId;
use super::findings::{Findings, Position};
use super::report::BreakKind;

/// Where a verifier is in one writer's lines of one source.
///
/// A writer writes its lines in order. When an answer is lost it writes a run of them again, the same bytes: it goes back
/// and then on, line by line, past where it had been. So to go back is no break, but to leap from there is: then the line
/// that went back was put in.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    source: usize,
    /// The number that comes next, once there was a line.
    next: Option<u64>,
    /// One after the highest number in this source.
    high: u64,
    /// Where it last went back.
    back: Option<(Position, u64)>,
    /// Breaks since the last genuine line: lines that are not genuine.
    suspects: Vec<usize>,
    gaps: Vec<Gap>,
    /// Whether the last line is on another branch than the one that was seen first.
    pub(crate) forked: bool,
}

#[derive(Debug)]
struct Gap {
    first: u64,
    last: u64,
    found: usize,
}

impl Walk {
    /// Begins anew where the source is another one.
    pub(crate) fn enter(&mut self, source: usize) {
        if self.source != source {
            *self = Self { source, ..Self::default() };
        }
    }

    /// A line that is not genuine stands here.
    pub(crate) fn suspect(&mut self, found: usize) {
        self.suspects.push(found);
    }

    /// A genuine line comes; `end` is how far the chain is known from all sources.
    pub(crate) fn step(
        &mut self,
        writer: WriterId,
        seq: u64,
        end: u64,
        at: &Position,
        findings: &mut Findings,
    ) {
        // Gaps are found in the order of their numbers, and do not overlap.
        let gap = self.gaps.partition_point(|gap| gap.last < seq);
        if let Some(gap) = self.gaps.get(gap).filter(|gap| gap.first <= seq) {
            findings.turned(gap.found, BreakKind::Reordered);
            return;
        }
        let suspects = std::mem::take(&mut self.suspects);
        // A source may begin anywhere in what is known: the next file, or a copy from another sink.
        let (next, high) = match self.next {
            Some(next) => (next, self.high),
            None if seq >= end => (end, end),
            None => (seq, seq),
        };
        if self.next.is_some() || seq >= end {
            for found in &suspects {
                // What is not genuine stands for the line that is missing, or was put in where none is.
                let kind = if seq <= next { BreakKind::Inserted } else { BreakKind::Edited };
                findings.turned(*found, kind);
            }
        }
        if seq > next {
            let explained = next.max(high).saturating_add(suspects.len() as u64);
            if seq > explained {
                let found = findings.missing(at, writer, explained, seq - 1);
                self.gaps.push(Gap { first: explained, last: seq - 1, found });
            } else if let (true, Some((position, seq))) = (seq <= high, self.back.take()) {
                findings.found(BreakKind::Inserted, &position, writer, seq);
            }
        } else if seq < next {
            self.back = Some((at.clone(), seq));
        }
        self.next = Some(seq.saturating_add(1));
        self.high = high.max(seq.saturating_add(1));
    }
}
