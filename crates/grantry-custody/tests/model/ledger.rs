//! What a way through the search has seen, and which losses that explains.

use crate::server::{Policy, Tokens, one};
use crate::world::{Pending, World, token};

/// The rules by which a grant may be lost. Whatever else loses one is a mistake of the design.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// K5, K6: a server that takes no token twice had redeemed it, and its answer was lost, or the process with the answer died
    /// before the lifeboat had it.
    AnswerTaken,
    /// The same at a server where only the newest successor is alive, while an older one came home.
    NewestTaken,
    /// An owner stood still for lease and allowance with the successor in its hands, and was taken for dead.
    StoodStill,
    /// A process stood still between the guard and the sending, so that its request left after its lease.
    LeftLate,
}

impl Cause {
    pub(crate) const ALL: [Self; 4] =
        [Self::AnswerTaken, Self::NewestTaken, Self::StoodStill, Self::LeftLate];

    /// In the words of the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AnswerTaken => "answer taken",
            Self::NewestTaken => "newest taken",
            Self::StoodStill => "stood still",
            Self::LeftLate => "left late",
        }
    }
}

/// How many ticks an owner may be silent: lease and allowance, whatever a mutant takes them for.
pub(crate) const PATIENCE: u8 = 4;

/// What happened on the way to a world.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Ledger {
    /// Tokens of which a copy was lost that was nowhere else.
    pub(crate) taken: Tokens,
    /// Tokens that were issued for a request that had left after a pause behind the guard.
    pub(crate) late: Tokens,
    /// Why the server revoked the family.
    pub(crate) revoked_for: Option<Cause>,
}

impl World {
    /// Why the server took a token that this replica sent for stolen; `None` where the way does not explain it.
    pub(crate) fn why_revoked(&self, me: usize, is_late: bool) -> Option<Cause> {
        if is_late {
            return Some(Cause::LeftLate);
        }
        let live = self.server.fresh(self.now);
        self.why_taken(live).or_else(|| {
            let silent = self.replicas[me].attempt.as_ref().map_or(0, |attempt| attempt.saw_silent);
            let Ledger { taken, late, .. } = self.ledger;
            match () {
                () if live & !(taken | silent | late) != 0 => None,
                () if live & late != 0 => Some(Cause::LeftLate),
                () => (live & silent != 0).then_some(Cause::StoodStill),
            }
        })
    }

    /// Why nobody holds a token that the server would accept; `None` where the way does not explain it.
    pub(crate) fn why_lost(&self) -> Option<Cause> {
        if self.server.revoked {
            self.ledger.revoked_for
        } else {
            self.why_taken(self.server.fresh(self.now))
        }
    }

    /// Why none of these tokens is anywhere, if each was taken on the way.
    fn why_taken(&self, live: Tokens) -> Option<Cause> {
        if live == 0 || live & !self.ledger.taken != 0 {
            return None;
        }
        match self.server.policy() {
            Policy::Strict | Policy::StrictRevoke => Some(Cause::AnswerTaken),
            Policy::GraceNewest => {
                let standing = &self.record.standing;
                let held = standing.current.iter().chain(&standing.others);
                let held: Tokens = held.map(|held| one(token(held.token))).fold(0, |a, b| a | b);
                let newest = u8::try_from(live.trailing_zeros()).ok()?;
                self.server.has_sibling(newest, held).then_some(Cause::NewestTaken)
            }
            _ => None,
        }
    }

    /// What another replica has in its hands that has been silent for as long as an owner may be.
    pub(crate) fn held_in_silence(&self, me: usize) -> Tokens {
        let other = &self.replicas[1 - me];
        if other.silent_since.is_none_or(|since| self.now - since < PATIENCE) {
            return 0;
        }
        let answer = other.attempt.as_ref().map_or(0, |attempt| match attempt.pending {
            Pending::Response { answer: Some(found), .. } | Pending::Mangled { found } => one(found),
            _ => 0,
        });
        let carried = other.attempt.iter().filter_map(|attempt| attempt.proceeds.as_ref()).chain(&other.boat);
        carried.filter_map(|proceeds| proceeds.successor).fold(answer, |held, found| held | one(token(found)))
    }
}
