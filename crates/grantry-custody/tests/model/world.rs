//! Two replicas, one grant, one authorization server: everything that can happen next.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use grantry_core::StoreTime;
use grantry_custody::protocol::{
    Asked, AttemptId, Change, Effect, End, Event, Outcome, Proceeds, Redemption, Replaced, Snapshot,
    Standing, Terms, Verdict,
};
use grantry_vault::{Fingerprint, LineageId};

use crate::mutant::Mutant;
use crate::server::{NO_TOKEN, Server, Token};

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
}

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) terms: Terms,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) faults: Faults,
    pub(crate) now: u8,
    pub(crate) server: Server,
    record: Record,
    replicas: [Replica; 2],
    /// The first broken promise.
    pub(crate) broken: Option<&'static str>,
    /// Whether any fault happened.
    pub(crate) faulted: bool,
    /// Whether the only copy of a successor was lost: with an answer, or with a process before it was kept.
    pub(crate) gone: bool,
    renewals_left: u8,
    /// How many attempts were begun.
    begun: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Record {
    standing: Standing,
    generation: u64,
    version: u32,
    access_expires: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Replica {
    attempt: Option<Attempt>,
    boat: Vec<Proceeds>,
    stalled_until: u8,
    attempts: u8,
    /// The generation of the token that it holds.
    holds: u64,
    is_content: bool,
    rests_until: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Attempt {
    redemption: Redemption,
    pending: Pending,
    /// The version that the next write is over.
    over: u32,
    /// When the store was asked for the reading that is gone on from.
    asked: u8,
    /// The same of the reading that the claim goes on from.
    began: u8,
    id: AttemptId,
    proceeds: Option<Proceeds>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(clippy::large_enum_variant, reason = "one for each attempt")]
enum Pending {
    Read,
    /// What a reading found, and the version of it.
    Found(Box<Snapshot>, u32),
    Write(Change),
    Wait(u8),
    Pause(u8),
    Post {
        token: Token,
        within: u8,
    },
    Request {
        token: Token,
        sent: u8,
    },
    Response {
        answer: Option<Token>,
        sent: u8,
    },
    Mangled {
        found: Token,
    },
    Silence {
        sent: u8,
    },
    Board,
}

/// After this tick nothing more is looked at.
pub(crate) const END: u8 = 24;
const LINEAGE: LineageId = LineageId::from_bytes([7; 16]);
const MOST_ATTEMPTS: u8 = 9;
const TOKEN_LIVES: u8 = 4;

fn digest(part: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    part.hash(&mut hasher);
    hasher.finish()
}

impl Faults {
    /// Whether two may happen that cost a token.
    pub(crate) fn are_two(&self) -> bool {
        self.crashes + self.losses + self.mangles > 1
    }
}

fn fingerprint(token: Token) -> Fingerprint {
    Fingerprint::from_bytes([token; 16])
}

fn token(fingerprint: Fingerprint) -> Token {
    fingerprint.as_bytes()[0]
}

fn at(tick: u8) -> StoreTime {
    StoreTime::from_nanos(0).after(Duration::from_secs(u64::from(tick)))
}

fn tick(time: StoreTime) -> u8 {
    u8::try_from(time.since(at(0)).as_nanos().div_ceil(1_000_000_000)).unwrap_or(u8::MAX)
}

impl World {
    pub(crate) fn new(terms: Terms, server: Server, faults: Faults, mutant: Option<Mutant>) -> Self {
        let standing = Standing::new(Some(fingerprint(0)));
        Self {
            terms: mutant.map_or(terms, |mutant| mutant.terms(terms)),
            mutant,
            faults,
            now: 0,
            server,
            record: Record { standing, generation: 0, version: 0, access_expires: 3 },
            replicas: Default::default(),
            broken: None,
            faulted: false,
            gone: false,
            // These are enough to search without the generation after next.
            renewals_left: if faults.are_two() || faults.mangles > 0 { 1 } else { 2 },
            begun: 0,
        }
    }

    /// The world in 64 bits, so that it need not be kept. Which of the replicas is which makes no difference.
    pub(crate) fn digest(&self) -> u64 {
        let mut replicas = self.replicas.each_ref().map(digest);
        replicas.sort_unstable();
        let fates = (self.now, self.broken, self.faulted, self.gone, self.renewals_left, self.begun);
        digest(&(replicas, &self.record, &self.server, self.faults, fates))
    }

    /// The world in a line, for the way to a mistake.
    pub(crate) fn describe(&self) -> String {
        let replicas = self.replicas.each_ref().map(|replica| {
            let pending = replica.attempt.as_ref().map(|attempt| format!("{:?}", attempt.pending));
            let what = pending.map_or("-".into(), |text| text.chars().take(40).collect::<String>());
            format!("{what:40} boat {} rests {}", replica.boat.len(), replica.rests_until)
        });
        let standing = &self.record.standing;
        let token = standing.current.map(|current| {
            (token(current.token), current.doubt.map(|doubt| (tick(doubt.first_sent), tick(doubt.settled))))
        });
        let intent = standing.intent.map(|intent| (intent.epoch, tick(intent.lease_until)));
        format!(
            "{:2} {replicas:?} holds {token:?} {} others, intent {intent:?}",
            self.now,
            standing.others.len()
        )
    }

    /// Every world that may come next.
    pub(crate) fn successors(&self) -> Vec<Self> {
        let mut worlds = Vec::new();
        if self.broken.is_some() || self.now >= END {
            return worlds;
        }
        for me in 0..2 {
            self.begin(me, &mut worlds);
            self.act(me, &mut worlds);
            self.stumble(me, &mut worlds);
        }
        if self.may_tick() {
            worlds.push(self.ticked());
        }
        worlds
    }

    /// Whether an attempt says in the record that it uses the token, also where its lease is over.
    pub(crate) fn is_claimed(&self) -> bool {
        self.record.standing.intent.is_some()
    }

    /// How the grant stands, in the words of the manual's picture.
    pub(crate) fn state(&self) -> &'static str {
        let standing = &self.record.standing;
        let is_owned = standing.intent.is_some_and(|intent| intent.lease_until > at(self.now));
        match standing.verdict {
            Some(Verdict::NeedsPerson { .. }) => "person needed",
            Some(Verdict::Revoking) => "revoking",
            Some(_) => "revoked",
            None if is_owned => "renewing",
            None if standing.is_in_doubt() || standing.intent.is_some() => "in doubt",
            None => "active",
        }
    }

    /// Whether the grant is lost: nobody holds a token that the server would accept.
    pub(crate) fn is_lost(&self) -> bool {
        let standing = &self.record.standing;
        let held = standing.current.iter().chain(&standing.others).map(|candidate| token(candidate.token));
        let aboard = self.replicas.iter().flat_map(|replica| {
            let carried = replica.attempt.iter().filter_map(|attempt| attempt.proceeds.as_ref());
            carried.chain(&replica.boat).filter_map(|proceeds| proceeds.successor.map(token))
        });
        !held.chain(aboard).any(|token| self.server.accepts(token, self.now))
    }

    /// Whether a person was asked for.
    pub(crate) fn is_condemned(&self) -> bool {
        matches!(self.record.standing.verdict, Some(Verdict::NeedsPerson { .. }))
    }

    /// Whether it came to rest with a doubt that nobody resolves.
    pub(crate) fn is_stuck(&self) -> bool {
        self.record.standing.is_in_doubt() && self.record.standing.verdict.is_none()
    }

    fn begin(&self, me: usize, worlds: &mut Vec<Self>) {
        let replica = &self.replicas[me];
        if replica.attempt.is_some() || self.now < replica.stalled_until.max(replica.rests_until) {
            return;
        }
        let mut world = self.clone();
        let replica = &mut world.replicas[me];
        // Those of a dead process come first: whoever starts adopts them.
        if let Some(proceeds) = replica.boat.first().copied() {
            let (redemption, effects) = Redemption::adopt(proceeds, world.terms);
            world.start(me, redemption, effects, proceeds.attempt, Some(proceeds));
            worlds.push(world);
            return;
        }
        let resolves = replica.is_content && self.is_stuck();
        if replica.is_content && !resolves || replica.attempts >= MOST_ATTEMPTS {
            return;
        }
        replica.attempts += 1;
        world.begun += 1;
        let id = [world.begun; 16];
        let replaced = Replaced { generation: world.replicas[me].holds, lineage: Some(LINEAGE) };
        let asked = Asked { attempt: id, replacing: Some(replaced), resolves };
        let (redemption, effects) = Redemption::begin(asked, world.terms, true);
        world.start(me, redemption, effects, id, None);
        worlds.push(world);
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
            id,
            proceeds,
        };
        self.replicas[me].attempt = Some(attempt);
        self.obey(me, effects);
    }

    /// What a replica does when nothing goes wrong.
    fn act(&self, me: usize, worlds: &mut Vec<Self>) {
        let replica = &self.replicas[me];
        let Some(attempt) = replica.attempt.as_ref().filter(|_| self.now >= replica.stalled_until) else {
            return;
        };
        let mut world = self.clone();
        let event = match &attempt.pending {
            // Only who stands still comes to what it found later.
            Pending::Read if self.faults.stalls > 0 => {
                let found = Pending::Found(Box::new(self.snapshot()), self.record.version);
                world.attempt(me).pending = found;
                worlds.push(world);
                return;
            }
            Pending::Read => {
                world.attempt(me).over = self.record.version;
                Event::Read(Snapshot { took: at(self.now).since(at(attempt.asked)), ..self.snapshot() })
            }
            Pending::Found(found, version) => {
                world.attempt(me).over = *version;
                Event::Read(Snapshot { took: at(self.now).since(at(attempt.asked)), ..(**found).clone() })
            }
            Pending::Write(change) => world.write(me, change.clone()),
            Pending::Wait(until) if self.now >= *until => Event::Woken,
            Pending::Pause(until) if self.now >= *until => Event::Woken,
            Pending::Post { token, within } => {
                let guarded = self.mutant != Some(Mutant::NoSendGuard);
                // A request that leaves in the last moment is in time.
                if guarded && self.now - attempt.began > *within {
                    Event::Failed(Outcome::NotSpent)
                } else {
                    let pending = Pending::Request { token: *token, sent: self.now };
                    world.attempt(me).pending = pending;
                    if !self.others_wait_for(&attempt.id) {
                        world.broken = Some("a request leaves without a lease");
                    }
                    if !world.faulted && world.requests_with(*token) > 1 {
                        world.broken = Some("two requests with one token are under way");
                    }
                    worlds.push(world);
                    return;
                }
            }
            Pending::Request { token, sent } => {
                let answer = world.server.redeem(*token, self.now);
                if world.server.revoked && !self.server.revoked {
                    if !self.faulted {
                        world.broken = Some("the family was revoked without a fault");
                    } else if self.now + 1 < self.record.access_expires && self.record.generation == 0 {
                        world.broken = Some("the family was revoked while its access token was fit");
                    }
                }
                world.attempt(me).pending = Pending::Response { answer, sent: *sent };
                worlds.push(world);
                return;
            }
            Pending::Response { answer: Some(successor), .. } => {
                Event::Brought(world.brought(me, *successor, true))
            }
            Pending::Mangled { found } => Event::Brought(world.brought(me, *found, false)),
            Pending::Response { answer: None, .. } => Event::Failed(Outcome::Refused),
            Pending::Silence { sent }
                if self.now > *sent + tick(at(0).after(self.terms.http_timeout)) - 1 =>
            {
                Event::Failed(Outcome::Unknown)
            }
            Pending::Board => {
                let proceeds = attempt.proceeds.unwrap();
                if self.mutant == Some(Mutant::SalvageNotBoarded) && !proceeds.usable {
                    let effects = world.attempt(me).redemption.step(Event::NotAboard);
                    world.obey(me, effects);
                    worlds.push(world);
                    return;
                }
                world.replicas[me].boat.push(proceeds);
                Event::Aboard
            }
            _ => return,
        };
        let mut effects = world.attempt(me).redemption.step(event.clone());
        if self.mutant == Some(Mutant::ShownBeforeStored) && matches!(event, Event::Brought(_)) {
            effects.insert(0, Effect::Release);
        }
        world.obey(me, effects);
        worlds.push(world);
    }

    /// What can go wrong with a replica.
    fn stumble(&self, me: usize, worlds: &mut Vec<Self>) {
        let replica = &self.replicas[me];
        let Some(attempt) = &replica.attempt else { return };
        if self.faults.crashes > 0 {
            let mut world = self.fault(|faults| faults.crashes -= 1);
            world.gone |= self.only_copy(me);
            if self.only_copy(me)
                && matches!(
                    attempt.pending,
                    Pending::Read | Pending::Found(..) | Pending::Write(_) | Pending::Pause(_)
                )
            {
                world.broken =
                    Some("the only copy of a token was in memory for longer than it takes to keep it");
            }
            world.replicas[me].attempt = None;
            world.replicas[me].rests_until = self.now + 1;
            worlds.push(world);
        }
        let is_message = matches!(
            attempt.pending,
            Pending::Request { .. } | Pending::Response { .. } | Pending::Mangled { .. }
        );
        if let Pending::Request { sent, .. } | Pending::Response { sent, .. } = attempt.pending
            && self.faults.losses > 0
        {
            let mut world = self.fault(|faults| faults.losses -= 1);
            world.gone |= self.only_copy(me);
            world.attempt(me).pending = Pending::Silence { sent };
            worlds.push(world);
        }
        if self.faults.mangles > 0 {
            let found = match attempt.pending {
                Pending::Response { answer: Some(successor), .. } => Some(successor),
                // A page about errors, with an example in it; the request was not handled. Nothing else goes wrong with it.
                Pending::Request { .. } if self.faults.crashes == 0 && !self.faulted => Some(NO_TOKEN),
                _ => None,
            };
            if let Some(found) = found {
                let mut world = self.fault(|faults| faults.mangles -= 1);
                world.attempt(me).pending = Pending::Mangled { found };
                worlds.push(world);
            }
        }
        if self.faults.stalls > 0 && self.now >= replica.stalled_until && !is_message {
            let mut world = self.fault(|faults| faults.stalls -= 1);
            world.replicas[me].stalled_until = self.now + self.faults.stall_ticks;
            worlds.push(world);
        }
    }

    /// Whether a replica holds a successor that is nowhere else.
    fn only_copy(&self, me: usize) -> bool {
        let replica = &self.replicas[me];
        let Some(attempt) = &replica.attempt else { return false };
        if let Pending::Response { answer: Some(_), .. } | Pending::Mangled { .. } = attempt.pending {
            return true;
        }
        let carried = attempt.proceeds.and_then(|proceeds| proceeds.successor);
        let stored = carried.is_some_and(|token| self.record.standing.held(token).is_some());
        let aboard = replica.boat.iter().any(|proceeds| proceeds.attempt == attempt.id);
        carried.is_some() && !stored && !aboard
    }

    fn fault(&self, spend: impl FnOnce(&mut Faults)) -> Self {
        let mut world = self.clone();
        spend(&mut world.faults);
        world.faulted = true;
        world
    }

    /// Time passes only when nobody has anything left to do at once.
    fn may_tick(&self) -> bool {
        self.replicas.iter().all(|replica| {
            let stalled = self.now < replica.stalled_until;
            let Some(attempt) = &replica.attempt else {
                let nothing_to_do = replica.boat.is_empty()
                    && (replica.is_content && !self.is_stuck() || replica.attempts >= MOST_ATTEMPTS);
                // At the beginning each may come later than the other.
                return stalled || nothing_to_do || self.now < replica.rests_until || self.now < 2;
            };
            match attempt.pending {
                Pending::Wait(until) | Pending::Pause(until) => stalled || self.now < until,
                Pending::Silence { sent } => stalled || self.now <= sent,
                // A message may take as long as a request may.
                Pending::Request { sent, .. } => self.now == sent,
                Pending::Response { .. } | Pending::Mangled { .. } => false,
                _ => stalled,
            }
        })
    }

    fn ticked(&self) -> Self {
        let mut world = self.clone();
        world.now += 1;
        if self.mutant == Some(Mutant::NoExtension) {
            return world;
        }
        for me in 0..2 {
            let replica = &world.replicas[me];
            let Some(attempt) = &replica.attempt else { continue };
            // A heartbeat runs beside the attempt, so only a replica that stands still misses one; that which was due when it
            // comes to may be late.
            if world.now <= replica.stalled_until && replica.stalled_until > 0
                || !attempt.redemption.holds_a_lease()
            {
                continue;
            }
            let extended = world.record.standing.extended(&attempt.id, at(world.now), &world.terms);
            if let Some(extended) = extended.filter(|extended| *extended != world.record.standing) {
                world.record.standing = extended;
                world.record.version += 1;
            }
        }
        world
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
                    Pending::Post { token: token(sent.unwrap()), within: tick(at(0).after(within)) }
                }
                Effect::Board => Pending::Board,
                Effect::Unboard => {
                    let id = self.attempt(me).id;
                    self.replicas[me].boat.retain(|proceeds| proceeds.attempt != id);
                    continue;
                }
                Effect::Release => {
                    let successor = self.attempt(me).proceeds.and_then(|proceeds| proceeds.successor);
                    let stored = successor.is_some_and(|token| self.record.standing.held(token).is_some());
                    let aboard =
                        self.replicas[me].boat.iter().any(|proceeds| proceeds.successor == successor);
                    if !stored && !aboard {
                        self.broken = Some("a token was shown before it was kept");
                    }
                    continue;
                }
                Effect::Revoke => {
                    self.broken = Some("a successor of a standing grant was revoked");
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

    fn finish(&mut self, me: usize, end: End) {
        let replica = &mut self.replicas[me];
        replica.attempt = None;
        replica.rests_until = self.now;
        match end {
            End::Fresh | End::Stored => {
                replica.holds = self.record.generation;
                replica.is_content = true;
                if self.renewals_left > 0 && end == End::Fresh {
                    // Its token is refused, or expires again.
                    self.renewals_left -= 1;
                    replica.is_content = self.renewals_left == 0;
                }
            }
            End::InDoubt(Some(until)) | End::Busy(until) => {
                replica.rests_until = tick(until).max(self.now + 1)
            }
            End::Refused(_) | End::Gone => replica.is_content = true,
            // What is in doubt is tried again as soon as it may be, whatever whoever asked does.
            End::InDoubt(None) | End::Again => {}
            _ => replica.rests_until = self.now + 1,
        }
    }

    fn write(&mut self, me: usize, change: Change) -> Event {
        let fenced = self.mutant == Some(Mutant::FencedByEpoch)
            && change.lands
            && !self.record.standing.is_owned_by(&self.replicas[me].attempt.as_ref().unwrap().id);
        let blind = self.mutant == Some(Mutant::CondemnedBlindly) && change.standing.verdict.is_some();
        if fenced {
            // Dropped, as a store does that rejects an older epoch.
            return Event::Written;
        }
        if self.attempt(me).over != self.record.version && !blind {
            return Event::Conflict;
        }
        let parent =
            self.replicas[me].attempt.as_ref().and_then(|attempt| attempt.proceeds).and_then(|p| p.parent);
        let first = parent.is_none_or(|parent| self.record.standing.held(parent).is_some());
        if self.mutant == Some(Mutant::SiblingsDropped) && change.lands && !first {
            return Event::Written;
        }
        if self.mutant == Some(Mutant::NoClaim) && change.standing.intent.is_some() {
            return Event::Written;
        }
        let mut standing = change.standing;
        if let Some(mutant) = self.mutant {
            mutant.write(&mut standing, &self.record.standing, change.lands);
            if mutant == Mutant::SalvageDropped {
                standing.others.retain(|other| other.proven);
            }
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

    fn brought(&mut self, me: usize, successor: Token, usable: bool) -> Proceeds {
        let intent = {
            let attempt = self.attempt(me);
            (attempt.id, attempt.redemption.claimed().unwrap())
        };
        let proceeds = Proceeds {
            lineage: LINEAGE,
            attempt: intent.0,
            epoch: intent.1.epoch,
            parent: intent.1.token,
            successor: Some(fingerprint(successor)),
            usable,
        };
        self.attempt(me).proceeds = Some(proceeds);
        proceeds
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            standing: self.record.standing.clone(),
            lineage: LINEAGE,
            generation: self.record.generation,
            now: at(self.now),
            stamp: at(self.now),
            took: Duration::ZERO,
            reachable_since: at(0),
            access_expires: Some(Some(at(self.record.access_expires))),
            holds_another: None,
        }
    }

    /// Whether others leave a record to this attempt.
    fn others_wait_for(&self, attempt: &AttemptId) -> bool {
        let standing = &self.record.standing;
        let owner = standing.intent.filter(|intent| intent.attempt == *attempt);
        // Somebody else has brought a successor of the same token home meanwhile.
        let late = standing.outstanding.filter(|late| late.attempt == *attempt);
        let until = owner.map(|intent| intent.lease_until).max(late.map(|late| late.until));
        until.is_some_and(|until| at(self.now) < until)
    }

    fn requests_with(&self, sent: Token) -> usize {
        let pending = self.replicas.iter().filter_map(|replica| replica.attempt.as_ref());
        pending.filter(|a| matches!(a.pending, Pending::Request { token, .. } if token == sent)).count()
    }

    fn attempt(&mut self, me: usize) -> &mut Attempt {
        self.replicas[me].attempt.as_mut().unwrap()
    }
}
