//! What a replica does when nothing goes wrong.

use std::rc::Rc;

use grantry_custody::protocol::{
    Asked, AttemptId, Effect, End, Event, Outcome, Proceeds, Redemption, Replaced, Snapshot, Verdict,
};

use crate::mutant::Mutant;
use crate::server::{Token, one};
use crate::world::{Attempt, LINEAGE, Pending, World, at, fingerprint, tick, tick_of, token};

impl World {
    pub(crate) fn begin(&self, me: usize, worlds: &mut Vec<Self>) {
        let replica = &self.replicas[me];
        if replica.attempt.is_some() || self.now < replica.stalled_until.max(replica.rests_until) {
            return;
        }
        // Those of a dead process come first: whoever starts adopts them. Orphans of the living are in good hands.
        if let Some(proceeds) = self.left_aboard(me) {
            let mut world = self.clone();
            let (redemption, effects) = Redemption::adopt(proceeds, world.terms);
            world.start(me, redemption, effects, proceeds.attempt, Some(proceeds));
            worlds.push(world);
            return;
        }
        let resolves = replica.is_content && self.is_stuck();
        if replica.is_content && !resolves {
            return;
        }
        let mut world = self.clone();
        let id = self.free_name();
        let replaced = Replaced { generation: world.replicas[me].holds, lineage: Some(LINEAGE) };
        let asked = Asked { attempt: id, replacing: Some(replaced), resolves };
        let (redemption, effects) = Redemption::begin(asked, world.terms, true);
        world.start(me, redemption, effects, id, None);
        worlds.push(world);
    }

    fn left_aboard(&self, me: usize) -> Option<Proceeds> {
        let replica = &self.replicas[me];
        let is_orphan =
            |aboard: &Proceeds| replica.orphans.iter().any(|orphan| orphan.attempt == aboard.attempt);
        replica.boat.iter().find(|aboard| !is_orphan(aboard)).copied()
    }

    fn start(
        &mut self,
        me: usize,
        redemption: Redemption,
        effects: Vec<Effect>,
        id: AttemptId,
        proceeds: Option<Proceeds>,
    ) {
        let attempt = Attempt {
            redemption,
            pending: Pending::Read,
            over: 0,
            asked: self.now,
            began: self.now,
            saw_silent: 0,
            id,
            proceeds,
        };
        self.replicas[me].attempt = Some(Rc::new(attempt));
        self.obey(me, effects);
    }

    pub(crate) fn act(&self, me: usize, worlds: &mut Vec<Self>) {
        let replica = &self.replicas[me];
        let Some(attempt) = replica.attempt.as_ref().filter(|_| self.now >= replica.stalled_until) else {
            return;
        };
        if self.waits(attempt) {
            return;
        }
        let mut world = self.clone();
        if let Some(event) = world.next_event(me, attempt) {
            let shows_early =
                self.mutant == Some(Mutant::ShownBeforeStored) && matches!(event, Event::Brought(_));
            let mut effects = world.attempt(me).redemption.step(event);
            if shows_early {
                effects.insert(0, Effect::Release);
            }
            world.obey(me, effects);
        }
        worlds.push(world);
    }

    /// Whether nothing comes of an attempt at this moment.
    fn waits(&self, attempt: &Attempt) -> bool {
        match attempt.pending {
            Pending::Wait(until) | Pending::Pause(until) => self.now < until,
            Pending::Silence { sent } => self.now < sent + tick_of(self.terms.http_timeout),
            _ => false,
        }
    }

    /// What happens next to an attempt: an event for the protocol, or nothing that it would hear of.
    fn next_event(&mut self, me: usize, attempt: &Attempt) -> Option<Event> {
        Some(match &attempt.pending {
            Pending::Read => {
                let saw_silent = self.held_in_silence(me);
                self.attempt(me).saw_silent = saw_silent;
                let found = (!self.record.is_buried).then(|| Box::new(self.snapshot()));
                // Only who stands still comes to what it found later.
                if self.faults.stalls > 0 {
                    self.attempt(me).pending = Pending::Found(found, self.record.version);
                    return None;
                }
                self.found(me, found.as_deref(), self.record.version)
            }
            Pending::Found(found, version) => self.found(me, found.as_deref(), *version),
            Pending::Write(change) => self.write(me, change.clone()),
            Pending::Wait(_) | Pending::Pause(_) => Event::Woken,
            Pending::Post { token, within } => {
                let guarded = self.mutant != Some(Mutant::NoSendGuard);
                // A request that leaves in the last moment is in time.
                if guarded && self.now - attempt.began > *within {
                    return Some(Event::Failed(Outcome::NotSent));
                }
                self.leave(me, *token, false);
                return None;
            }
            Pending::Leaving { token } => {
                self.leave(me, *token, true);
                return None;
            }
            Pending::Request { token, sent, late } => {
                let answer = self.arrive(me, *token, *late);
                self.attempt(me).pending = Pending::Response { answer, sent: *sent };
                return None;
            }
            Pending::Response { answer: Some(successor), .. } => {
                Event::Brought(self.brought(me, *successor, true))
            }
            Pending::Mangled { found } => Event::Brought(self.brought(me, *found, false)),
            Pending::Response { answer: None, .. } => Event::Failed(Outcome::Refused),
            Pending::Silence { .. } => Event::Failed(Outcome::Unknown),
            Pending::Board => {
                let proceeds = attempt.proceeds.unwrap();
                if self.mutant == Some(Mutant::SalvageNotBoarded) && !proceeds.usable {
                    return Some(Event::NotAboard);
                }
                self.replicas[me].boat.push(proceeds);
                Event::Aboard
            }
        })
    }

    fn found(&mut self, me: usize, found: Option<&Snapshot>, version: u32) -> Event {
        let (now, overlooks) = (self.now, self.mutant == Some(Mutant::WithdrawalOverlooked));
        let attempt = self.attempt(me);
        attempt.over = version;
        let Some(mut found) = found.cloned() else { return Event::Gone };
        found.took = at(now).since(at(attempt.asked));
        if overlooks && attempt.proceeds.is_some() && found.standing.verdict == Some(Verdict::Revoking) {
            found.standing.verdict = None;
        }
        Event::Read(found)
    }

    /// A request leaves.
    fn leave(&mut self, me: usize, sent: Token, late: bool) {
        let now = self.now;
        self.attempt(me).pending = Pending::Request { token: sent, sent: now, late };
        let id = self.attempt(me).id;
        if !late && !self.others_wait_for(&id) {
            self.broken = Some("a request leaves without a lease");
        }
        if !self.faulted && self.requests_with(sent) > 1 {
            self.broken = Some("two requests with one token are under way");
        }
    }

    /// A request reaches the server: what it answers.
    fn arrive(&mut self, me: usize, sent: Token, late: bool) -> Option<Token> {
        let why = if self.server.revoked { self.ledger.revoked_for } else { self.why_revoked(me, late) };
        let was_revoked = self.server.revoked;
        let answer = self.server.redeem(sent, self.now);
        self.ledger.late |= answer.filter(|_| late).map_or(0, one);
        if was_revoked || !self.server.revoked {
            return answer;
        }
        self.ledger.revoked_for = why;
        // Whoever withdrew the grant has revoked the token.
        if self.withdrawal.is_begun() || late {
            return answer;
        }
        if !self.faulted {
            self.broken = Some("the family was revoked without a fault");
        } else if self.now + 1 < self.record.access_expires && self.record.generation == 0 {
            self.broken = Some("the family was revoked while its access token was fit");
        }
        answer
    }

    fn brought(&mut self, me: usize, successor: Token, usable: bool) -> Proceeds {
        let attempt = self.attempt(me);
        let intent = attempt.redemption.claimed().unwrap();
        let proceeds = Proceeds {
            lineage: LINEAGE,
            attempt: attempt.id,
            epoch: intent.epoch,
            parent: intent.token,
            successor: Some(fingerprint(successor)),
            usable,
        };
        attempt.proceeds = Some(proceeds);
        proceeds
    }

    fn obey(&mut self, me: usize, effects: Vec<Effect>) {
        for effect in effects {
            let pending = match effect {
                Effect::Read => {
                    let now = self.now;
                    self.attempt(me).asked = now;
                    Pending::Read
                }
                Effect::Write(change) => {
                    // The guard counts from before the reading: the lease does, too.
                    let late = self.mutant == Some(Mutant::GuardFromTheWrite);
                    let now = self.now;
                    let attempt = self.attempt(me);
                    let asked = std::mem::take(&mut attempt.asked);
                    attempt.began = if late { now } else { asked };
                    Pending::Write(*change)
                }
                Effect::Wait(until) => Pending::Wait(tick(until)),
                Effect::Pause => Pending::Pause(self.now + 1),
                Effect::Send { token: sent, within } => {
                    Pending::Post { token: token(sent.unwrap()), within: tick_of(within) }
                }
                Effect::Board => Pending::Board,
                Effect::Unboard => {
                    let id = self.attempt(me).id;
                    let replica = &mut self.replicas[me];
                    let is_orphan = replica.orphans.iter().any(|orphan| orphan.attempt == id);
                    replica.boat.retain(|aboard| aboard.attempt != id || is_orphan);
                    continue;
                }
                Effect::Release => {
                    self.release(me);
                    continue;
                }
                Effect::Revoke => {
                    self.orphan(me);
                    continue;
                }
                Effect::Finish(end) => {
                    self.finish(me, end);
                    return;
                }
                other => panic!("{other:?}"),
            };
            self.attempt(me).pending = pending;
        }
    }

    fn release(&mut self, me: usize) {
        let successor = self.attempt(me).proceeds.and_then(|proceeds| proceeds.successor);
        let stored = successor.is_some_and(|token| self.record.standing.held(token).is_some());
        let aboard = self.replicas[me].boat.iter().any(|proceeds| proceeds.successor == successor);
        if self.withdrawal.is_begun() {
            self.broken = Some("a token was shown of a grant that had been withdrawn");
        }
        if !stored && !aboard {
            self.broken = Some("a token was shown before it was kept");
        }
    }

    fn finish(&mut self, me: usize, end: End) {
        let (now, generation) = (self.now, self.record.generation);
        let replica = &mut self.replicas[me];
        replica.attempt = None;
        replica.rests_until = now;
        match end {
            End::Fresh | End::Stored => {
                replica.holds = generation;
                replica.is_content = true;
                if self.renewals_left > 0 && end == End::Fresh {
                    // Its token is refused, or expires again.
                    self.renewals_left -= 1;
                    replica.is_content = self.renewals_left == 0;
                }
            }
            End::InDoubt(Some(until)) | End::Busy(until) => replica.rests_until = tick(until).max(now + 1),
            End::Refused(_) | End::Gone => replica.is_content = true,
            // What is in doubt is tried again as soon as it may be, whatever whoever asked does.
            End::InDoubt(None) | End::Again => {}
            _ => replica.rests_until = now + 1,
        }
    }
}
