//! A token request with its answer, and what can be said of several.

use std::time::Duration;

use grantry_core::Instant;

use crate::expiries::{Ask, Life};

/// What became of an answer of the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The server has the request, or has not answered yet.
    Open,
    /// It left for the client.
    Sent,
    /// It was dropped on purpose, after the server had done what was asked.
    Dropped,
    /// There was nobody left to take it, or the server gave none.
    Gone,
}

/// What a request is from that came by no worker's own port.
pub(crate) const NOBODY: usize = 0;

/// One token request.
pub(crate) struct Exchange {
    pub(crate) at: Instant,
    /// Whose it was, from 1; or [`NOBODY`].
    pub(crate) worker: usize,
    pub(crate) presented: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) issued: Option<String>,
    /// How long the access token of the answer lives.
    pub(crate) lifetime: Option<Duration>,
    pub(crate) fate: Fate,
    /// When it had this fate; where it was sent, the moment before.
    pub(crate) over: Option<Instant>,
}

/// What the server answered.
#[derive(Default)]
pub(crate) struct Answered {
    pub(crate) status: Option<u16>,
    /// The refresh token.
    pub(crate) issued: Option<String>,
    /// How long the access token lives.
    pub(crate) lifetime: Option<Duration>,
}

impl Exchange {
    /// What was dropped, or came when nobody was left, is no token that anybody has.
    /// A life is reckoned from the moment at which the request left, as by whoever asked.
    pub(crate) fn as_ask(&self, left: Instant) -> Ask {
        let sent = self.over.filter(|_| self.fate == Fate::Sent);
        let token = sent.zip(self.lifetime).map(|(sent, life)| Life { sent, ends: left.after(life) });
        Ask { at: left, token }
    }
}

/// A refresh token that was used a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reuse {
    pub(crate) first: usize,
    pub(crate) first_at: Instant,
    pub(crate) again: usize,
    pub(crate) again_at: Instant,
}

/// A refresh token that the server issued and that has vanished, and the answer that it was in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Orphan {
    pub(crate) grant: usize,
    pub(crate) worker: usize,
    /// When it was asked for.
    pub(crate) asked: Instant,
    pub(crate) fate: Fate,
    pub(crate) over: Option<Instant>,
}

/// An answer with a refresh token that was sent to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivered {
    pub(crate) grant: usize,
    pub(crate) worker: usize,
    pub(crate) asked: Instant,
    pub(crate) left: Instant,
    /// When the same worker asked for the same grant again.
    pub(crate) next: Option<Instant>,
}
