//! The part of a source that is changed under its lock.

use std::sync::Arc;

use grantry_core::{Error, Instant, Token, TokenSet};

use super::near::NearCopy;
use crate::flight::Flight;
use crate::{Failed, Held};

/// Small while nothing is going on: a million quiet sources share the cost of being quiet.
#[derive(Debug)]
pub(super) struct State {
    /// When the held token is to be renewed; [`Instant::MAX`] for never.
    pub(super) renew_at: Instant,
    /// Present while a renewal is in flight, after one failed or a token was refused, and where the grant needs
    /// more than the token for the next one.
    unusual: Option<Box<Unusual>>,
}

#[derive(Debug, Default)]
pub(super) struct Unusual {
    pub(super) flight: Option<Arc<Flight>>,
    pub(super) failure: Option<LastFailure>,
    /// The whole token set, where it holds more than its token, or where its token was refused.
    pub(super) set: Option<TokenSet>,
    /// When a resource server's refusal last led to a renewal.
    pub(super) refused_at: Option<Instant>,
    /// Present once a directory had the source near.
    pub(super) near: Option<NearCopy>,
}

/// The last attempt, which failed.
#[derive(Debug)]
pub(super) struct LastFailure {
    pub(super) error: Error,
    pub(super) retry_at: Instant,
    pub(super) ended: bool,
    pub(super) definite: bool,
    /// Whether the next attempt follows at once, because the failure itself asked for it.
    pub(super) at_once: bool,
}

impl Default for State {
    fn default() -> Self {
        Self { renew_at: Instant::MAX, unusual: None }
    }
}

impl State {
    pub(super) fn unusual(&self) -> Option<&Unusual> {
        self.unusual.as_deref()
    }

    pub(super) fn unusual_mut(&mut self) -> &mut Unusual {
        self.unusual.get_or_insert_default()
    }

    pub(super) fn flight(&self) -> Option<&Arc<Flight>> {
        self.unusual()?.flight.as_ref()
    }

    pub(super) fn failure(&self) -> Option<Failed<'_>> {
        let failure = self.unusual()?.failure.as_ref()?;
        Some(if failure.ended {
            Failed::ended(&failure.error, failure.retry_at, failure.definite)
        } else {
            Failed::retrying(&failure.error, failure.retry_at)
        })
    }

    /// Whether the attempt that failed goes on in the next one, which follows at once.
    pub(super) fn goes_on_at_once(&self) -> bool {
        self.unusual()
            .and_then(|u| u.failure.as_ref())
            .is_some_and(|failure| failure.at_once && !failure.ended)
    }

    pub(super) fn held<'a>(&self, token: Option<&'a Token>) -> Option<Held<'a>> {
        token.map(|token| Held::new(token, self.renew_at))
    }

    /// What the next attempt replaces.
    pub(super) fn replacing(&self, token: Option<&Token>) -> Option<TokenSet> {
        self.unusual().and_then(|u| u.set.clone()).or_else(|| token.cloned().map(TokenSet::from_token))
    }

    /// A renewal succeeded: forgets everything of the one before but what the next one needs.
    pub(super) fn renewed(&mut self, set: &TokenSet) {
        let set = set.refresh_token().is_some().then(|| set.clone());
        let before = self.unusual.take().map(|before| *before).unwrap_or_default();
        let (refused_at, near) = (before.refused_at, before.near);
        self.unusual = (set.is_some() || refused_at.is_some() || near.is_some())
            .then(|| Box::new(Unusual { set, refused_at, near, ..Unusual::default() }));
    }
}
