//! The refresh tokens that a grant holds, and which of them it redeems.
//!
//! Pure: what the grant does with the answers to its requests is decided here.

use grantry_core::{Attempt, Instant, RefreshToken, Scope, TokenSet};

use crate::Kept;

/// What a grant holds. Nothing leaves it before something takes its place that is known to work.
pub(super) struct Held {
    /// The newest refresh token that is known to be one: what the grant began with, or what came with a usable
    /// answer.
    proven: RefreshToken,
    /// What was salvaged from an unusable answer since. It may be the only live one or none at all, so it is
    /// redeemed before `proven`, and never in its place.
    salvaged: Option<RefreshToken>,
    /// Whether the keeper has not confirmed these yet.
    pub(super) unkept: bool,
    /// The newest token set.
    newest: Option<TokenSet>,
    /// Whether nobody was given `newest`, because its refresh token was not kept yet.
    withheld: bool,
    /// What the resource owner granted.
    pub(super) granted: Scope,
}

impl Held {
    pub(super) fn new(refresh_token: RefreshToken, before: Option<RefreshToken>, granted: Scope) -> Self {
        let (proven, salvaged) = match before {
            Some(before) if before.expose() != refresh_token.expose() => (before, Some(refresh_token)),
            _ => (refresh_token, None),
        };
        Self { proven, salvaged, unkept: false, newest: None, withheld: false, granted }
    }

    /// What is redeemed next.
    pub(super) fn current(&self) -> &RefreshToken {
        self.salvaged.as_ref().unwrap_or(&self.proven)
    }

    /// What the keeper is to keep.
    pub(super) fn to_keep(&self) -> Kept<'_> {
        Kept {
            refresh_token: self.current(),
            before: self.salvaged.as_ref().map(|_| &self.proven),
            token_set: self.newest.as_ref().filter(|_| self.withheld),
        }
    }

    /// A usable answer came. Gives whether the keeper has to be told.
    pub(super) fn succeed(&mut self, set: &TokenSet) -> bool {
        let newest = set.refresh_token().unwrap_or_else(|| self.current()).clone();
        let changed = self.salvaged.is_some() || newest.expose() != self.proven.expose();
        self.proven = newest;
        self.salvaged = None;
        self.newest = Some(set.clone());
        self.unkept |= changed;
        self.withheld = changed;
        changed
    }

    /// Nobody gets the newest token set, nor is it kept, before it was checked.
    pub(super) fn take_back(&mut self) {
        self.newest = None;
        self.withheld = false;
    }

    /// It was checked.
    pub(super) fn show(&mut self, set: &TokenSet) {
        self.newest = Some(set.clone());
    }

    /// The keeper has confirmed what came with the newest token set, which may be given out.
    pub(super) fn publish(&mut self) {
        self.withheld = false;
    }

    /// An unusable answer held this. Gives whether it is new.
    pub(super) fn salvage(&mut self, found: &RefreshToken) -> bool {
        let known = [Some(&self.proven), self.salvaged.as_ref()];
        if known.into_iter().flatten().any(|known| known.expose() == found.expose()) {
            return false;
        }
        self.salvaged = Some(found.clone());
        self.unkept = true;
        true
    }

    /// The server refused what was redeemed. Gives whether another one is left.
    pub(super) fn fall_back(&mut self) -> bool {
        let fell = self.salvaged.take().is_some();
        self.unkept |= fell;
        fell
    }

    /// A token set that is newer than what is to be replaced, if there is a fit one: nothing has to be sent.
    pub(super) fn newer(&mut self, attempt: Attempt<'_>, now: Instant) -> Option<TokenSet> {
        let withheld = std::mem::take(&mut self.withheld);
        let newest = self.newest.as_ref()?;
        let is_newer = match attempt.replacing() {
            Some(old) => old.token().serial() < newest.token().serial(),
            None => withheld,
        };
        (is_newer && newest.token().is_fit(now)).then(|| newest.clone())
    }
}
