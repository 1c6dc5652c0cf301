//! Two replicas, one grant, one authorization server: a world at one moment, and what can be asked of it.

use std::rc::Rc;
use std::time::Duration;

use grantry_core::StoreTime;
use grantry_custody::protocol::{
    AttemptId, Change, Proceeds, Redemption, Snapshot, Standing, Terms, Verdict,
};
use grantry_vault::{Fingerprint, LineageId};

use crate::faults::Faults;
use crate::hashing::digest;
use crate::ledger::Ledger;
use crate::mutant::Mutant;
use crate::server::{Server, Token, Tokens, one};
use crate::withdrawal::Withdrawal;

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) terms: Terms,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) faults: Faults,
    pub(crate) now: u8,
    pub(crate) server: Server,
    pub(crate) record: Record,
    pub(crate) replicas: [Replica; 2],
    pub(crate) withdrawal: Withdrawal,
    /// The first broken promise.
    pub(crate) broken: Option<&'static str>,
    /// Whether any fault happened.
    pub(crate) faulted: bool,
    pub(crate) ledger: Ledger,
    pub(crate) renewals_left: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Record {
    pub(crate) standing: Standing,
    pub(crate) generation: u64,
    /// Which write was the last. It is only compared, so a digest leaves it out.
    pub(crate) version: u32,
    pub(crate) access_expires: u8,
    /// Whether a tombstone stands in its place.
    pub(crate) is_buried: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Replica {
    /// Shared by the worlds in which it has come equally far.
    pub(crate) attempt: Option<Rc<Attempt>>,
    pub(crate) boat: Vec<Proceeds>,
    /// What is to be revoked at the server, for no record will ever hold it.
    pub(crate) orphans: Vec<Proceeds>,
    pub(crate) stalled_until: u8,
    /// Since when it has not been able to extend a lease.
    pub(crate) silent_since: Option<u8>,
    /// The generation of the token that it holds.
    pub(crate) holds: u64,
    pub(crate) is_content: bool,
    pub(crate) rests_until: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Attempt {
    pub(crate) redemption: Redemption,
    pub(crate) pending: Pending,
    /// The version that the next write is over.
    pub(crate) over: u32,
    /// When the store was asked for the reading that is gone on from.
    pub(crate) asked: u8,
    /// The same of the reading that the claim goes on from.
    pub(crate) began: u8,
    /// What the other had in its hands at that reading, if it had been silent for as long as an owner may be.
    pub(crate) saw_silent: Tokens,
    pub(crate) id: AttemptId,
    pub(crate) proceeds: Option<Proceeds>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(clippy::large_enum_variant, reason = "one for each attempt")]
pub(crate) enum Pending {
    Read,
    /// What a reading found, and the version of it; `None` where there is no record.
    Found(Option<Box<Snapshot>>, u32),
    Write(Change),
    Wait(u8),
    Pause(u8),
    Post {
        token: Token,
        within: u8,
    },
    /// The guard has let it pass.
    Leaving {
        token: Token,
    },
    Request {
        token: Token,
        sent: u8,
        late: bool,
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

/// How a grant stands, in the words of the manual's picture.
pub(crate) type State = &'static str;

/// After this tick nothing more is looked at.
pub(crate) const END: u8 = 24;
pub(crate) const LINEAGE: LineageId = LineageId::from_bytes([7; 16]);
pub(crate) const TOKEN_LIVES: u8 = 4;

pub(crate) fn fingerprint(token: Token) -> Fingerprint {
    Fingerprint::from_bytes([token; 16])
}

pub(crate) fn token(fingerprint: Fingerprint) -> Token {
    fingerprint.as_bytes()[0]
}

pub(crate) fn at(tick: u8) -> StoreTime {
    StoreTime::from_nanos(0).after(Duration::from_secs(u64::from(tick)))
}

pub(crate) fn tick(time: StoreTime) -> u8 {
    tick_of(time.since(at(0)))
}

pub(crate) fn tick_of(time: Duration) -> u8 {
    u8::try_from(time.as_nanos().div_ceil(1_000_000_000)).unwrap_or(u8::MAX)
}

impl World {
    pub(crate) fn new(terms: Terms, server: Server, faults: Faults, mutant: Option<Mutant>) -> Self {
        let standing = Standing::new(Some(fingerprint(0)));
        let record = Record { standing, generation: 0, version: 0, access_expires: 3, is_buried: false };
        Self {
            terms: mutant.map_or(terms, |mutant| mutant.terms(terms)),
            mutant,
            faults,
            now: 0,
            server,
            record,
            replicas: Default::default(),
            withdrawal: Withdrawal::of(faults.withdrawals),
            broken: None,
            faulted: false,
            ledger: Ledger::default(),
            // These are enough to search without the generation after next.
            renewals_left: if faults.are_few() { 2 } else { 1 },
        }
    }

    /// The world in 64 bits, so that it need not be kept. Which of the replicas is which makes no difference, nor what a version is
    /// called: one is the newest or it is not.
    pub(crate) fn digest(&self) -> u64 {
        let mut replicas = self.replicas.each_ref().map(|replica| self.digest_of(replica));
        replicas.sort_unstable();
        let record = &self.record;
        let record = (&record.standing, record.generation, record.access_expires, record.is_buried);
        let fates = (self.now, self.broken.is_some(), self.faulted, &self.ledger, self.renewals_left);
        digest(&(
            replicas,
            record,
            &self.server,
            self.faults,
            fates,
            self.withdrawal.at_version(self.record.version),
        ))
    }

    fn digest_of(&self, replica: &Replica) -> u64 {
        let is_newest = |version: u32| version == self.record.version;
        let attempt = replica.attempt.as_ref().map(|attempt| {
            let found = match &attempt.pending {
                Pending::Found(found, version) => (Some(found), None, is_newest(*version)),
                pending => (None, Some(pending), false),
            };
            let times = (attempt.asked, attempt.began, attempt.saw_silent);
            (&attempt.redemption, found, is_newest(attempt.over), times, attempt.id, attempt.proceeds)
        });
        let stands = (replica.stalled_until, replica.silent_since, replica.rests_until);
        let cargo = (&replica.boat, &replica.orphans);
        digest(&(attempt, cargo, stands, replica.holds, replica.is_content))
    }

    /// The world in a line, for the way to a mistake.
    pub(crate) fn describe(&self) -> String {
        let replicas = self.replicas.each_ref().map(|replica| {
            let pending = replica.attempt.as_ref().map(|attempt| format!("{:?}", attempt.pending));
            let what = pending.map_or("-".into(), |text| text.chars().take(40).collect::<String>());
            let stalled = if self.now < replica.stalled_until { "stalled" } else { "" };
            format!("{what:40} {stalled:7} boat {} rests {}", replica.boat.len(), replica.rests_until)
        });
        let standing = &self.record.standing;
        let token = standing.current.map(|current| {
            (token(current.token), current.doubt.map(|doubt| (tick(doubt.first_sent), tick(doubt.settled))))
        });
        let intent = standing.intent.map(|intent| (intent.epoch, tick(intent.lease_until)));
        let others = standing.others.len();
        let broken = self.broken.unwrap_or_default();
        let gone = &self.withdrawal;
        format!(
            "{:2} {replicas:?} {} holds {token:?} {others} others, intent {intent:?} {gone:?} {broken}",
            self.now,
            self.state()
        )
    }

    /// Every world that may come next.
    pub(crate) fn successors(&self, worlds: &mut Vec<Self>) {
        worlds.clear();
        if self.broken.is_some() || self.now >= END {
            return;
        }
        for me in 0..2 {
            self.begin(me, worlds);
            self.act(me, worlds);
            self.revoke_orphan(me, worlds);
            self.stumble(me, worlds);
        }
        self.withdraw(worlds);
        if self.may_tick() {
            worlds.push(self.ticked());
        }
    }

    /// Whether an attempt says in the record that it uses the token, also where its lease is over.
    pub(crate) fn is_claimed(&self) -> bool {
        self.record.standing.intent.is_some()
    }

    /// How the grant stands, in the words of the manual's picture.
    pub(crate) fn state(&self) -> State {
        let standing = &self.record.standing;
        let is_owned = standing.intent.is_some_and(|intent| intent.lease_until > at(self.now));
        match standing.verdict {
            _ if self.record.is_buried => "revoked",
            Some(Verdict::NeedsPerson { .. }) => "person needed",
            Some(_) => "revoking",
            None if is_owned => "renewing",
            None if standing.is_in_doubt() || standing.intent.is_some() => "in doubt",
            None => "active",
        }
    }

    /// Whether the grant is lost: nobody holds a token that the server would accept.
    pub(crate) fn is_lost(&self) -> bool {
        if self.withdrawal.is_begun() {
            return false;
        }
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

    /// Whether there is a doubt that somebody has to resolve.
    pub(crate) fn is_stuck(&self) -> bool {
        let standing = &self.record.standing;
        let is_left = standing.is_in_doubt() && standing.verdict.is_none();
        !self.record.is_buried && (is_left || self.snapshot().is_left(&self.terms))
    }

    /// Tokens that live on though the grant was withdrawn, but for those that were lost on the way: nobody can name them.
    pub(crate) fn outliving(&self) -> Tokens {
        if self.withdrawal.is_begun() { self.server.fresh(self.now) & !self.ledger.taken } else { 0 }
    }

    /// Whether a withdrawal came to rest before it was done.
    pub(crate) fn is_half_withdrawn(&self) -> bool {
        let left =
            self.replicas.iter().any(|replica| !replica.boat.is_empty() || !replica.orphans.is_empty());
        self.withdrawal.is_begun() && (left || !self.record.is_buried)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
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

    /// A name for an attempt that nothing bears any more.
    pub(crate) fn free_name(&self) -> AttemptId {
        let standing = &self.record.standing;
        let named = standing.intent.map(|intent| intent.attempt);
        let named = named.into_iter().chain(standing.outstanding.map(|late| late.attempt));
        let borne = self.replicas.iter().flat_map(|replica| {
            let cargo = replica.boat.iter().chain(&replica.orphans).map(|proceeds| proceeds.attempt);
            replica.attempt.iter().map(|attempt| attempt.id).chain(cargo)
        });
        let taken = named.chain(borne).fold(0_u32, |taken, id| taken | 1 << id[0]);
        [u8::try_from(taken.trailing_ones()).unwrap_or(31); 16]
    }

    /// Whether others leave a record to this attempt.
    pub(crate) fn others_wait_for(&self, attempt: &AttemptId) -> bool {
        let standing = &self.record.standing;
        let owner = standing.intent.filter(|intent| intent.attempt == *attempt);
        // Somebody else has brought a successor of the same token home meanwhile.
        let late = standing.outstanding.filter(|late| late.attempt == *attempt);
        let until = owner.map(|intent| intent.lease_until).max(late.map(|late| late.until));
        // Whoever withdrew the grant waits for nobody.
        self.withdrawal.is_begun() || until.is_some_and(|until| at(self.now) < until)
    }

    pub(crate) fn requests_with(&self, sent: Token) -> usize {
        let pending = self.replicas.iter().filter_map(|replica| replica.attempt.as_ref());
        pending.filter(|a| matches!(a.pending, Pending::Request { token, .. } if token == sent)).count()
    }

    pub(crate) fn attempt(&mut self, me: usize) -> &mut Attempt {
        Rc::make_mut(self.replicas[me].attempt.as_mut().unwrap())
    }

    /// A copy of a token that was nowhere else is lost.
    pub(crate) fn take(&mut self, token: Option<Token>) {
        self.ledger.taken |= token.map_or(0, one);
    }
}
