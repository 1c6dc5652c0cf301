//! A person who withdraws the grant: it is stopped, the server is asked for each token, and the record is buried.

use grantry_custody::protocol::Proceeds;

use crate::mutant::Mutant;
use crate::server::{Tokens, one};
use crate::world::{World, token};

/// How far a withdrawal has come. It goes on like [`Custody`](grantry_custody::Custody) does: each round reads the record anew, and
/// nothing is deleted that was written since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Withdrawal {
    /// Nobody thinks of it.
    Never,
    /// It may come at any moment.
    Possible,
    /// The grant is stopped; the next round begins then.
    Round { from: u8 },
    /// The server is asked for these, of the record as it was in that version; those were asked for in vain.
    Asking { over: u32, left: Tokens, in_vain: Tokens, from: u8 },
    /// A tombstone stands in the record's place.
    Done,
}

impl Withdrawal {
    pub(crate) fn of(withdrawals: u8) -> Self {
        if withdrawals > 0 { Self::Possible } else { Self::Never }
    }

    pub(crate) fn is_begun(self) -> bool {
        !matches!(self, Self::Never | Self::Possible)
    }

    /// Whether there is nothing that it could do at this moment.
    pub(crate) fn rests(self, now: u8) -> bool {
        match self {
            Self::Round { from } | Self::Asking { from, .. } => now < from,
            _ => true,
        }
    }

    /// What of it tells two worlds apart: whether it is over the newest version.
    pub(crate) fn at_version(self, newest: u32) -> Self {
        match self {
            Self::Asking { over, left, in_vain, from } => {
                Self::Asking { over: u32::from(over == newest), left, in_vain, from }
            }
            other => other,
        }
    }
}

impl World {
    /// The next step of a withdrawal.
    pub(crate) fn withdraw(&self, worlds: &mut Vec<Self>) {
        if self.withdrawal.rests(self.now) && self.withdrawal != Withdrawal::Possible {
            return;
        }
        let mut world = self.clone();
        match self.withdrawal {
            Withdrawal::Possible => {
                world.record.standing = world.record.standing.withdrawn();
                world.record.version += 1;
                world.withdrawal = Withdrawal::Round { from: self.now };
                worlds.push(world);
                return;
            }
            Withdrawal::Round { .. } => {
                let standing = &self.record.standing;
                let held = standing.current.iter().chain(&standing.others);
                let left = held.fold(0, |held, candidate| held | one(token(candidate.token)));
                let over = self.record.version;
                world.withdrawal = Withdrawal::Asking { over, left, in_vain: 0, from: self.now };
            }
            Withdrawal::Asking { over, left, in_vain, from } if left != 0 => {
                let next = left & left.wrapping_neg();
                let left = left & !next;
                if self.faults.losses > 0 {
                    let mut lost = self.fault(|faults| faults.losses -= 1);
                    lost.withdrawal = Withdrawal::Asking { over, left, in_vain: in_vain | next, from };
                    worlds.push(lost);
                }
                world.server.revoke(u8::try_from(next.trailing_zeros()).unwrap());
                world.withdrawal = Withdrawal::Asking { over, left, in_vain, from };
            }
            Withdrawal::Asking { over, in_vain, .. } => world.close_round(over, in_vain),
            Withdrawal::Never | Withdrawal::Done => return,
        }
        worlds.push(world);
        self.hinder_withdrawal(worlds);
    }

    /// A process that withdraws a grant dies, or stands still.
    fn hinder_withdrawal(&self, worlds: &mut Vec<Self>) {
        if self.faults.crashes > 0 {
            // Whoever comes next finds the grant stopped.
            let mut crashed = self.fault(|faults| faults.crashes -= 1);
            crashed.withdrawal = Withdrawal::Round { from: self.now + 1 };
            worlds.push(crashed);
        }
        if let Withdrawal::Asking { over, left, in_vain, .. } = self.withdrawal
            && self.faults.stalls > 0
        {
            let mut stalled = self.fault(|faults| faults.stalls -= 1);
            let from = self.now + self.faults.stall_ticks;
            stalled.withdrawal = Withdrawal::Asking { over, left, in_vain, from };
            worlds.push(stalled);
        }
    }

    fn close_round(&mut self, over: u32, in_vain: Tokens) {
        if over != self.record.version {
            self.withdrawal = Withdrawal::Round { from: self.now };
        } else if in_vain == 0 {
            self.record.is_buried = true;
            self.record.version += 1;
            self.withdrawal = Withdrawal::Done;
        } else {
            let standing = std::mem::take(&mut self.record.standing);
            let is_left =
                |held: &&grantry_custody::protocol::Candidate| one(token(held.token)) & in_vain != 0;
            let keeps = standing.current.as_ref().filter(is_left).is_some();
            let mut standing = standing.withdrawn_in_part(keeps);
            standing.others.retain(|other| is_left(&other));
            self.record.standing = standing;
            self.record.version += 1;
            self.withdrawal = Withdrawal::Round { from: self.now + 1 };
        }
    }

    /// A replica found that what it brought belongs nowhere.
    pub(crate) fn orphan(&mut self, me: usize) {
        if !self.withdrawal.is_begun() {
            self.broken = Some("a successor of a standing grant was revoked");
        }
        let Some(proceeds) = self.attempt(me).proceeds else { return };
        match self.mutant {
            Some(Mutant::OrphanNotRevoked) => self.forget_orphan(me, &proceeds),
            Some(Mutant::OrphanNotAboard) => {
                self.forget_orphan(me, &proceeds);
                self.replicas[me].orphans.push(proceeds);
            }
            _ => self.replicas[me].orphans.push(proceeds),
        }
    }

    /// What was brought for a grant that is gone is revoked at the server, and leaves the lifeboat only then.
    pub(crate) fn revoke_orphan(&self, me: usize, worlds: &mut Vec<Self>) {
        let replica = &self.replicas[me];
        let Some(proceeds) = replica.orphans.first().filter(|_| self.now >= replica.stalled_until) else {
            return;
        };
        let mut world = self.clone();
        if let Some(successor) = proceeds.successor.filter(|found| one(token(*found)) != 0) {
            world.server.revoke(token(successor));
        }
        world.forget_orphan(me, proceeds);
        worlds.push(world);
    }

    fn forget_orphan(&mut self, me: usize, proceeds: &Proceeds) {
        let replica = &mut self.replicas[me];
        replica.orphans.retain(|orphan| orphan.attempt != proceeds.attempt);
        replica.boat.retain(|aboard| aboard.attempt != proceeds.attempt);
    }
}
