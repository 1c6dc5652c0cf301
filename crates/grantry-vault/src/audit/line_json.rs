//! Lines as JSON: one object on one line, its fields always in the same order.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantry_core::{AccountId, ServiceName, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use super::AuditError;
use super::checkpoint::MOST_COUNTS;
use super::entry::{Decision, Ended, Intent, Outcome, Verdict};
use super::ids::Fingerprint;
use super::line::{Content, Parts, Place};
use super::text::Text;

/// The version of the form.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineJson<'a> {
    v: u32,
    writer: String,
    seq: u64,
    epoch: u64,
    time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    opening: Option<OpeningJson>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    intent: Option<IntentJson<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    outcome: Option<OutcomeJson<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    checkpoint: Option<CheckpointJson<'a>>,
    previous: String,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OpeningJson {
    public: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IntentJson<'a> {
    #[serde(borrow)]
    principal: Cow<'a, str>,
    action: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Cow<'a, str>>,
    decision: VerdictJson,
    reason: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum VerdictJson {
    Allow,
    Deny,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutcomeJson<'a> {
    attempt: String,
    ended: EndedJson,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    kind: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EndedJson {
    Ok,
    Failed,
    Unknown,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointJson<'a> {
    last: bool,
    #[serde(borrow)]
    counts: Vec<(Cow<'a, str>, u64)>,
}

/// The one text of a line.
pub(crate) fn write(parts: &Parts) -> String {
    let Parts { place, content, previous, digest, signature } = parts;
    let mut line = LineJson {
        v: VERSION,
        writer: place.writer.to_string(),
        seq: place.seq,
        epoch: place.epoch,
        time: place.time.as_unix_nanos(),
        opening: None,
        intent: None,
        outcome: None,
        checkpoint: None,
        previous: encode(previous),
        digest: encode(digest),
        signature: signature.as_ref().map(|s| encode(s)),
    };
    match content {
        Content::Opening { public } => line.opening = Some(OpeningJson { public: encode(public) }),
        Content::Intent(intent) => line.intent = Some(write_intent(intent)),
        Content::Outcome { attempt, outcome } => {
            let (ended, kind) = match &outcome.0 {
                Ended::Ok => (EndedJson::Ok, None),
                Ended::Failed(kind) => (EndedJson::Failed, Some(kind.as_str().into())),
                Ended::Unknown => (EndedJson::Unknown, None),
            };
            line.outcome = Some(OutcomeJson { attempt: attempt.to_string(), ended, kind });
        }
        Content::Checkpoint { last, counts } => {
            let counts = counts.iter().map(|(name, number)| (name.as_str().into(), *number)).collect();
            line.checkpoint = Some(CheckpointJson { last: *last, counts });
        }
    }
    // Texts, numbers and lists: there is nothing in it that JSON cannot say.
    serde_json::to_string(&line).unwrap_or_default()
}

fn write_intent(intent: &Intent) -> IntentJson<'_> {
    let text = |text: &Option<Text>| text.as_ref().map(|t| Cow::Owned(t.as_str().to_owned()));
    IntentJson {
        principal: intent.principal.as_str().into(),
        action: intent.action.as_str().into(),
        tenant: intent.tenant.as_ref().map(|t| t.as_str().into()),
        service: intent.service.as_ref().map(|s| s.as_str().into()),
        account: intent.account.as_ref().map(|a| a.as_str().into()),
        kind: text(&intent.kind),
        decision: match intent.decision.verdict {
            Verdict::Allow => VerdictJson::Allow,
            Verdict::Deny => VerdictJson::Deny,
        },
        reason: intent.decision.reason.as_str().into(),
        request: text(&intent.request),
        fingerprint: intent.fingerprint.as_ref().map(|f| encode(f.as_bytes())),
    }
}

/// The line of a text, if it is the one text of that line.
pub(crate) fn read(text: &str) -> Result<Parts, AuditError> {
    let line: LineJson<'_> =
        serde_json::from_str(text).map_err(|_| AuditError::unreadable("it is not the JSON of a line"))?;
    let parts = parts(line).ok_or_else(|| AuditError::unreadable("a field does not have its form"))?;
    // A digest covers what is said, not how: another order, a blank or another escape would slip through.
    if write(&parts) == text { Ok(parts) } else { Err(AuditError::unreadable("it is not written as we do")) }
}

fn parts(line: LineJson<'_>) -> Option<Parts> {
    if line.v != VERSION {
        return None;
    }
    let content = match (line.opening, line.intent, line.outcome, line.checkpoint) {
        (Some(opening), None, None, None) => Content::Opening { public: decode(&opening.public)? },
        (None, Some(intent), None, None) => Content::Intent(read_intent(intent)?),
        (None, None, Some(outcome), None) => Content::Outcome {
            attempt: outcome.attempt.parse().ok()?,
            outcome: Outcome(match (outcome.ended, outcome.kind) {
                (EndedJson::Ok, None) => Ended::Ok,
                (EndedJson::Failed, Some(kind)) => Ended::Failed(Text::read(&kind)?),
                (EndedJson::Unknown, None) => Ended::Unknown,
                _ => return None,
            }),
        },
        (None, None, None, Some(checkpoint)) if checkpoint.counts.len() <= MOST_COUNTS => {
            let count = |(name, number): (Cow<'_, str>, u64)| Some((Text::read(&name)?, number));
            let counts = checkpoint.counts.into_iter().map(count).collect::<Option<_>>()?;
            Content::Checkpoint { last: checkpoint.last, counts }
        }
        _ => return None,
    };
    let signature = match line.signature {
        Some(signature) => Some(decode(&signature)?),
        None => None,
    };
    // Checkpoints are signed, and nothing else is.
    if signature.is_some() != matches!(content, Content::Checkpoint { .. }) {
        return None;
    }
    let time = Timestamp::from_unix_nanos(line.time);
    let place = Place { writer: line.writer.parse().ok()?, seq: line.seq, epoch: line.epoch, time };
    Some(Parts {
        place,
        content,
        previous: decode(&line.previous)?,
        digest: decode(&line.digest)?,
        signature,
    })
}

fn read_intent(intent: IntentJson<'_>) -> Option<Intent> {
    Some(Intent {
        principal: Text::read(&intent.principal)?,
        action: Text::read(&intent.action)?,
        tenant: optional(intent.tenant, |t| TenantId::new(t).ok())?,
        service: optional(intent.service, |s| ServiceName::new(s).ok())?,
        account: optional(intent.account, |a| AccountId::new(a).ok())?,
        kind: optional(intent.kind, |k| Text::read(&k))?,
        decision: Decision {
            verdict: match intent.decision {
                VerdictJson::Allow => Verdict::Allow,
                VerdictJson::Deny => Verdict::Deny,
            },
            reason: Text::read(&intent.reason)?,
        },
        request: optional(intent.request, |r| Text::read(&r))?,
        fingerprint: optional(intent.fingerprint, |f| decode(&f).map(Fingerprint::from_bytes))?,
    })
}

/// `None` where there is a value that does not have its form.
fn optional<T, U>(value: Option<T>, read: impl FnOnce(T) -> Option<U>) -> Option<Option<U>> {
    match value {
        Some(value) => read(value).map(Some),
        None => Some(None),
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}
