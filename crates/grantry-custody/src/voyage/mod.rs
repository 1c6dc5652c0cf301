//! One attempt under way: does what the protocol says, and tells it what happened.

mod annals;
mod heartbeat;
mod late;
mod orphan;
mod outcome;
mod reading;
mod sending;
mod waiting;

use std::sync::Arc;

use grantry_core::{Error, ErrorKind, Event as News, Failure, Instant, Stage, Timestamp, TokenSet};
use grantry_vault::Renewing;
use grantry_vault::audit::Outcome as Audited;
use tokio::sync::oneshot;

use crate::afloat::Launched;
use crate::brought::Brought;
use crate::grant::Inner;
use crate::lifeboat::{Cargo, Seat};
use crate::protocol::{Change, Effect, End, Event, Redemption};
use crate::stored_grant::StoredGrant;
use crate::traced::of_grant;
use crate::usage::Usage;
use heartbeat::Heartbeat;

/// How an attempt ended, and when the next one may be made, on the boot clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) end: End,
    pub(crate) at: Option<Instant>,
    /// Whether an entry that was adopted has to stay in its lifeboat.
    pub(crate) stays_aboard: bool,
}

/// What an attempt gives to whoever asked: a token set, or why there is none.
pub(crate) type Reply = Result<TokenSet, Failure>;

/// An attempt, with everything that it has its hands on.
pub(crate) struct Voyage {
    pub(crate) grant: Arc<Inner>,
    renewing: Option<Renewing>,
    seat: Option<Seat>,
    /// Keeps others of this process from its token while it has a request under way, or something in its hands.
    afloat: Option<Launched>,
    /// Whether the lifeboat holds what sits in the seat.
    aboard: bool,
    /// Whether the record has it.
    landed: bool,
    stored: Option<StoredGrant>,
    brought: Option<Brought>,
    /// The token set of the answer, until callers have it.
    fresh: Option<TokenSet>,
    failure: Option<Failure>,
    /// Whether it has looked into the lifeboats of the dead.
    has_adopted: bool,
    /// Whether this attempt tried to send a request.
    was_sent: bool,
    /// When the client got the newest of its secrets, if that was looked up.
    secret_added: Option<Timestamp>,
    /// Whether what was adopted has to stay in its lifeboat: it is to be revoked, and is not yet.
    stays_aboard: bool,
    /// Whether the record was gone when it was read last.
    is_gone: bool,
    /// Whether the store had gone back behind what this process had seen when it was read last.
    is_rolled_back: bool,
    /// Why the store did not do what it was asked.
    store_error: Option<Error>,
    /// What the attempt is to replace.
    replacing: Option<TokenSet>,
    /// The boot clock before the reading that the claim goes on from.
    claimed_at: Instant,
    waiting: waiting::Waiting,
    reply: Option<oneshot::Sender<Reply>>,
}

impl Voyage {
    /// Prepares an attempt: what it does later needs neither the key provider nor the audit trail, and no room on a disk
    /// that is not reserved.
    ///
    /// # Errors
    /// Nothing was sent, and the record was not read.
    pub(crate) async fn prepare(
        grant: Arc<Inner>,
        replacing: Option<TokenSet>,
        reply: Option<oneshot::Sender<Reply>>,
    ) -> Result<Self, (Error, Option<oneshot::Sender<Reply>>)> {
        let renewing = match grant.vault.renew(grant.key.service(), grant.key.account()).await {
            Ok(renewing) => renewing,
            Err(error) => return Err((error, reply)),
        };
        let seat = match grant.custody.reserve_seat().await {
            Ok(seat) => seat,
            Err(error) => {
                renewing.finish(Audited::failed(ErrorKind::Storage.as_str()));
                return Err((no_seat(error), reply));
            }
        };
        let now = grant.custody.clock.now();
        let waiting = waiting::Waiting::new(&grant, now);
        Ok(Self {
            renewing: Some(renewing),
            seat: Some(seat),
            afloat: None,
            aboard: false,
            landed: false,
            stored: None,
            brought: None,
            fresh: None,
            failure: None,
            has_adopted: false,
            was_sent: false,
            secret_added: None,
            stays_aboard: false,
            is_gone: false,
            is_rolled_back: false,
            store_error: None,
            replacing,
            claimed_at: now,
            waiting,
            reply,
            grant,
        })
    }

    /// Brings home what a lifeboat of a dead process held.
    pub(crate) fn adopting(grant: Arc<Inner>, renewing: Renewing, brought: Brought) -> Self {
        let now = grant.custody.clock.now();
        let waiting = waiting::Waiting::new(&grant, now);
        Self {
            renewing: Some(renewing),
            seat: None,
            afloat: None,
            aboard: true,
            landed: false,
            stored: None,
            brought: Some(brought),
            fresh: None,
            failure: None,
            has_adopted: false,
            was_sent: false,
            secret_added: None,
            stays_aboard: false,
            is_gone: false,
            is_rolled_back: false,
            store_error: None,
            replacing: None,
            claimed_at: now,
            waiting,
            reply: None,
            grant,
        }
    }

    /// Obeys until it is over.
    pub(crate) async fn sail(mut self, (mut redemption, mut effects): (Redemption, Vec<Effect>)) -> Ended {
        loop {
            let mut event = None;
            for effect in effects {
                event = match effect {
                    Effect::Read => Some(self.read().await),
                    Effect::Write(change) => Some(self.write(&change).await),
                    Effect::Wait(until) => Some(self.wait(until).await),
                    Effect::Pause => {
                        self.waiting.pause().await;
                        Some(Event::Woken)
                    }
                    Effect::Send { token, within } => Some(self.send(&redemption, token, within).await),
                    Effect::Board => Some(self.board(&redemption).await),
                    Effect::Unboard => {
                        self.unboard();
                        None
                    }
                    Effect::Release => {
                        self.release();
                        None
                    }
                    Effect::Revoke => {
                        self.revoke_orphan().await;
                        None
                    }
                    Effect::Finish(end) => {
                        self.remember();
                        self.finish(end);
                        let at = match end {
                            End::InDoubt(Some(at)) | End::Busy(at) | End::TooOften(at) => self.local(at),
                            _ => None,
                        };
                        return Ended { end, at, stays_aboard: self.stays_aboard };
                    }
                };
            }
            effects = redemption.step(event.unwrap_or(Event::OutOfPatience));
        }
    }

    async fn write(&mut self, change: &Change) -> Event {
        if !change.lands && change.standing.intent.is_some() {
            // The lease is reckoned from what the store's clock said: whoever stands still after that has slept through it.
            self.claimed_at = self.stored.as_ref().map_or(self.claimed_at, |stored| stored.asked);
        }
        let wall = self.grant.custody.clock.wall();
        let mut chronicle = self.chronicle_after(change, wall);
        let (Some(renewing), Some(stored)) = (&self.renewing, &mut self.stored) else {
            return Event::NotWritten;
        };
        let used = if change.lands { self.grant.meter.take() } else { Usage::default() };
        chronicle.usage = chronicle.usage.and(used);
        let record = stored.changed(change, self.brought.as_ref(), &self.grant.target, wall, &chronicle);
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                self.grant.meter.give_back(used);
                self.store_error = Some(error);
                return Event::NotWritten;
            }
        };
        let over = &stored.stored.version;
        let generation = over.generation().saturating_add(u64::from(change.lands));
        let writing = renewing.store(record.clone(), over, generation);
        let written = match self.brought {
            // Others take whoever brings nothing home for gone.
            Some(_) => match tokio::time::timeout(self.waiting.store_patience(), writing).await {
                Ok(written) => written,
                Err(_) => Err(self.waiting.store_is_silent()),
            },
            None => writing.await,
        };
        match written {
            Ok(version) => {
                self.grant.keepsake.note(&version, &change.standing);
                stored.stored.value = record;
                stored.stored.version = version;
                self.landed |= change.lands;
                Event::Written
            }
            Err(error) if error.kind() == ErrorKind::Conflict => {
                self.grant.meter.give_back(used);
                Event::Conflict
            }
            Err(error) => {
                self.grant.meter.give_back(used);
                self.grant.custody.store_clock.failed(&error);
                if self.brought.is_some() {
                    self.grant.tell(&News::custody_at_risk(self.grant.key.clone(), self.aboard));
                }
                self.store_error = Some(error);
                Event::NotWritten
            }
        }
    }

    async fn board(&mut self, redemption: &Redemption) -> Event {
        let (Some(renewing), Some(stored), Some(seat)) = (&self.renewing, &mut self.stored, &self.seat)
        else {
            return Event::NotAboard;
        };
        let Some(brought) = &self.brought else { return Event::NotAboard };
        let version = &stored.stored.version;
        let sealed = renewing.seal_aside(version.lineage(), version.generation(), &brought.encode());
        let Ok(sealed) = sealed else { return Event::NotAboard };
        let cargo = Cargo::new(renewing.record().clone(), sealed);
        // From now on it may be there: whoever is cut off in between leaves it there.
        self.aboard = true;
        let boarding = self.grant.custody.lifeboat.board(seat, &cargo);
        let attempt = redemption.attempt();
        match Heartbeat::new(&self.grant, renewing, attempt).during(stored, boarding).await {
            Ok(()) => Event::Aboard,
            Err(error) => {
                self.aboard = false;
                if self.grant.custody.lifeboat.is_durable() {
                    of_grant!(
                        warn,
                        &self.grant.key,
                        exception.message = %error,
                        "what was received is not in the lifeboat"
                    );
                }
                Event::NotAboard
            }
        }
    }

    fn unboard(&mut self) {
        self.aboard = false;
        if let Some(seat) = self.seat.take() {
            self.grant.custody.lifeboat.leave(seat);
        }
    }
}

impl Drop for Voyage {
    fn drop(&mut self) {
        // What the lifeboat holds stays there for whoever adopts it.
        if !self.aboard
            && let Some(seat) = self.seat.take()
        {
            self.grant.custody.lifeboat.leave(seat);
        }
    }
}

fn no_seat(cause: crate::lifeboat::LifeboatError) -> Error {
    Error::new(ErrorKind::Storage, Stage::Keep, "nothing was sent: there would be no place for the answer")
        .with_source(cause)
}
