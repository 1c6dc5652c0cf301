//! The audit log: who did what with which credential, in a form that betrays every change.
//!
//! | to | read |
//! |---|---|
//! | record | [`AuditLog`], [`Intent`], [`Outcome`] |
//! | choose where it goes, or write a sink | [`JsonLines`], [`Traced`], [`MemorySink`], [`AuditSink`] |
//! | verify it | [`Verifier`], [`Report`] |
//! | read files of it | [`JsonLines::files`], [`Lines`] |
//! | keep what betrays a log that was cut | [`Checkpoint`] |
//!
//! # How it holds
//!
//! Each process is a writer with a chain of its own: `digest = HMAC-SHA-256(K, previous digest || line)`. An epoch ends
//! with a checkpoint (256 lines or 60 seconds); with it the key is replaced by one derived from it and erased. So a thief
//! of the process's memory can change the lines of the running epoch, and no earlier one, nor leave out an earlier
//! epoch's end. The root key, which verifies, is not in the process after it started.
//!
//! Checkpoints are signed with Ed25519 too. A copy kept elsewhere betrays a log whose end was cut; without one, a log
//! that ends early cannot be told from a process that ended early.
//!
//! An intent is durable before anything is released, or nothing is. An outcome is never lost while the process
//! lives. When an answer of a sink is lost, the same bytes are written again, and verification takes an exact
//! repetition for what it is.
//!
//! # What it does not do
//!
//! It does not hide who did what from who reads it. It does not hold against who has the root key. It does not notice
//! that *all* lines of a writer are gone, unless a checkpoint of that writer was kept elsewhere.

mod authenticity;
mod builder;
mod canonical;
mod chain;
mod checkpoint;
mod courier;
mod entry;
mod error;
mod examined;
mod findings;
mod health;
mod ids;
mod json_lines;
mod key;
mod line;
mod line_json;
mod lines;
mod log;
mod memory_sink;
mod progress;
mod recorder;
mod report;
mod sink;
mod text;
mod traced;
mod verify;
mod walk;

#[cfg(test)]
mod tests;

pub use builder::AuditLogBuilder;
pub use checkpoint::{Checkpoint, CheckpointKey};
pub use entry::{Intent, Outcome};
pub use error::AuditError;
pub use health::{AuditHealth, SinkHealth};
pub use ids::{AttemptId, Fingerprint, InvalidAuditId, WriterId};
pub use json_lines::JsonLines;
pub use key::AuditKey;
pub use line::AuditLine;
pub use lines::{LineRead, Lines};
pub use log::AuditLog;
pub use memory_sink::MemorySink;
pub use report::{At, Break, BreakKind, Orphan, Report, WriterSummary};
pub use sink::AuditSink;
pub use traced::Traced;
pub use verify::Verifier;
