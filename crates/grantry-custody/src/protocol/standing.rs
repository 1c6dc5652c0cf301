//! What a grant's record says of its renewals.

use std::time::Duration;

use grantry_core::StoreTime;
use grantry_vault::{Fingerprint, LineageId};

use super::{Candidate, Doubt, Terms};

/// Names an attempt, in every process.
pub type AttemptId = [u8; 16];

/// How a grant stands: which tokens its record holds, and who is at work on them. The tokens themselves are beside it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[allow(clippy::exhaustive_structs, reason = "it is the record's format: another one is a new format")]
pub struct Standing {
    /// The last word, if there is one.
    pub verdict: Option<Verdict>,
    /// The refresh token that is redeemed next; `None` for a grant that has none, such as a client's own.
    pub current: Option<Candidate>,
    /// What `current` was redeemed with.
    pub parent: Option<Fingerprint>,
    /// Other refresh tokens that may be alive, at most [`Standing::MOST_OTHERS`].
    pub others: Vec<Candidate>,
    /// The last epoch that was given to an attempt.
    pub epoch: u64,
    /// The epoch of the attempt that brought the stored access token.
    pub access_epoch: u64,
    /// The attempt that owns the record.
    pub intent: Option<Intent>,
    /// An attempt that was overtaken while its request may still be under way: nothing is redeemed before it is over.
    pub outstanding: Option<Outstanding>,
    /// Where the server bounds how often a refresh token is used: by when what was redeemed is made up for.
    pub made_up: Option<StoreTime>,
}

/// Why nothing is redeemed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Verdict {
    /// The server refused the last token that was left: a person has to consent again. A late successor revives it.
    NeedsPerson {
        /// When.
        since: StoreTime,
        /// Whether an answer was lost before: the server may have taken the token for stolen.
        after_doubt: bool,
    },
    /// Somebody withdrew it, and it is being revoked. Of what is revoked there is no record, but a tombstone.
    Revoking,
}

/// An attempt that owns the record, written before anything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(clippy::exhaustive_structs, reason = "a part of the record's format")]
pub struct Intent {
    /// Whose it is.
    pub attempt: AttemptId,
    /// Its place in the order of attempts.
    pub epoch: u64,
    /// The refresh token that it redeems.
    pub token: Option<Fingerprint>,
    /// The earliest moment at which this token can have been sent for the first time.
    pub first_sent: StoreTime,
    /// How many attempts at this token there were, with this one.
    pub sends: u32,
    /// Until when it owns the record, on the store's clock.
    pub lease_until: StoreTime,
}

/// An attempt that was overtaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(clippy::exhaustive_structs, reason = "a part of the record's format")]
pub struct Outstanding {
    /// Whose it is.
    pub attempt: AttemptId,
    /// When it is over, whatever became of it.
    pub until: StoreTime,
}

/// A record as it was read: its standing, and where it stands in its line of descent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "what a read has to give")]
pub struct Snapshot {
    /// How the grant stands.
    pub standing: Standing,
    /// Its line of descent: new for each consent.
    pub lineage: LineageId,
    /// How many renewals lie behind it.
    pub generation: u64,
    /// The store's clock when it was read, as far as this process believes it: what others wrote is judged by it.
    pub now: StoreTime,
    /// The store's clock when it was read, as it said: what is written is in it. Never earlier than `now`.
    pub stamp: StoreTime,
    /// How long the reading took: the store's clock may have gone on by that since it said `stamp`.
    pub took: Duration,
    /// Since when this process has had answers of the store, without a failure or a long pause in between. Before that nobody
    /// may have been able to write.
    pub reachable_since: StoreTime,
    /// When the stored access token expires: `None` without one, `Some(None)` where the server did not say.
    pub access_expires: Option<Option<StoreTime>>,
    /// Whether that is another than the one that is to be replaced, where there are both.
    pub holds_another: Option<bool>,
}

impl Standing {
    /// How many other tokens are kept.
    pub const MOST_OTHERS: usize = grantry_vault::GrantRecord::MOST_ALTERNATES;

    /// A grant that begins with this refresh token, or with none.
    pub fn new(token: Option<Fingerprint>) -> Self {
        Self { current: token.map(|token| Candidate::proven(token, 0)), ..Self::default() }
    }

    /// The token that the next attempt redeems: one that was salvaged, before the one that it may have replaced.
    pub(super) fn next(&self) -> Option<&Candidate> {
        self.others.iter().find(|other| !other.proven).or(self.current.as_ref())
    }

    /// Whether something is not known that another attempt could find out.
    pub fn is_in_doubt(&self) -> bool {
        self.next().is_some_and(|next| next.doubt.is_some() || !next.proven)
    }

    /// A token that the record holds.
    pub fn held(&self, token: Fingerprint) -> Option<&Candidate> {
        self.current.iter().chain(&self.others).find(|candidate| candidate.token == token)
    }

    pub(super) fn held_mut(&mut self, token: Fingerprint) -> Option<&mut Candidate> {
        self.current.iter_mut().chain(&mut self.others).find(|candidate| candidate.token == token)
    }

    /// Keeps another token; of too many the earliest goes.
    pub(super) fn keep(&mut self, candidate: Candidate) {
        if self.held(candidate.token).is_some() {
            return;
        }
        self.others.push(candidate);
        self.others.sort_by_key(|other| std::cmp::Reverse(other.epoch));
        self.others.truncate(Self::MOST_OTHERS);
    }

    /// An owner whose lease is over has vanished, for all that others can know: what it did becomes a doubt.
    pub(super) fn lapse(&mut self, now: StoreTime, terms: &Terms) {
        let Some(intent) = self.intent.filter(|intent| intent.lease_until <= now) else { return };
        self.intent = None;
        self.doubt(&intent, intent.lease_until.after(terms.allowance));
    }

    /// Nobody knows how an attempt ended; from `settled` on nobody can come back any more with what it brought.
    pub(super) fn doubt(&mut self, intent: &Intent, settled: StoreTime) {
        let doubt = Doubt { first_sent: intent.first_sent, sends: intent.sends, settled };
        if let Some(candidate) = intent.token.and_then(|token| self.held_mut(token)) {
            candidate.add_doubt(doubt);
        }
    }

    /// The same, with a longer lease for an attempt that is still at work; `None` where it owns nothing any more.
    pub fn extended(&self, attempt: &AttemptId, now: StoreTime, terms: &Terms) -> Option<Self> {
        let mut extended = self.clone();
        if let Some(intent) = extended.intent.as_mut().filter(|intent| intent.attempt == *attempt) {
            intent.lease_until = intent.lease_until.max(now.after(terms.lease));
        } else {
            let outstanding = extended.outstanding.as_mut().filter(|other| other.attempt == *attempt)?;
            outstanding.until = outstanding.until.max(now.after(terms.lease + terms.allowance));
        }
        Some(extended)
    }

    /// A record in a store that went back, with what is remembered of it from `later` on: what became of the tokens that it
    /// holds. One that had been replaced by then was redeemed.
    pub fn recalling(&self, later: &Self, now: StoreTime, terms: &Terms) -> Self {
        let mut recalled = self.clone();
        for held in recalled.current.iter_mut().chain(&mut recalled.others) {
            match later.held(held.token) {
                Some(known) => known.doubt.into_iter().for_each(|doubt| held.add_doubt(doubt)),
                None => held.add_doubt(Doubt::of_the_unknown(now, terms)),
            }
        }
        // Also where it is at a successor that is not there, and is about to be written again.
        recalled.intent = later.intent;
        recalled.outstanding = later.outstanding;
        recalled.epoch = self.epoch.max(later.epoch);
        recalled.made_up = self.made_up.max(later.made_up);
        let is_same = |of: &Self| of.current.map(|current| current.token);
        if is_same(self) == is_same(later) {
            recalled.verdict = later.verdict;
        }
        recalled
    }

    /// A record in a store that went back, of which nobody here knows how it stood: what it holds may have been redeemed.
    pub fn doubting_all(&self, now: StoreTime, terms: &Terms) -> Self {
        let mut doubting = self.clone();
        for held in doubting.current.iter_mut().chain(&mut doubting.others) {
            held.add_doubt(Doubt::of_the_unknown(now, terms));
        }
        doubting
    }

    /// Whether an owner has left something that the next attempt would have to find out: nobody is at it any more.
    pub fn is_left(&self, now: StoreTime, terms: &Terms) -> bool {
        let mut standing = self.clone();
        standing.lapse(now, terms);
        standing.intent.is_none() && standing.verdict.is_none() && standing.is_in_doubt()
    }

    /// Whether an attempt owns the record.
    pub fn is_owned_by(&self, attempt: &AttemptId) -> bool {
        self.intent.is_some_and(|intent| intent.attempt == *attempt)
    }

    /// Takes an attempt that is over out of the record.
    pub(super) fn forget(&mut self, attempt: &AttemptId) {
        self.intent = self.intent.filter(|intent| intent.attempt != *attempt);
        self.outstanding = self.outstanding.filter(|other| other.attempt != *attempt);
    }
}
