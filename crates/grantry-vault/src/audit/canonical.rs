//! The bytes that a line's digest covers: each field with its length before it, so that no two lines give the same.

use super::entry::{Ended, Intent, Verdict};
use super::line::{Content, Place};

/// What the bytes are for, and their version.
const LABEL: &str = "grantry audit line 1";

/// The canonical bytes of a line, without its digests.
pub(crate) fn line(place: &Place, content: &Content) -> Vec<u8> {
    let mut bytes = Canonical(Vec::with_capacity(512));
    bytes.text(LABEL);
    bytes.raw(place.writer.as_bytes());
    bytes.raw(&place.seq.to_be_bytes());
    bytes.raw(&place.epoch.to_be_bytes());
    bytes.raw(&place.time.as_unix_nanos().to_be_bytes());
    match content {
        Content::Opening { public } => {
            bytes.byte(0);
            bytes.raw(public);
        }
        Content::Intent(intent) => {
            bytes.byte(1);
            bytes.intent(intent);
        }
        Content::Outcome { attempt, outcome } => {
            bytes.byte(2);
            bytes.raw(attempt.writer().as_bytes());
            bytes.raw(&attempt.seq().to_be_bytes());
            match &outcome.0 {
                Ended::Ok => bytes.byte(0),
                Ended::Failed(kind) => {
                    bytes.byte(1);
                    bytes.text(kind.as_str());
                }
                Ended::Unknown => bytes.byte(2),
            }
        }
        Content::Checkpoint { last, counts } => {
            bytes.byte(3);
            bytes.byte(u8::from(*last));
            bytes.length(counts.len());
            for (name, number) in counts {
                bytes.text(name.as_str());
                bytes.raw(&number.to_be_bytes());
            }
        }
    }
    bytes.0
}

struct Canonical(Vec<u8>);

impl Canonical {
    fn intent(&mut self, intent: &Intent) {
        self.text(intent.principal.as_str());
        self.text(intent.action.as_str());
        self.optional(intent.tenant.as_ref().map(|t| t.as_str()));
        self.optional(intent.service.as_ref().map(|s| s.as_str()));
        self.optional(intent.account.as_ref().map(|a| a.as_str()));
        self.optional(intent.kind.as_ref().map(|k| k.as_str()));
        self.byte(u8::from(intent.decision.verdict == Verdict::Allow));
        self.text(intent.decision.reason.as_str());
        self.optional(intent.request.as_ref().map(|r| r.as_str()));
        self.byte(u8::from(intent.fingerprint.is_some()));
        if let Some(fingerprint) = &intent.fingerprint {
            self.raw(fingerprint.as_bytes());
        }
    }

    /// Whether there is one is a byte of its own: no text and an empty one are two things.
    fn optional(&mut self, text: Option<&str>) {
        self.byte(u8::from(text.is_some()));
        if let Some(text) = text {
            self.text(text);
        }
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.raw(text.as_bytes());
    }

    /// Lengths take eight bytes, so that none has to be cut.
    fn length(&mut self, length: usize) {
        self.raw(&(length as u64).to_be_bytes());
    }

    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}
