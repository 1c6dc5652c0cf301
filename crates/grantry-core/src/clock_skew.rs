//! How far two clocks differ.

use std::time::Duration;

/// How far this machine's wall clock is off that of an authorization server, by the `Date` of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "two clocks differ by so much, in one direction")]
pub struct ClockSkew {
    /// By how much.
    pub by: Duration,
    /// Whether ours is ahead.
    pub ours_is_ahead: bool,
}
