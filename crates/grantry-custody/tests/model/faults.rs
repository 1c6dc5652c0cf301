//! What can go wrong, and how often.

use crate::server::{NO_TOKEN, Token};
use crate::world::{Pending, World, token};

/// How often each fault may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Faults {
    /// Replicas that crash.
    pub(crate) crashes: u8,
    /// Messages that are lost.
    pub(crate) losses: u8,
    /// Answers that cannot be used, though a refresh token can be found in them.
    pub(crate) mangles: u8,
    /// Stalls, and how many ticks each takes.
    pub(crate) stalls: u8,
    pub(crate) stall_ticks: u8,
    /// Stalls of the same length between the guard and the sending.
    pub(crate) pauses: u8,
    /// Persons who withdraw the grant: no fault, but somebody's wish.
    pub(crate) withdrawals: u8,
}

impl Faults {
    /// Whether there is room for more renewals.
    pub(crate) fn are_few(&self) -> bool {
        self.crashes + self.losses + self.mangles * 2 + self.stalls + self.pauses + self.withdrawals < 2
    }

    /// Whether two may happen that cost a token.
    pub(crate) fn are_two(&self) -> bool {
        self.crashes + self.losses + self.mangles > 1 || self.crashes + self.losses > 0 && self.stalls > 0
    }
}

impl World {
    /// What can go wrong with a replica.
    pub(crate) fn stumble(&self, me: usize, worlds: &mut Vec<Self>) {
        let replica = &self.replicas[me];
        let Some(attempt) = &replica.attempt else {
            // An orphan outlives its process in the lifeboat.
            if !replica.orphans.is_empty() && self.faults.crashes > 0 {
                worlds.push(self.crashed(me));
            }
            return;
        };
        if self.faults.crashes > 0 {
            worlds.push(self.crashed(me));
        }
        if let Pending::Request { sent, .. } | Pending::Response { sent, .. } = attempt.pending
            && self.faults.losses > 0
        {
            let mut world = self.fault(|faults| faults.losses -= 1);
            world.take(self.only_copy(me));
            world.attempt(me).pending = Pending::Silence { sent };
            worlds.push(world);
        }
        self.mangle(me, worlds);
        let is_message = matches!(
            attempt.pending,
            Pending::Request { .. } | Pending::Response { .. } | Pending::Mangled { .. }
        );
        if self.now < replica.stalled_until {
            return;
        }
        if self.faults.stalls > 0 && !is_message {
            let mut world = self.fault(|faults| faults.stalls -= 1);
            world.stall(me);
            worlds.push(world);
        }
        if let Pending::Post { token, within } = attempt.pending
            && self.faults.pauses > 0
            && self.now - attempt.began <= within
        {
            let mut world = self.fault(|faults| faults.pauses -= 1);
            world.attempt(me).pending = Pending::Leaving { token };
            world.stall(me);
            worlds.push(world);
        }
    }

    fn crashed(&self, me: usize) -> Self {
        let mut world = self.fault(|faults| faults.crashes -= 1);
        let only = self.only_copy(me);
        world.take(only);
        let pending = self.replicas[me].attempt.as_ref().map(|attempt| &attempt.pending);
        if only.is_some()
            && let Some(Pending::Read | Pending::Found(..) | Pending::Write(_) | Pending::Pause(_)) = pending
        {
            world.broken = Some("the only copy of a token was in memory for longer than it takes to keep it");
        }
        let now = self.now;
        let replica = &mut world.replicas[me];
        replica.attempt = None;
        replica.orphans.clear();
        replica.rests_until = now + 1;
        replica.silent_since.get_or_insert(now);
        world
    }

    fn stall(&mut self, me: usize) {
        let replica = &mut self.replicas[me];
        replica.stalled_until = self.now + self.faults.stall_ticks;
        replica.silent_since.get_or_insert(self.now);
    }

    fn mangle(&self, me: usize, worlds: &mut Vec<Self>) {
        let pending = self.replicas[me].attempt.as_ref().map(|attempt| &attempt.pending);
        let found = match pending {
            Some(Pending::Response { answer: Some(successor), .. }) => *successor,
            // A page about errors, with an example in it; the request was not handled. Nothing else goes wrong with it.
            Some(Pending::Request { .. }) if self.faults.crashes == 0 && !self.faulted => NO_TOKEN,
            _ => return,
        };
        if self.faults.mangles > 0 {
            let mut world = self.fault(|faults| faults.mangles -= 1);
            world.attempt(me).pending = Pending::Mangled { found };
            worlds.push(world);
        }
    }

    /// The successor that a replica holds and that is nowhere else.
    fn only_copy(&self, me: usize) -> Option<Token> {
        let replica = &self.replicas[me];
        let attempt = replica.attempt.as_ref()?;
        if let Pending::Response { answer: Some(found), .. } | Pending::Mangled { found } = attempt.pending {
            return Some(found);
        }
        let carried = attempt.proceeds.and_then(|proceeds| proceeds.successor)?;
        let stored = self.record.standing.held(carried).is_some();
        let aboard = replica.boat.iter().any(|proceeds| proceeds.attempt == attempt.id);
        (!stored && !aboard).then(|| token(carried))
    }

    pub(crate) fn fault(&self, spend: impl FnOnce(&mut Faults)) -> Self {
        let mut world = self.clone();
        spend(&mut world.faults);
        world.faulted = true;
        world
    }
}
