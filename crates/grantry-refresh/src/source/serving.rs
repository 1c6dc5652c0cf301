//! Handing tokens out: the fast path, the path of those who wait, and refusals.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{CoarseReading, Error, ErrorKind, Event, Instant, Stage, Token, TokenSource};

use super::ManagedSource;
use super::landing::Takeoff;
use super::state::State;
use crate::flight::{Flight, NoAnswer};
use crate::gate::Pass;
use crate::shards::Shards;
use crate::tally::{Tally, thread_number};
use crate::{Failed, Fallback, Verdict};

/// How many renewals a caller sees cut off before it gives up: where the runtime is gone, every one is.
const CUT_OFF: u32 = 2;

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
        let reading = self.profile.clock.coarse();
        if self.crowd.wants_shards(|| reading.monotonic) {
            self.grow_shards();
        }
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
        let shortest = self.profile.policy.between_rejections();
        let kept = {
            let mut state = self.lock();
            let held = self.held.token();
            let Some(held) = held.filter(|held| held.is_same(refused)) else {
                return;
            };
            let last = state.unusual().and_then(|u| u.refused_at);
            match last.map(|last| last.after(shortest)).filter(|again| *again > now) {
                Some(again) => {
                    // Kept, but not for long.
                    if again < state.renew_at && self.profile.policy.enabled() {
                        self.book(&mut state, again);
                        self.reopen(&state, &held, now);
                    }
                    true
                }
                None => {
                    self.withdraw(&mut state, &held, now);
                    false
                }
            }
        };
        let service = self.key.service();
        if kept {
            tracing::debug!(
                grantry.service = service,
                "a token was refused so soon after the one before that it is kept for now"
            );
        } else {
            tracing::info!(
                grantry.service = service,
                "a resource server refused the token; the next demand replaces it"
            );
            self.profile.tell(&Event::rejected(self.key.clone()));
        }
    }
}

impl ManagedSource {
    /// The held token, counted. Once there are shards no hit writes into the source itself, so that threads only
    /// read what they share.
    #[inline]
    fn serve(&self, reading: CoarseReading) -> Option<Token> {
        let thread = thread_number();
        // Asked first, because it is a load alone, and a look at the shards is not.
        if self.crowd.is_shared()
            && let Some(shards) = self.shards.load().as_deref()
        {
            return shards.serve(thread, reading.monotonic);
        }
        if self.tally.count_own(thread, reading.monotonic) {
            return self.held.look();
        }
        self.serve_another_thread(reading)
    }

    /// The held token for a thread that is not the first.
    #[cold]
    fn serve_another_thread(&self, reading: CoarseReading) -> Option<Token> {
        // From here on callers are sent to `token`, which may allocate, until one has grown the shards.
        if !self.crowd.count(reading.monotonic) {
            return None;
        }
        self.tally.count_other(reading.monotonic);
        self.held.look()
    }

    /// The gate calls for a second look: the precise clock decides whether the token is fit, and one caller is
    /// sent to renew it.
    #[cold]
    fn ready_late(&self, reading: CoarseReading) -> Option<Token> {
        let expires = self.held.look()?.expires().unwrap_or(Instant::MAX);
        let left = expires.since(self.profile.clock.now());
        if left.is_zero() || self.gate.claim(reading, left) {
            return None;
        }
        self.serve(reading)
    }

    async fn wait_for_token(&self) -> Result<Token, Error> {
        self.profile.scheduler.ensure_running();
        let started = self.profile.clock.now();
        let mut patience = self.patience(started);
        let (mut waited, mut cut_off) = (false, 0);
        loop {
            let left = patience.saturating_sub(self.profile.clock.now().since(started));
            let (flight, seen) = match self.step(waited, left) {
                Step::Give(token) => return Ok(token),
                Step::Refuse(error) => return Err(error),
                Step::Wait(flight, seen) => (flight, seen),
            };
            match flight.wait(seen, self.profile.policy.max_waiting(), left).await {
                Ok(()) => waited = true,
                Err(NoAnswer::Full) => return Err(self.overloaded()),
                Err(NoAnswer::OutOfPatience) => match self.usable_after_all() {
                    Some(token) => return Ok(token),
                    // It was to be given the expired token, which is of no use any more: refused, or past its grace.
                    None if patience < self.profile.policy.patience() => {
                        patience = self.profile.policy.patience();
                    }
                    None => return Err(self.out_of_patience(patience)),
                },
            }
            cut_off += u32::from(flight.was_cut_off());
            if cut_off > CUT_OFF {
                let text = "the runtime that the renewal ran on shut down";
                return Err(Error::new(ErrorKind::Closed, Stage::Wait, text));
            }
        }
    }

    /// Decides for one caller with this much patience left, and does what the verdict asks for. `waited` says that
    /// the caller has waited for an attempt: only `queue` lets it wait for the next one too.
    fn step(&self, waited: bool, left: Duration) -> Step {
        let now = self.profile.clock.now();
        let mut state = self.lock();
        let held = self.held.token();
        let (step, takeoff) = self.step_locked(&mut state, held.as_ref(), waited, left, now);
        drop(state);
        // Outside of the lock, because a runtime that shuts down drops the task right here.
        if let Some(takeoff) = takeoff {
            takeoff.go();
        }
        if let Step::Give(token) = &step {
            self.count(token, now);
        }
        step
    }

    fn step_locked(
        &self,
        state: &mut State,
        held: Option<&Token>,
        waited: bool,
        left: Duration,
        now: Instant,
    ) -> (Step, Option<Takeoff>) {
        let policy = &self.profile.policy;
        // The next credential is tried for whoever waited for the first.
        let over = waited && !state.goes_on_at_once();
        let failure = state.failure().map(|failed| match policy.fallback() {
            Fallback::Fail | Fallback::UseExpired { .. } if over => {
                Failed { retry_at: Instant::MAX, ..failed }
            }
            _ => failed,
        });
        match (policy.decide(state.held(held), failure, now), held) {
            (Verdict::UseHeld, Some(token)) => {
                self.reopen(state, token, now);
                (Step::Give(token.clone()), None)
            }
            (Verdict::UseHeldAndRenew, Some(token)) => {
                // Without a runtime, or after shutdown, there is nothing to renew with, and the token is fit.
                let takeoff = self.join_or_start(state, now).ok().and_then(|(_, takeoff)| takeoff);
                self.reopen(state, token, now);
                (Step::Give(token.clone()), takeoff)
            }
            (Verdict::UseExpired, Some(token)) => (Step::Give(token.marked_past_expiry()), None),
            (Verdict::Refuse, _) => (Step::Refuse(last_error(state)), None),
            (Verdict::AwaitRenewal, _) | (_, None) => {
                // Nothing will come before the caller's patience is over.
                let pointless = state.failure().is_some_and(|failed| failed.retry_at > now.after(left));
                if pointless {
                    return (Step::Refuse(last_error(state)), None);
                }
                match self.join_or_start(state, now) {
                    Ok((flight, takeoff)) => {
                        let seen = flight.ended();
                        (Step::Wait(flight, seen), takeoff)
                    }
                    Err(error) => (Step::Refuse(error), None),
                }
            }
        }
    }

    /// Takes a refused token out of every place from which it could be handed out.
    fn withdraw(&self, state: &mut State, held: &Token, now: Instant) {
        self.gate.shut();
        self.held.put(None);
        self.drop_shards();
        self.nearby_follows(state, None);
        let set = state.replacing(Some(held));
        let unusual = state.unusual_mut();
        unusual.refused_at = Some(now);
        unusual.set = set;
    }

    /// Opens the gate again until the next moment at which somebody has to look.
    pub(super) fn reopen(&self, state: &State, token: &Token, now: Instant) {
        let expires = token.expires().unwrap_or(Instant::MAX);
        let idle = !self.profile.policy.enabled() || self.profile.scheduler.is_closed();
        let look = if state.flight().is_some() || idle {
            expires
        } else {
            // In the buffer with a failure behind it: the next look is when something may be tried again.
            let retry_at = state.failure().map_or(Instant::ZERO, |failed| failed.retry_at);
            let due = if state.renew_at > now { state.renew_at } else { retry_at.max(now) };
            due.max(retry_at).min(expires)
        };
        self.open_gate(state, look, expires);
    }

    /// Counts a token that was handed out by the long way, and tells of an expired one.
    fn count(&self, token: &Token, now: Instant) {
        let monotonic = self.profile.clock.coarse().monotonic;
        if !self.tally.count_own(thread_number(), monotonic) {
            self.tally.count_other(monotonic);
        }
        if token.is_past_expiry() {
            let by = token.expires().map_or(Duration::ZERO, |expired| now.since(expired));
            let service = self.key.service();
            tracing::warn!(
                grantry.service = service,
                grantry.expired_for_ms = by.as_millis(),
                "an expired token is handed out"
            );
            self.profile.tell(&Event::served_expired(self.key.clone(), by));
        }
    }

    /// Under the lock, so that no copy of an older token is put in after a newer one was published.
    fn grow_shards(&self) {
        let mut state = self.lock();
        self.nearby_follows(&mut state, None);
        if let Some(token) = self.held.token().filter(|_| !self.crowd.is_shared()) {
            self.shards.store(Some(Arc::new(Shards::new(&token, self.me.clone()))));
            self.crowd.share();
        }
    }

    /// Under the lock. Whether others are grown is for the next thousand hits to say.
    pub(super) fn drop_shards(&self) {
        if self.crowd.is_shared() {
            self.crowd.disperse();
            self.shards.store(None);
        }
    }

    /// Takes over what was counted in a shard.
    pub(crate) fn take_over(&self, tally: &Tally) {
        self.tally.take_over(tally);
    }

    fn overloaded(&self) -> Error {
        let most = self.profile.policy.max_waiting();
        Error::new(
            ErrorKind::Overloaded,
            Stage::Wait,
            format!("{most} callers wait for this renewal already"),
        )
    }

    /// How long a caller waits that comes at `now`.
    fn patience(&self, now: Instant) -> Duration {
        let policy = &self.profile.policy;
        let Fallback::UseExpired { .. } = policy.fallback() else {
            return policy.patience_with(None, now);
        };
        let state = self.lock();
        let definite = state.failure().is_some_and(|failed| failed.definite);
        policy.patience_with(self.held.token().as_ref().filter(|_| !definite), now)
    }

    /// The patience is over: the token that is held, where it is fit, or has expired and the policy allows that.
    fn usable_after_all(&self) -> Option<Token> {
        let now = self.profile.clock.now();
        let (held, definite) = {
            let state = self.lock();
            (self.held.token(), state.failure().is_some_and(|failed| failed.definite))
        };
        let token = held?;
        let usable = if token.is_fit(now) {
            token
        } else {
            let in_grace = !definite && !self.profile.policy.grace_left(&token, now).is_zero();
            in_grace.then(|| token.marked_past_expiry())?
        };
        self.count(&usable, now);
        Some(usable)
    }

    /// The last failure, or that there was none yet.
    fn out_of_patience(&self, patience: Duration) -> Error {
        let failure = self.lock().failure().map(|failed| failed.error.clone());
        failure.unwrap_or_else(|| {
            let text = format!("no token came within {patience:?}; the renewal goes on in the background");
            Error::new(ErrorKind::Interrupted, Stage::Wait, text)
        })
    }
}

/// Why nothing is tried now.
fn last_error(state: &State) -> Error {
    state.failure().map_or_else(no_reason, |failed| failed.error.clone())
}

fn no_reason() -> Error {
    Error::new(ErrorKind::Internal, Stage::Wait, "a token was refused without a failure behind it")
}
