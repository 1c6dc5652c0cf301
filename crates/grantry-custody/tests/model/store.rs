//! What the store does: it takes what is written over the newest version, and time passes.

use grantry_custody::protocol::{Change, Event, Verdict};

use crate::mutant::Mutant;
use crate::world::{END, Pending, TOKEN_LIVES, World, at, tick_of};

impl World {
    pub(crate) fn write(&mut self, me: usize, change: Change) -> Event {
        let attempt = self.replicas[me].attempt.as_ref().unwrap();
        let before = &self.record.standing;
        let fenced =
            self.mutant == Some(Mutant::FencedByEpoch) && change.lands && !before.is_owned_by(&attempt.id);
        let blind = self.mutant == Some(Mutant::CondemnedBlindly) && change.standing.verdict.is_some();
        if fenced {
            // Dropped, as a store does that rejects an older epoch.
            return Event::Written;
        }
        if attempt.over != self.record.version && !blind {
            return Event::Conflict;
        }
        let parent = attempt.proceeds.and_then(|proceeds| proceeds.parent);
        let first = parent.is_none_or(|parent| before.held(parent).is_some());
        if self.mutant == Some(Mutant::SiblingsDropped) && change.lands && !first {
            return Event::Written;
        }
        if self.mutant == Some(Mutant::NoClaim) && change.standing.intent.is_some() {
            return Event::Written;
        }
        let mut standing = change.standing;
        if let Some(mutant) = self.mutant {
            mutant.write(&mut standing, before, change.lands);
        }
        if before.verdict == Some(Verdict::Revoking) && standing.verdict != before.verdict {
            self.broken = Some("a grant that had been withdrawn came back");
        }
        self.record.standing = standing;
        self.record.version += 1;
        if change.lands {
            self.record.generation += 1;
        }
        if change.access {
            self.record.access_expires = self.now + TOKEN_LIVES;
        }
        let version = self.record.version;
        self.attempt(me).over = version;
        Event::Written
    }

    /// Time passes only when nobody has anything left to do at once.
    pub(crate) fn may_tick(&self) -> bool {
        let withdrawal_rests = self.withdrawal.rests(self.now);
        withdrawal_rests
            && self.replicas.iter().all(|replica| {
                let stalled = self.now < replica.stalled_until;
                if !replica.orphans.is_empty() && !stalled {
                    return false;
                }
                let Some(attempt) = &replica.attempt else {
                    let nothing_to_do = replica.boat.is_empty() && replica.is_content && !self.is_stuck();
                    // At the beginning each may come later than the other.
                    return stalled || nothing_to_do || self.now < replica.rests_until || self.now < 2;
                };
                match attempt.pending {
                    Pending::Wait(until) | Pending::Pause(until) => stalled || self.now < until,
                    Pending::Silence { sent } => {
                        stalled || self.now < sent + tick_of(self.terms.http_timeout)
                    }
                    // A message may take as long as a request may.
                    Pending::Request { sent, .. } => self.now == sent,
                    Pending::Response { .. } | Pending::Mangled { .. } => false,
                    _ => stalled,
                }
            })
    }

    pub(crate) fn ticked(&self) -> Self {
        let mut world = self.clone();
        world.now = if self.is_at_rest() { END } else { self.now + 1 };
        for me in 0..2 {
            let now = world.now;
            let replica = &mut world.replicas[me];
            // What lies behind tells no world from another.
            if replica.rests_until <= now {
                replica.rests_until = 0;
            }
            // A heartbeat runs beside the attempt, so only a replica that stands still misses one; that which was due when it
            // comes to may be late.
            if now <= replica.stalled_until {
                continue;
            }
            replica.stalled_until = 0;
            let owns = replica.attempt.as_ref().is_some_and(|attempt| attempt.redemption.holds_a_lease());
            let has_something = replica.attempt.as_ref().is_some_and(|attempt| attempt.proceeds.is_some());
            // Whoever has something in its hands and no lease to extend has given no sign yet.
            if owns || !has_something && replica.boat.is_empty() {
                replica.silent_since = None;
            }
            let Some(attempt) =
                replica.attempt.as_ref().filter(|_| owns && self.mutant != Some(Mutant::NoExtension))
            else {
                continue;
            };
            let extended = world.record.standing.extended(&attempt.id, at(now), &world.terms);
            if let Some(extended) = extended.filter(|extended| *extended != world.record.standing)
                && !world.record.is_buried
            {
                world.record.standing = extended;
                world.record.version += 1;
            }
        }
        world
    }

    /// Whether nothing comes any more but time. A withdrawal that comes to a world at rest finds the same whenever it comes, so the
    /// moment at which the rest begins stands for all later ones.
    fn is_at_rest(&self) -> bool {
        let idle = self.replicas.iter().all(|replica| {
            replica.attempt.is_none()
                && replica.boat.is_empty()
                && replica.orphans.is_empty()
                && replica.is_content
                && self.now >= replica.stalled_until
        });
        let settled = self.record.standing.intent.is_none() && !self.is_stuck();
        let withdrawal_rests = !self.withdrawal.is_begun() || self.record.is_buried;
        idle && (settled || self.record.is_buried) && withdrawal_rests
    }
}
