//! One writer's chain, as far as a verifier has seen it.

use std::collections::HashMap;

use super::WriterId;
use super::authenticity::{Authenticity, WriterKeys, epoch_after};
use super::findings::{Findings, Position};
use super::line::{AuditLine, BEGINNING, Content, Digest};
use super::report::{BreakKind, WriterSummary};
use super::walk::Walk;

/// What is known of one chain. It takes about 60 bytes for each line.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) keys: WriterKeys,
    seen: HashMap<u64, Seen>,
    /// One after the last line that was seen.
    end: u64,
    summary: WriterSummary,
    walk: Walk,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    digest: Digest,
    epoch_after: u64,
}

impl Examined {
    pub(crate) fn new(keys: WriterKeys) -> Self {
        Self { keys, seen: HashMap::new(), end: 0, summary: WriterSummary::default(), walk: Walk::default() }
    }

    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    pub(crate) fn digest(&self, seq: u64) -> Option<&Digest> {
        self.seen.get(&seq).map(|seen| &seen.digest)
    }

    /// `None` for a writer of whom there is not one genuine line.
    pub(crate) fn summary(&self) -> Option<WriterSummary> {
        (!self.seen.is_empty()).then_some(self.summary)
    }

    /// Takes the next line of a source. Whether it is genuine and was not there before.
    pub(crate) fn examine(&mut self, line: &AuditLine, at: &Position, findings: &mut Findings) -> bool {
        self.walk.enter(at.source);
        let (writer, seq) = (line.writer(), line.seq());
        match self.test(line) {
            Authenticity::Genuine => {}
            Authenticity::WrongSignature => {
                findings.found(BreakKind::Signature, at, writer, seq);
            }
            Authenticity::Wrong => {
                // Of an unknown writer nobody can tell whether it ever was genuine, until its next line comes.
                let kind = if self.seen.is_empty() { BreakKind::Foreign } else { BreakKind::Edited };
                let found = findings.found(kind, at, writer, seq);
                self.walk.suspect(found);
                return false;
            }
        }
        self.walk.step(writer, seq, self.end, at, findings);
        self.link(line, at, findings)
    }

    fn test(&mut self, line: &AuditLine) -> Authenticity {
        let parts = line.parts();
        let opening = parts.place.seq == 0;
        if opening != matches!(parts.content, Content::Opening { .. }) {
            return Authenticity::Wrong;
        }
        if opening && parts.previous != BEGINNING {
            return Authenticity::Wrong;
        }
        // Whoever took a later key could write a line right after an earlier epoch's, were its end not attested.
        let before = parts.place.seq.checked_sub(1).and_then(|seq| self.seen.get(&seq));
        if before.is_some_and(|b| b.digest == parts.previous && b.epoch_after != parts.place.epoch) {
            return Authenticity::Wrong;
        }
        self.keys.test(line)
    }

    /// Compares a genuine line with its neighbours, and keeps what the next ones are compared with.
    fn link(&mut self, line: &AuditLine, at: &Position, findings: &mut Findings) -> bool {
        let (writer, parts) = (line.writer(), line.parts());
        let seq = parts.place.seq;
        let before = seq.checked_sub(1).and_then(|seq| self.seen.get(&seq));
        let known = self.seen.get(&seq);
        let continues = before.is_none_or(|before| before.digest == parts.previous);
        let repeats = known.is_none_or(|known| known.digest == parts.digest);
        if continues && repeats {
            self.walk.forked = false;
        } else if !std::mem::replace(&mut self.walk.forked, true) {
            // Once for each branch. Without digests an edit looks the same as a fork.
            let kind = if self.keys.test_digests() { BreakKind::Forked } else { BreakKind::Unlinked };
            findings.found(kind, at, writer, seq);
        }
        if known.is_some() {
            findings.repeated += u64::from(repeats);
            return false;
        }
        self.seen.insert(seq, Seen { digest: parts.digest, epoch_after: epoch_after(line) });
        self.count(line);
        true
    }

    fn count(&mut self, line: &AuditLine) {
        let summary = &mut self.summary;
        summary.lines += 1;
        match &line.parts().content {
            Content::Opening { .. } => {}
            Content::Intent(intent) if intent.is_allowed() => summary.allowed += 1,
            Content::Intent(_) => summary.denied += 1,
            Content::Outcome { .. } => summary.outcomes += 1,
            Content::Checkpoint { .. } => summary.checkpoints += 1,
        }
        if line.seq() >= self.end {
            self.end = line.seq().saturating_add(1);
            summary.closed = matches!(line.parts().content, Content::Checkpoint { last: true, .. });
        }
    }
}

/// Tells one writer's lines in a kept checkpoint from what was read.
pub(crate) fn compare_kept(
    examined: Option<&mut Examined>,
    writer: WriterId,
    kept: &super::Checkpoint,
    findings: &mut Findings,
) {
    let Some(examined) = examined else {
        findings.known(BreakKind::Truncated, writer, 0, kept.seq());
        return;
    };
    if !examined.keys.test_kept(kept) {
        findings.known(BreakKind::Signature, writer, kept.seq(), kept.seq());
    } else if examined.end() <= kept.seq() {
        findings.known(BreakKind::Truncated, writer, examined.end(), kept.seq());
    } else if examined.digest(kept.seq()).is_some_and(|digest| *digest != kept.line().parts().digest) {
        findings.known(BreakKind::Forked, writer, kept.seq(), kept.seq());
    }
}
