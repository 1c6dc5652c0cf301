//! An attempt brought nothing: what becomes of the record.

use grantry_core::StoreTime;
use grantry_vault::Fingerprint;

use super::{Intent, Snapshot, Standing, Terms, Verdict};

/// How an attempt ended that brought nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Outcome {
    /// Provably nothing was sent: there was no attempt.
    NotSent,
    /// The token was provably not spent: the server said so.
    NotSpent,
    /// The server refused the token (`invalid_grant`).
    Refused,
    /// Nobody can tell.
    Unknown,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Settled {
    /// The record is as it was before the attempt.
    AsBefore(Standing),
    /// The attempt is in doubt from now on.
    InDoubt(Standing),
    /// Another token is left, which the next attempt redeems.
    AnotherIsLeft(Standing),
    /// The refusal is not final before then: somebody may still come back with the successor.
    NotFinal(Standing, StoreTime),
    /// A person has to consent again, unless it was withdrawn meanwhile.
    NeedsPerson(Standing),
    /// Somebody else has brought the grant on: the attempt's end means nothing.
    Overtaken(Option<Standing>),
}

impl Snapshot {
    /// Settles an attempt by how it ended.
    pub fn settle(&self, intent: &Intent, outcome: Outcome, terms: &Terms) -> Settled {
        let mut standing = self.standing.clone();
        standing.forget(&intent.attempt);
        if !self.standing.is_owned_by(&intent.attempt) {
            return Settled::Overtaken((standing != self.standing).then_some(standing));
        }
        match (outcome, intent.token) {
            (_, None) | (Outcome::NotSpent, _) => Settled::AsBefore(standing),
            (Outcome::NotSent, Some(_)) => {
                standing.take_back_redemption(terms);
                Settled::AsBefore(standing)
            }
            (Outcome::Unknown, Some(_)) => {
                // This attempt is over: nobody comes back with what it might have brought.
                standing.doubt(intent, self.now);
                Settled::InDoubt(standing)
            }
            (Outcome::Refused, Some(token)) => self.refused(standing, token),
        }
    }

    fn refused(&self, mut standing: Standing, token: Fingerprint) -> Settled {
        // Whoever withdrew it meanwhile has the last word: the server refuses what was just revoked there.
        if matches!(standing.verdict, Some(Verdict::Revoking)) {
            return Settled::NeedsPerson(standing);
        }
        let Some(refused) = standing.current.filter(|current| current.token == token) else {
            standing.others.retain(|other| other.token != token);
            return Settled::AnotherIsLeft(standing);
        };
        if let Some(doubt) = refused.doubt.filter(|doubt| self.now < doubt.settled) {
            return Settled::NotFinal(standing, doubt.settled);
        }
        if !standing.others.is_empty() {
            standing.current = Some(standing.others.remove(0));
            return Settled::AnotherIsLeft(standing);
        }
        // The token stays: a successor that comes after all descends from it, and revives the grant.
        standing.verdict =
            Some(Verdict::NeedsPerson { since: self.now, after_doubt: refused.doubt.is_some() });
        Settled::NeedsPerson(standing)
    }
}
