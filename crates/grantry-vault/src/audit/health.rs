//! How an audit log is doing.

use grantry_core::Timestamp;

/// How an audit log is doing, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditHealth {
    /// The lines that a durable sink has.
    pub written: u64,
    /// The lines that none has yet.
    pub waiting: u64,
    /// How many of those are outcomes.
    pub outcomes_waiting: u64,
    /// Each sink, in the order in which they were given.
    pub sinks: Vec<SinkHealth>,
}

/// How one sink of an audit log is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkHealth {
    /// Whether it is durable.
    pub durable: bool,
    /// The lines that it has not taken yet.
    pub waiting: usize,
    /// Since when every call fails, if it does.
    pub failing_since: Option<Timestamp>,
    /// How many calls failed so far.
    pub failures: u64,
    /// How many lines it will never get, because it stayed too far behind; another durable sink has them.
    pub given_up: u64,
}
