//! An answer has come: what becomes of the record.

use grantry_vault::{Fingerprint, LineageId};

use super::{AttemptId, Candidate, Outstanding, Snapshot, Standing, Terms, Verdict};

/// What an attempt brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(clippy::exhaustive_structs, reason = "what a lifeboat has to keep of an answer")]
pub struct Proceeds {
    /// The line of descent of the grant that it was made for.
    pub lineage: LineageId,
    /// The attempt.
    pub attempt: AttemptId,
    /// Its place in the order of attempts.
    pub epoch: u64,
    /// The refresh token that was redeemed; `None` for a grant that has none.
    pub parent: Option<Fingerprint>,
    /// The refresh token of the answer; `None` where it names none, so that the one that was redeemed stays.
    pub successor: Option<Fingerprint>,
    /// Whether the answer could be used. A refresh token that was salvaged from one that could not may be the only one
    /// that lives, or none at all.
    pub usable: bool,
}

/// Where what was brought belongs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "one for each attempt, and moved at once")]
pub enum Landing {
    /// Into the record, as the next generation.
    Write {
        /// What the record says from then on.
        standing: Standing,
        /// Whether the access token is the newest.
        access: bool,
    },
    /// The record has it, or has no use for it.
    Done,
    /// Nowhere: the grant was revoked, removed, or consented to anew. It is to be revoked at the server.
    Orphan,
}

impl Snapshot {
    /// Finds the place of what an attempt brought, by its descent.
    pub fn land(&self, proceeds: &Proceeds, terms: &Terms) -> Landing {
        let revoked = matches!(self.standing.verdict, Some(Verdict::Revoking));
        if self.lineage != proceeds.lineage || revoked {
            return Landing::Orphan;
        }
        if !proceeds.usable {
            return self.land_salvaged(proceeds);
        }
        let mut standing = self.standing.clone();
        let placed = proceeds.parent.is_none_or(|parent| standing.place(parent, proceeds));
        let access = placed && standing.access_epoch < proceeds.epoch;
        if access {
            standing.access_epoch = proceeds.epoch;
        }
        if placed {
            standing.verdict = None;
        }
        self.let_others_finish(&mut standing, proceeds, terms);
        standing.epoch = standing.epoch.max(proceeds.epoch);
        standing.forget(&proceeds.attempt);
        if standing == self.standing && !access {
            return Landing::Done;
        }
        Landing::Write { standing, access }
    }

    /// What was salvaged is kept beside the token that was redeemed, and tried first. Where that one was replaced
    /// meanwhile, the later of the two attempts brought what the server has seen last.
    fn land_salvaged(&self, proceeds: &Proceeds) -> Landing {
        let mut standing = self.standing.clone();
        if let Some(intent) = self.standing.intent.filter(|intent| intent.attempt == proceeds.attempt) {
            standing.doubt(&intent, self.now);
        }
        standing.forget(&proceeds.attempt);
        let is_wanted = proceeds.parent.is_some_and(|parent| {
            let is_later = standing.current.is_some_and(|current| current.epoch < proceeds.epoch);
            standing.held(parent).is_some() || (standing.parent == Some(parent) && is_later)
        });
        if let Some(found) = proceeds.successor.filter(|found| is_wanted && standing.held(*found).is_none()) {
            standing.keep(Candidate::salvaged(found, proceeds.epoch));
            // The server may have refused the one that was redeemed because of this one.
            standing.verdict = None;
        }
        if standing == self.standing { Landing::Done } else { Landing::Write { standing, access: false } }
    }

    /// Another attempt at the token that was just replaced may have its request under way. The new token is not redeemed
    /// before that one is over: the server would take the older one, which comes after it, for stolen.
    fn let_others_finish(&self, standing: &mut Standing, proceeds: &Proceeds, terms: &Terms) {
        let Some(intent) = standing.intent.filter(|intent| intent.attempt != proceeds.attempt) else {
            return;
        };
        if intent.token != proceeds.parent || intent.token.is_some_and(|token| standing.held(token).is_some())
        {
            return;
        }
        standing.intent = None;
        let until = intent.lease_until.after(terms.allowance);
        if self.now < until {
            standing.outstanding = Some(Outstanding { attempt: intent.attempt, until });
        }
    }
}

impl Standing {
    /// Whether it holds what an attempt brought. Where there are no refresh tokens, the newest answer is all there is.
    pub(super) fn keeps(&self, proceeds: &Proceeds) -> bool {
        match proceeds.parent {
            Some(parent) => self.held(proceeds.successor.unwrap_or(parent)).is_some(),
            None => self.access_epoch == proceeds.epoch,
        }
    }

    /// Gives a successor its place. Returns whether it has one.
    fn place(&mut self, parent: Fingerprint, proceeds: &Proceeds) -> bool {
        let successor = proceeds.successor.unwrap_or(parent);
        if successor == parent {
            // The server does not rotate, or not this time: the token has just worked.
            let Some(held) = self.held_mut(parent) else { return false };
            held.doubt = None;
            held.proven = true;
            self.promote(parent);
            return true;
        }
        if self.held(parent).is_some() {
            self.current = Some(Candidate::proven(successor, proceeds.epoch));
            self.parent = Some(parent);
            // What was salvaged from a later answer the server has seen last. It may have been the same token again.
            self.others
                .retain(|other| !other.proven && other.epoch > proceeds.epoch && other.token != successor);
            return true;
        }
        if let Some(held) = self.held_mut(successor) {
            held.epoch = held.epoch.max(proceeds.epoch);
            return true;
        }
        let sibling = Candidate::proven(successor, proceeds.epoch);
        match self.current {
            // The record knows of no such attempt: the store went back by more than one, and holds an ancestor.
            Some(_) if self.epoch < proceeds.epoch => {
                self.current = Some(sibling);
                self.parent = Some(parent);
                self.others.clear();
            }
            // Of two children of one token the later attempt's is the one that the server has seen last.
            Some(current) if self.parent == Some(parent) && current.epoch < proceeds.epoch => {
                self.current = Some(sibling);
                self.keep(current);
            }
            // Of an earlier generation: an entry of a lifeboat that a crash brought back, whose token was redeemed long since.
            Some(current) if self.parent != Some(parent) && proceeds.epoch < current.epoch => return false,
            _ => self.keep(sibling),
        }
        true
    }

    /// Makes a token that the record holds the one that is redeemed next; those that were only kept beside it in doubt are
    /// not needed any more.
    fn promote(&mut self, token: Fingerprint) {
        if self.current.is_some_and(|current| current.token == token) {
            self.others.retain(|other| other.proven);
            return;
        }
        if let Some(at) = self.others.iter().position(|other| other.token == token) {
            self.current = Some(self.others.remove(at));
            self.parent = None;
            self.others.clear();
        }
    }
}
