//! A refresh token that may be redeemed, and what is not known about it.

use grantry_core::StoreTime;
use grantry_vault::Fingerprint;

use super::Terms;

/// A refresh token that the record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(clippy::exhaustive_structs, reason = "a part of the record's format")]
pub struct Candidate {
    /// Which token it is.
    pub token: Fingerprint,
    /// The attempt that brought it: of two siblings the later is the one that a server remembers.
    pub epoch: u64,
    /// Whether it came with a usable answer. One that was salvaged from an unusable answer may be no token at all, so it
    /// never takes the place of one that is proven.
    pub proven: bool,
    /// What is not known about its redemption, if it may have been redeemed already.
    pub doubt: Option<Doubt>,
}

/// Attempts to redeem a token of which nobody knows how they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(clippy::exhaustive_structs, reason = "a part of the record's format")]
pub struct Doubt {
    /// The earliest moment at which one of them can have been sent.
    pub first_sent: StoreTime,
    /// How many there were.
    pub sends: u32,
    /// From then on nobody can come back any more with what one of them brought.
    pub settled: StoreTime,
}

impl Doubt {
    /// A store that went back has forgotten whether there was an attempt. If there was one, somebody may come back with what it
    /// brought for as long as an owner may.
    pub(super) fn of_the_unknown(now: StoreTime, terms: &Terms) -> Self {
        Self { first_sent: now, sends: 1, settled: now.after(terms.lease + terms.allowance) }
    }
}

impl Candidate {
    /// A token that came with a usable answer.
    pub const fn proven(token: Fingerprint, epoch: u64) -> Self {
        Self { token, epoch, proven: true, doubt: None }
    }

    /// A token that was found in an unusable answer.
    pub const fn salvaged(token: Fingerprint, epoch: u64) -> Self {
        Self { token, epoch, proven: false, doubt: None }
    }

    /// More attempts of which nobody knows: the earliest sending and the latest settling count.
    pub(super) fn add_doubt(&mut self, more: Doubt) {
        self.doubt = Some(match self.doubt {
            None => more,
            Some(known) => Doubt {
                first_sent: known.first_sent.min(more.first_sent),
                sends: known.sends.max(more.sends),
                settled: known.settled.max(more.settled),
            },
        });
    }
}
