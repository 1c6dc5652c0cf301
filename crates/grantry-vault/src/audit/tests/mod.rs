//! Tests of the whole: what tampering is found, and what a log withstands.

mod files;
mod forward;
mod log;
mod merging;
mod outage;
mod tampering;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use grantry_core::{Clock, CoarseReading, GrantKey, Instant, SystemEntropy, Timestamp};

use super::chain::Chain;
use super::line::Content;
use super::*;

/// A clock that stands still.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Instant {
        Instant::from_nanos(1)
    }
    fn wall(&self) -> Timestamp {
        Timestamp::from_unix_seconds(1_800_000_000)
    }
    fn coarse(&self) -> CoarseReading {
        CoarseReading { monotonic: 1, wall: self.wall() }
    }
}

fn root() -> AuditKey {
    AuditKey::from_slice(&[7; 32]).unwrap()
}

fn intent(principal: &str) -> Intent {
    Intent::new(principal, "token.use")
        .grant(&GrantKey::new("acme", "crm", "user-17").unwrap())
        .kind("access_token")
        .allowed("role_binding")
        .request("r-\"1\"")
}

/// A closed chain: `pairs` intents with their outcomes, a checkpoint after every fourth.
fn chain(root: &AuditKey, writer: u8, pairs: usize, principal: &str) -> Vec<AuditLine> {
    let mut chain = Chain::new(root, WriterId::from_bytes([writer; 16])).unwrap();
    chain.count("grants", 17).unwrap();
    let now = Still.wall();
    let mut lines = vec![chain.open(now)];
    for pair in 1..=pairs {
        let attempt = AttemptId::new(chain.writer(), chain.seq());
        lines.push(chain.add(Content::Intent(intent(principal)), now));
        lines.push(chain.add(Content::Outcome { attempt, outcome: Outcome::failed("invalid_grant") }, now));
        if pair % 4 == 0 {
            lines.push(chain.checkpoint(false, now).unwrap());
        }
    }
    lines.push(chain.checkpoint(true, now).unwrap());
    lines
}

fn texts(lines: &[AuditLine]) -> Vec<String> {
    lines.iter().map(AuditLine::to_json).collect()
}

/// Verifies bytes as those of one file.
fn verify(bytes: &[u8], kept: Option<Checkpoint>) -> Report {
    let mut verifier = Verifier::new(root());
    kept.into_iter().for_each(|kept| verifier.has_to_reach(kept));
    verifier.read("audit.jsonl", bytes).unwrap();
    verifier.finish()
}

fn joined(texts: &[String]) -> Vec<u8> {
    texts.iter().flat_map(|text| [text.as_bytes(), b"\n"].concat()).collect()
}

/// The first break's kind and line.
fn first(report: &Report) -> Option<(BreakKind, Option<u64>)> {
    report.first_break().map(|found| (found.kind, found.at.as_ref().map(|at| at.line)))
}

fn builder() -> AuditLogBuilder {
    AuditLog::builder(root(), Arc::new(Still), Arc::new(SystemEntropy))
}

/// What a sink does with its next batch.
#[derive(Debug, Clone, Copy)]
enum Act {
    Take,
    /// Writes so many of the lines, and tells an error.
    Fail(usize),
    /// Writes all, and never answers.
    Hang,
    Panic,
}

/// A sink in memory that does as it is told.
#[derive(Debug)]
struct Scripted {
    acts: Mutex<Vec<Act>>,
    then: Mutex<Act>,
    batches: Mutex<Vec<Vec<AuditLine>>>,
}

impl Scripted {
    /// The acts come from the end of the list; after the last comes `then`.
    fn new(acts: Vec<Act>, then: Act) -> Arc<Self> {
        Arc::new(Self { acts: Mutex::new(acts), then: Mutex::new(then), batches: Mutex::default() })
    }

    fn then(&self, act: Act) {
        *self.then.lock().unwrap() = act;
    }

    fn lines(&self) -> Vec<AuditLine> {
        self.batches.lock().unwrap().concat()
    }
}

#[async_trait]
impl AuditSink for Scripted {
    fn is_durable(&self) -> bool {
        true
    }

    async fn append(&self, batch: &[AuditLine]) -> Result<(), AuditError> {
        let act = self.acts.lock().unwrap().pop();
        let act = act.unwrap_or_else(|| *self.then.lock().unwrap());
        let written = match act {
            Act::Fail(lines) => lines.min(batch.len()),
            Act::Panic => panic!("as told"),
            Act::Take | Act::Hang => batch.len(),
        };
        self.batches.lock().unwrap().push(batch.iter().take(written).cloned().collect());
        match act {
            Act::Take => Ok(()),
            Act::Hang => std::future::pending().await,
            _ => Err(AuditError::unavailable("as told")),
        }
    }
}
