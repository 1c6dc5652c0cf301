//! Handing tokens out: the fast path, the path of those who wait, and refusals.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{CoarseReading, Error, ErrorKind, Event, Instant, Stage, Token, TokenSource};

use super::ManagedSource;
use super::state::State;
use crate::flight::{Flight, NoAnswer};
use crate::gate::Pass;
use crate::shards::Shards;
use crate::tally::thread_number;
use crate::{Failed, Fallback, Verdict};

/// How often a foreign thread asks before the source grows shards.
const CONTENDED: u64 = 1_000;

/// What a caller does next.
enum Step {
    Give(Token),
    Refuse(Error),
    Wait(Arc<Flight>, u32),
}

#[async_trait]
impl TokenSource for ManagedSource {
    #[inline]
    fn ready(&self) -> Option<Token> {
        let reading = self.profile.clock.coarse();
        match self.gate.pass(reading) {
            Pass::Open | Pass::OpenClaimed => self.serve(reading),
            Pass::Late => self.ready_late(reading),
        }
    }

    async fn token(&self) -> Result<Token, Error> {
        if self.tally.others() >= CONTENDED - 1 && self.shards.get().is_none() {
            self.grow_shards();
        }
        let reading = self.profile.clock.coarse();
        // A claimed gate means that somebody has to start the renewal, which may be this caller.
        if self.gate.pass(reading) == Pass::Open
            && let Some(token) = self.serve(reading)
        {
            return Ok(token);
        }
        self.wait_for_token().await
    }

    fn reject(&self, refused: &Token) {
        let now = self.profile.clock.now();
        {
            let mut state = self.lock();
            let held = self.held.load_full();
            let Some(held) = held.filter(|held| held.is_same(refused)) else {
                return;
            };
            let shortest = self.profile.policy.between_rejections();
            let last = state.unusual().and_then(|u| u.refused_at);
            if last.is_some_and(|last| now.since(last) < shortest) {
                tracing::debug!(
                    service = self.key.service(),
                    "a token was refused again so soon that it is kept"
                );
                return;
            }
            self.gate.shut();
            self.held.store(None);
            if let Some(shards) = self.shards.get() {
                shards.fill(None);
            }
            let set = state.replacing(Some(&held));
            let unusual = state.unusual_mut();
            unusual.refused_at = Some(now);
            unusual.set = set;
        }
        tracing::info!(service = self.key.service(), "a resource server refused the token; it is renewed");
        self.profile.observer.on(&Event::rejected(self.key.clone()));
    }
}

impl ManagedSource {
    /// The held token, counted. Once there are shards nobody writes into the source itself, so that threads only
    /// read what they share.
    #[inline]
    fn serve(&self, reading: CoarseReading) -> Option<Token> {
        let thread = thread_number();
        match self.shards.get() {
            Some(shards) => shards.serve(thread, reading.monotonic),
            None if self.tally.count_own(thread, reading.monotonic) => self.held.load().as_deref().cloned(),
            None => self.serve_another_thread(reading),
        }
    }

    /// The held token for a thread that is not the first.
    #[cold]
    fn serve_another_thread(&self, reading: CoarseReading) -> Option<Token> {
        // From here on callers are sent to `token`, which may allocate, until one has grown the shards.
        if self.tally.count_other(reading.monotonic) >= CONTENDED - 1 {
            self.tally.uncount_other();
            return None;
        }
        self.held.load().as_deref().cloned()
    }

    /// The gate calls for a second look: the precise clock decides whether the token is fit, and one caller is
    /// sent to renew it.
    #[cold]
    fn ready_late(&self, reading: CoarseReading) -> Option<Token> {
        let fit = self.held.load().as_deref().is_some_and(|token| token.is_fit(self.profile.clock.now()));
        if !fit || self.gate.claim(reading) {
            return None;
        }
        self.serve(reading)
    }

    async fn wait_for_token(&self) -> Result<Token, Error> {
        let started = self.profile.clock.now();
        let patience = self.profile.policy.patience();
        let mut waited = false;
        loop {
            let (flight, seen) = match self.step(waited) {
                Step::Give(token) => return Ok(token),
                Step::Refuse(error) => return Err(error),
                Step::Wait(flight, seen) => (flight, seen),
            };
            let left = patience.saturating_sub(self.profile.clock.now().since(started));
            match flight.wait(seen, self.profile.policy.max_waiting(), left).await {
                Ok(()) => waited = true,
                Err(NoAnswer::Full) => return Err(self.overloaded()),
                Err(NoAnswer::OutOfPatience) => return self.out_of_patience(patience),
            }
        }
    }

    /// Decides for one caller, and does what the verdict asks for. `waited` says that the caller has waited for an
    /// attempt: only `queue` lets it wait for the next one too.
    fn step(&self, waited: bool) -> Step {
        let now = self.profile.clock.now();
        let policy = &self.profile.policy;
        let mut state = self.lock();
        let held = self.held.load_full();
        let failure = state.failure().map(|failed| match policy.fallback() {
            Fallback::Fail | Fallback::UseExpired { .. } if waited => {
                Failed { retry_at: Instant::MAX, ..failed }
            }
            _ => failed,
        });
        let verdict = policy.decide(state.held(held.as_deref()), failure, now);
        match (verdict, held) {
            (Verdict::UseHeld, Some(token)) => {
                self.reopen(&state, &token, now);
                drop(state);
                self.give(&token)
            }
            (Verdict::UseHeldAndRenew, Some(token)) => {
                // Without a runtime or after shutdown there is nothing to renew with, and the token is fit.
                let _ = self.join_or_start(&mut state);
                self.reopen(&state, &token, now);
                drop(state);
                self.give(&token)
            }
            (Verdict::UseExpired, Some(token)) => {
                drop(state);
                self.give_expired(&token, now)
            }
            (Verdict::Refuse, _) => Step::Refuse(state.failure().map_or_else(no_reason, |f| f.error.clone())),
            (Verdict::AwaitRenewal, _) | (_, None) => match self.join_or_start(&mut state) {
                Ok(flight) => {
                    let seen = flight.ended();
                    Step::Wait(flight, seen)
                }
                Err(error) => Step::Refuse(error),
            },
        }
    }

    /// Opens the gate again until the next moment at which somebody has to look.
    pub(super) fn reopen(&self, state: &State, token: &Token, now: Instant) {
        let expires = token.expires().unwrap_or(Instant::MAX);
        let look = if state.flight().is_some() || !self.profile.policy.enabled() {
            expires
        } else {
            // In the buffer with a failure behind it: the next look is when something may be tried again.
            let retry_at = state.failure().map_or(Instant::ZERO, |failed| failed.retry_at);
            let due = if state.renew_at > now { state.renew_at } else { retry_at.max(now) };
            due.max(retry_at).min(expires)
        };
        self.gate.open(look, expires, &*self.profile.clock);
    }

    fn give(&self, token: &Token) -> Step {
        let monotonic = self.profile.clock.coarse().monotonic;
        if !self.tally.count_own(thread_number(), monotonic) {
            self.tally.count_other(monotonic);
        }
        Step::Give(token.clone())
    }

    fn give_expired(&self, token: &Token, now: Instant) -> Step {
        self.tell_expired(token, now);
        self.give(&token.marked_past_expiry())
    }

    fn tell_expired(&self, token: &Token, now: Instant) {
        let by = token.expires().map_or(Duration::ZERO, |expired| now.since(expired));
        tracing::warn!(
            service = self.key.service(),
            expired_for_ms = by.as_millis(),
            "an expired token is handed out"
        );
        self.profile.observer.on(&Event::served_expired(self.key.clone(), by));
    }

    /// Under the lock, so that no copy of an older token is put in after a newer one was published.
    fn grow_shards(&self) {
        let _state = self.lock();
        self.shards.get_or_init(|| Box::new(Shards::new(self.held.load_full().as_deref())));
    }

    fn overloaded(&self) -> Error {
        let most = self.profile.policy.max_waiting();
        Error::new(
            ErrorKind::Overloaded,
            Stage::Wait,
            format!("{most} callers wait for this renewal already"),
        )
    }

    /// The patience is over: the expired token where the policy allows it, else the last failure.
    fn out_of_patience(&self, patience: Duration) -> Result<Token, Error> {
        let now = self.profile.clock.now();
        let state = self.lock();
        let held = self.held.load_full();
        if let Some(token) = held.as_deref().filter(|token| token.is_fit(now)) {
            return Ok(token.clone());
        }
        if let Some(failed) = state.failure() {
            return Err(failed.error.clone());
        }
        drop(state);
        if let (Fallback::UseExpired { grace }, Some(token)) = (self.profile.policy.fallback(), held)
            && token.expires().is_some_and(|expired| now < expired.after(grace))
        {
            self.tell_expired(&token, now);
            return Ok(token.marked_past_expiry());
        }
        let text = format!("no token came within {patience:?}; the renewal goes on in the background");
        Err(Error::new(ErrorKind::Interrupted, Stage::Wait, text))
    }
}

fn no_reason() -> Error {
    Error::new(ErrorKind::Internal, Stage::Wait, "a token was refused without a failure behind it")
}
