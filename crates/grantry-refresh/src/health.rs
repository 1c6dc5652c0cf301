//! How a source is doing.

use std::time::Duration;

use grantry_core::{Error, GrantKey, Instant};

/// The condition of a source's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// No token was obtained yet, or the last one was refused.
    Empty,
    /// The token is fit and not yet to be renewed.
    Fresh,
    /// The token is fit and due to be renewed.
    Due,
    /// The token has expired.
    Expired,
}

impl Condition {
    /// In lower-case words: for logs, metrics and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Fresh => "fresh",
            Self::Due => "due",
            Self::Expired => "expired",
        }
    }
}

/// A snapshot of a source, without anything secret.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Health {
    /// Whose grant it is.
    pub key: GrantKey,
    /// The condition of the token.
    pub condition: Condition,
    /// How long the token is still fit; `None` if none is held or its lifetime is unknown.
    pub fit_for: Option<Duration>,
    /// When the next renewal is booked, on the boot clock.
    pub renewal_at: Option<Instant>,
    /// Whether a renewal is in flight.
    pub renewing: bool,
    /// How many callers wait for it.
    pub waiting: u32,
    /// Why the last attempt failed; `None` if it succeeded or there was none.
    pub last_error: Option<Error>,
    /// Before when nothing is tried again after that failure.
    pub retry_at: Option<Instant>,
    /// How often a token was handed out.
    pub hits: u64,
    /// How long ago one was handed out last, to about a second; `None` if never.
    pub last_used: Option<Duration>,
    /// How many renewals succeeded.
    pub renewals: u32,
    /// How many attempts failed.
    pub failures: u32,
}
