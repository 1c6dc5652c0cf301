//! Whether a token is redeemed now, by whom, and which.

use std::time::Duration;

use grantry_core::StoreTime;
use grantry_vault::{Fingerprint, LineageId};

use super::{AttemptId, Candidate, Intent, Snapshot, Standing, Terms, Verdict};

/// Who asks, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "what an attempt has to say of itself")]
pub struct Asked {
    /// The attempt.
    pub attempt: AttemptId,
    /// The token that is to be replaced: one that is stored and newer is used instead. `None` where nothing is held, so that
    /// whatever is stored and fit is used.
    pub replacing: Option<Replaced>,
    /// Whether it only resolves what is in doubt, for nobody who waits.
    pub resolves: bool,
}

/// A token that is to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "what an attempt has to say of it")]
pub struct Replaced {
    /// How many renewals lay behind it.
    pub generation: u64,
    /// The line of descent that they are counted in, where that is known: after a new consent they are counted anew.
    pub lineage: Option<LineageId>,
}

/// What to do about a grant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "one for each attempt, and moved at once")]
pub enum Decision {
    /// The access token that is stored is newer than the one to be replaced; or nothing is in doubt.
    UseStored,
    /// Write this, then send.
    Redeem(Claim),
    /// Somebody else is at it: look again when the record changes, or then.
    Wait(StoreTime),
    /// An attempt is in doubt, and nothing is sent before then.
    NotBefore(StoreTime),
    /// The token was used as often as the server allows, and is not before then.
    TooOften(StoreTime),
    /// There is nothing to be done without a person, or at all.
    Refuse(Verdict),
}

/// An attempt that is about to own the record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Claim {
    /// What the record says from then on.
    pub standing: Standing,
    /// The attempt.
    pub intent: Intent,
    /// How long after the moment before the reading that it goes on from the request may still be sent.
    pub send_within: Duration,
}

impl Snapshot {
    /// Whether what the record holds is fit, and is not what is to be replaced.
    pub(super) fn serves(&self, asked: &Asked) -> bool {
        // Whatever comes of a newer consent is newer than what came of the one before.
        let replaced = asked.replacing.filter(|held| held.lineage.is_none_or(|line| line == self.lineage));
        // After a failover two tokens may bear the same number.
        let is_another = match (self.holds_another, replaced.map(|held| held.generation)) {
            (Some(false), _) => false,
            (Some(true), Some(replaced)) => replaced <= self.generation,
            (None, Some(replaced)) => replaced < self.generation,
            (_, None) => true,
        };
        is_another && self.holds_fit_access_token()
    }

    /// Decides what an attempt may do.
    pub fn decide(&self, asked: &Asked, terms: &Terms) -> Decision {
        if let Some(verdict @ Verdict::Revoking) = self.standing.verdict {
            return Decision::Refuse(verdict);
        }
        if !asked.resolves && self.serves(asked) {
            return Decision::UseStored;
        }
        if let Some(verdict) = self.standing.verdict {
            return Decision::Refuse(verdict);
        }
        let owned_until = self.standing.intent.map(|intent| intent.lease_until);
        let blocked_until = self.standing.outstanding.map(|outstanding| outstanding.until);
        if let Some(until) = owned_until.max(blocked_until).filter(|until| self.now < *until) {
            return Decision::Wait(until);
        }
        let mut standing = self.standing.clone();
        standing.lapse(self.now, terms);
        standing.outstanding = None;
        if asked.resolves && !standing.is_in_doubt() {
            return Decision::UseStored;
        }
        self.claim(standing, asked, terms)
    }

    fn claim(&self, mut standing: Standing, asked: &Asked, terms: &Terms) -> Decision {
        let candidate = standing.next().copied();
        // A store that takes its time must not use up the time to send.
        let taken = self.took.min(terms.longest_reading());
        let send_within = match candidate.and_then(|candidate| candidate.doubt.map(|_| candidate)) {
            None => terms.send_within() + taken,
            Some(candidate) => match self.again(&candidate, terms.send_within() + taken, terms) {
                Ok(send_within) => send_within,
                Err(not_before) => return Decision::NotBefore(not_before),
            },
        };
        if let Err(free) = standing.enter_redemption(candidate.as_ref(), self.now, terms) {
            return Decision::TooOften(free);
        }
        let doubt = candidate.and_then(|candidate| candidate.doubt);
        standing.epoch += 1;
        let intent = Intent {
            attempt: asked.attempt,
            epoch: standing.epoch,
            token: candidate.map(|candidate| candidate.token),
            first_sent: doubt.map_or(self.now, |doubt| doubt.first_sent),
            sends: doubt.map_or(0, |doubt| doubt.sends).saturating_add(1),
            lease_until: self.stamp.after(terms.lease + taken),
        };
        standing.intent = Some(intent);
        Decision::Redeem(Claim { standing, intent, send_within })
    }

    /// How long a token that may have been used already may be sent again; or when, if not now.
    fn again(&self, candidate: &Candidate, most: Duration, terms: &Terms) -> Result<Duration, StoreTime> {
        let Some(doubt) = candidate.doubt else { return Ok(most) };
        let Some(until) = terms.resend_until(doubt.first_sent) else { return Ok(most) };
        if self.now < until {
            return Ok(until.since(self.now).min(most));
        }
        // The server refuses a used token, and may revoke the whole family for it. Whoever received the successor gets the
        // time to come back with it; then the doubt stands for as long as there is something to serve.
        let useless = match self.access_expires {
            Some(Some(expires)) => {
                let nearly = expires.before(terms.http_timeout + terms.margin);
                nearly.min(doubt.first_sent.after(terms.doubt_limit))
            }
            Some(None) => doubt.first_sent.after(terms.doubt_limit),
            None => doubt.settled,
        };
        // As long as the store answered nobody, an owner could not come back with what it had received.
        let back = self.reachable_since.after(terms.allowance);
        let last_chance = useless.max(doubt.settled).max(back);
        if self.now < last_chance { Err(last_chance) } else { Ok(most) }
    }

    /// Whether an owner has left something that the next attempt would have to find out.
    pub fn is_left(&self, terms: &Terms) -> bool {
        self.standing.is_left(self.now, terms)
    }

    /// Whether the stored access token is fit at this moment.
    pub fn holds_fit_access_token(&self) -> bool {
        match self.access_expires {
            // An access token may be over; by the later of the two readings it is not used any more.
            Some(Some(expires)) => self.stamp < expires,
            Some(None) => true,
            None => false,
        }
    }
}

impl Claim {
    /// The refresh token that is redeemed.
    pub fn token(&self) -> Option<Fingerprint> {
        self.intent.token
    }
}
