//! One attempt, step by step: what happened goes in, what to do next comes out.

use std::time::Duration;

use grantry_core::StoreTime;
use grantry_vault::Fingerprint;

use super::{
    Asked, AttemptId, Claim, Decision, Intent, Landing, Outcome, Proceeds, Settled, Snapshot, Standing,
    Terms, Verdict,
};

/// Something that happened to an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "one for each attempt, and moved at once")]
pub enum Event {
    /// The record was read.
    Read(Snapshot),
    /// There is no record, or it was deleted.
    Gone,
    /// It could not be read.
    NotRead,
    /// It was written.
    Written,
    /// Somebody else had changed it in between: nothing was written.
    Conflict,
    /// Nobody can tell whether it was written.
    NotWritten,
    /// The time that was waited for has come, or the record may have changed.
    Woken,
    /// Whoever asked waits no longer.
    OutOfPatience,
    /// The authorization server's answer brought this, or this was salvaged from it.
    Brought(Proceeds),
    /// The request brought nothing.
    Failed(Outcome),
    /// The lifeboat holds what was brought, durably.
    Aboard,
    /// It does not.
    NotAboard,
}

/// Something to do. What is done is answered with an [`Event`], but for those that say otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// Read the record.
    Read,
    /// Write the record over what was read or written last, if nobody has changed it.
    Write(Box<Change>),
    /// Wait until then on the store's clock, or until the record may have changed.
    Wait(StoreTime),
    /// Wait a moment before the store is asked again.
    Pause,
    /// Send one token request with this refresh token, within this time counted from before the reading that the claim goes on from.
    /// The lease is extended until it is answered and what came is aboard.
    Send {
        /// The token; `None` for a grant that has none.
        token: Option<Fingerprint>,
        /// How long after that reading it may leave.
        within: Duration,
    },
    /// Write what was brought into the lifeboat, durably.
    Board,
    /// Forget the entry in the lifeboat. No answer.
    Unboard,
    /// Let callers have the access token. No answer.
    Release,
    /// Have what was brought revoked at the server: nobody holds the grant any more. No answer.
    Revoke,
    /// It is over. No answer.
    Finish(End),
}

/// A record to be written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "what a write has to carry")]
pub struct Change {
    /// How the grant stands from then on.
    pub standing: Standing,
    /// Whether it is one generation on: what the attempt brought is in it.
    pub lands: bool,
    /// Whether the access token that the attempt brought takes the place of the stored one.
    pub access: bool,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum End {
    /// With a token set of its own.
    Fresh,
    /// With the access token that is stored.
    Stored,
    /// As the request did.
    Failed,
    /// The record changed in between: ask again at once.
    Again,
    /// In doubt; the next attempt is made then, or as soon as it may.
    InDoubt(Option<StoreTime>),
    /// Somebody else is at it until then.
    Busy(StoreTime),
    /// The refresh token was used as often as the server allows; the next attempt is made then.
    TooOften(StoreTime),
    /// The grant is not to be renewed.
    Refused(Verdict),
    /// There is no grant.
    Gone,
    /// The store could not be asked. Nothing was sent.
    StoreFailed,
}

/// One attempt to renew a grant, or to bring home what another attempt had received.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Redemption {
    asked: Asked,
    terms: Terms,
    /// Whether callers may have the token on the strength of the lifeboat, while the store does not answer.
    release_aboard: bool,
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(clippy::large_enum_variant, reason = "one for each attempt, and moved at once")]
enum Stage {
    Reading,
    Waiting { until: StoreTime },
    Claiming { claim: Claim, snapshot: Snapshot, is_in_doubt: bool },
    Sending { claim: Claim, snapshot: Snapshot },
    Boarding { landing: Cargo, snapshot: Snapshot },
    Landing { landing: Cargo, snapshot: Option<Snapshot> },
    Settling { intent: Intent, outcome: Outcome, end: End },
    Over,
}

/// What is on its way into the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Cargo {
    proceeds: Proceeds,
    /// Whether the lifeboat holds it.
    aboard: bool,
    /// Whether callers have it.
    released: bool,
    /// Whether the record has it once it is written. It has not where others brought the grant on meanwhile.
    kept: bool,
}

impl Redemption {
    /// Begins an attempt. The first thing to do is to read the record.
    pub fn begin(asked: Asked, terms: Terms, release_aboard: bool) -> (Self, Vec<Effect>) {
        (Self { asked, terms, release_aboard, stage: Stage::Reading }, vec![Effect::Read])
    }

    /// Brings home what a lifeboat holds. The first thing to do is to read the record.
    pub fn adopt(proceeds: Proceeds, terms: Terms) -> (Self, Vec<Effect>) {
        let asked = Asked { attempt: proceeds.attempt, replacing: None, resolves: true };
        let landing = Cargo { proceeds, aboard: true, released: true, kept: false };
        let stage = Stage::Landing { landing, snapshot: None };
        (Self { asked, terms, release_aboard: false, stage }, vec![Effect::Read])
    }

    /// Which attempt it is.
    pub fn attempt(&self) -> AttemptId {
        self.asked.attempt
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Whether its lease is extended for as long as it waits: its request may be under way, or the lifeboat takes its time. What is
    /// written into the record is over soon, or is written again.
    pub fn holds_a_lease(&self) -> bool {
        matches!(self.stage, Stage::Sending { .. } | Stage::Boarding { .. })
    }

    /// The intent that it wrote, while its request may be under way.
    pub fn claimed(&self) -> Option<Intent> {
        match &self.stage {
            Stage::Sending { claim, .. } => Some(claim.intent),
            _ => None,
        }
    }

    /// What to do after something happened.
    pub fn step(&mut self, event: Event) -> Vec<Effect> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Reading => self.reading(event),
            Stage::Waiting { until } => match event {
                Event::Woken => self.go(Stage::Reading, vec![Effect::Read]),
                _ => self.finish(End::Busy(until)),
            },
            Stage::Claiming { claim, snapshot, is_in_doubt } => {
                self.claiming(claim, snapshot, is_in_doubt, event)
            }
            Stage::Sending { claim, snapshot } => self.sending(claim, snapshot, event),
            Stage::Boarding { landing, snapshot } => {
                let landing = Cargo { aboard: event == Event::Aboard, ..landing };
                self.land(landing, snapshot)
            }
            Stage::Landing { landing, snapshot } => self.landing(landing, snapshot, event),
            Stage::Settling { intent, outcome, end } => self.settling(intent, outcome, end, event),
            Stage::Over => Vec::new(),
        }
    }

    fn reading(&mut self, event: Event) -> Vec<Effect> {
        let snapshot = match event {
            Event::Read(snapshot) => snapshot,
            Event::Gone => return self.finish(End::Gone),
            _ => return self.finish(End::StoreFailed),
        };
        match snapshot.decide(&self.asked, &self.terms) {
            Decision::UseStored => self.finish(End::Stored),
            Decision::Wait(until) => self.go(Stage::Waiting { until }, vec![Effect::Wait(until)]),
            Decision::NotBefore(at) => self.finish(End::InDoubt(Some(at))),
            Decision::TooOften(at) => self.finish(End::TooOften(at)),
            Decision::Refuse(verdict) => self.finish(End::Refused(verdict)),
            Decision::Redeem(claim) => {
                let change = Change { standing: claim.standing.clone(), lands: false, access: false };
                let stage = Stage::Claiming { claim, snapshot, is_in_doubt: false };
                self.go(stage, vec![Effect::Write(Box::new(change))])
            }
        }
    }

    fn claiming(&mut self, claim: Claim, snapshot: Snapshot, is_in_doubt: bool, event: Event) -> Vec<Effect> {
        let owns = |snapshot: &Snapshot| snapshot.standing.is_owned_by(&claim.intent.attempt);
        match event {
            Event::Written => {
                let snapshot = Snapshot { standing: claim.standing.clone(), ..snapshot };
                self.send(claim, snapshot)
            }
            Event::Read(read) if is_in_doubt && owns(&read) => self.send(claim, read),
            Event::Conflict => self.go(Stage::Reading, vec![Effect::Read]),
            // Nothing was sent, and nothing will be unless the claim is there.
            Event::NotWritten if !is_in_doubt => {
                self.go(Stage::Claiming { claim, snapshot, is_in_doubt: true }, vec![Effect::Read])
            }
            _ => self.finish(End::StoreFailed),
        }
    }

    fn send(&mut self, claim: Claim, snapshot: Snapshot) -> Vec<Effect> {
        let send = Effect::Send { token: claim.token(), within: claim.send_within };
        self.go(Stage::Sending { claim, snapshot }, vec![send])
    }

    fn sending(&mut self, claim: Claim, snapshot: Snapshot, event: Event) -> Vec<Effect> {
        match event {
            Event::Brought(proceeds) => {
                let landing = Cargo { proceeds, aboard: false, released: false, kept: false };
                self.go(Stage::Boarding { landing, snapshot }, vec![Effect::Board])
            }
            Event::Failed(outcome) => self.settle(claim.intent, outcome, &snapshot),
            // The attempt was cut off, so nobody can tell.
            _ => self.settle(claim.intent, Outcome::Unknown, &snapshot),
        }
    }

    fn land(&mut self, mut landing: Cargo, snapshot: Snapshot) -> Vec<Effect> {
        match snapshot.land(&landing.proceeds, &self.terms) {
            Landing::Write { standing, access } => {
                landing.kept = access || standing.keeps(&landing.proceeds);
                let lands = landing.proceeds.usable && landing.kept;
                let change = Change { standing, lands, access };
                let stage = Stage::Landing { landing, snapshot: Some(snapshot) };
                self.go(stage, vec![Effect::Write(Box::new(change))])
            }
            Landing::Done => {
                landing.kept = snapshot.standing.keeps(&landing.proceeds);
                self.landed(landing, Some(&snapshot))
            }
            Landing::Orphan => vec![Effect::Revoke, Effect::Unboard, Effect::Finish(End::Gone)],
        }
    }

    fn landed(&mut self, landing: Cargo, snapshot: Option<&Snapshot>) -> Vec<Effect> {
        if !landing.proceeds.usable {
            return vec![Effect::Unboard, Effect::Finish(End::InDoubt(None))];
        }
        let mut effects = Vec::new();
        if !landing.released {
            // Others have brought the grant on, and nothing keeps what came too late: callers get what the record holds.
            if !landing.kept {
                let serves = snapshot.is_some_and(|snapshot| snapshot.serves(&self.asked));
                let end = if serves { End::Stored } else { End::Again };
                return vec![Effect::Unboard, Effect::Finish(end)];
            }
            effects.push(Effect::Release);
        }
        effects.extend([Effect::Unboard, Effect::Finish(End::Fresh)]);
        effects
    }

    fn landing(&mut self, mut landing: Cargo, snapshot: Option<Snapshot>, event: Event) -> Vec<Effect> {
        match event {
            Event::Written => self.landed(landing, snapshot.as_ref()),
            Event::Read(snapshot) => self.land(landing, snapshot),
            Event::Gone => vec![Effect::Revoke, Effect::Unboard, Effect::Finish(End::Gone)],
            Event::Conflict | Event::Woken => {
                self.go(Stage::Landing { landing, snapshot }, vec![Effect::Read])
            }
            // The store does not answer. What was brought is kept, and brought home when it does, however long that takes.
            _ => {
                let mut effects = Vec::new();
                let is_fit = landing.aboard && landing.proceeds.usable;
                if is_fit && self.release_aboard && !landing.released {
                    landing.released = true;
                    effects.push(Effect::Release);
                }
                effects.push(Effect::Pause);
                self.go(Stage::Landing { landing, snapshot }, effects)
            }
        }
    }

    fn settle(&mut self, intent: Intent, outcome: Outcome, snapshot: &Snapshot) -> Vec<Effect> {
        let (standing, end) = match snapshot.settle(&intent, outcome, &self.terms) {
            Settled::AsBefore(standing) => (Some(standing), End::Failed),
            Settled::InDoubt(standing) => (Some(standing), End::InDoubt(None)),
            Settled::AnotherIsLeft(standing) => (Some(standing), End::Again),
            Settled::NotFinal(standing, at) => (Some(standing), End::InDoubt(Some(at))),
            Settled::NeedsPerson(standing) => {
                let end = standing.verdict.map_or(End::Failed, End::Refused);
                (Some(standing), end)
            }
            Settled::Overtaken(standing) => (standing, End::Again),
        };
        let Some(standing) = standing else { return self.finish(end) };
        let change = Change { standing, lands: false, access: false };
        self.go(Stage::Settling { intent, outcome, end }, vec![Effect::Write(Box::new(change))])
    }

    fn settling(&mut self, intent: Intent, outcome: Outcome, end: End, event: Event) -> Vec<Effect> {
        match event {
            Event::Written => self.finish(end),
            Event::Conflict => self.go(Stage::Settling { intent, outcome, end }, vec![Effect::Read]),
            Event::Read(snapshot) => self.settle(intent, outcome, &snapshot),
            Event::Gone => self.finish(End::Gone),
            // Left as it is, the intent lapses, and what nobody recorded is a doubt.
            _ => self.finish(match outcome {
                Outcome::NotSent | Outcome::NotSpent => End::Failed,
                _ => End::InDoubt(None),
            }),
        }
    }

    fn go(&mut self, stage: Stage, effects: Vec<Effect>) -> Vec<Effect> {
        self.stage = stage;
        effects
    }

    fn finish(&mut self, end: End) -> Vec<Effect> {
        self.stage = Stage::Over;
        vec![Effect::Finish(end)]
    }
}
