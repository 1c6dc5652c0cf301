//! The renewal itself: a task of its own, its attempts, and what their results do to the source.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::{
    Attempt, Consumed, Error, ErrorKind, Event, Failure, Instant, Retry, Stage, Token, TokenSet,
};
use tokio::runtime::Handle;

use super::ManagedSource;
use super::state::{Failure as Failed, State};
use crate::Verdict;
use crate::calendar::tick_of;
use crate::flight::Flight;
use crate::lane::Slot;
use crate::scheduler::InFlight;

/// The longest `Retry-After` that is obeyed as it is; a longer one counts as this.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// What follows an attempt.
enum Next {
    Land,
    TryAgain(Duration),
}

impl ManagedSource {
    /// Obtains the first token in the background, without a caller that waits for it. Needs a tokio runtime.
    pub fn warm(&self) {
        let now = self.profile.clock.now();
        let mut state = self.lock();
        let held = self.held.load_full();
        let verdict = self.profile.policy.decide(state.held(held.as_deref()), state.failure(), now);
        if matches!(verdict, Verdict::AwaitRenewal | Verdict::UseHeldAndRenew) {
            // After shutdown, or outside of a runtime, there is nothing to warm with.
            let _ = self.join_or_start(&mut state);
        }
    }

    /// The scheduler found this source in the tick that it was booked for.
    pub(crate) fn due(&self, tick: u64) {
        let now = self.profile.clock.now();
        let mut state = self.lock();
        if tick_of(state.renew_at) != tick || state.flight().is_some() {
            return;
        }
        let held = self.held.load_full();
        match self.profile.policy.decide(state.held(held.as_deref()), state.failure(), now) {
            Verdict::UseHeldAndRenew | Verdict::AwaitRenewal => match self.profile.lane.try_enter() {
                Some(slot) => drop(self.start(&mut state, Some(slot))),
                None => {
                    drop(state);
                    self.profile.lane.line_up(tick, self.me.clone());
                }
            },
            Verdict::UseHeld => {
                // Something failed since and has a time of its own.
                if let Some(again) = state.failure().map(|failed| failed.retry_at).filter(|at| *at > now) {
                    self.book(&mut state, again);
                }
            }
            Verdict::UseExpired | Verdict::Refuse => {}
        }
    }

    /// The renewal in flight, started if there is none.
    pub(super) fn join_or_start(&self, state: &mut State) -> Result<Arc<Flight>, Error> {
        match state.flight() {
            Some(flight) => Ok(Arc::clone(flight)),
            None => self.start(state, None),
        }
    }

    fn start(&self, state: &mut State, slot: Option<Slot>) -> Result<Arc<Flight>, Error> {
        let runtime = Handle::try_current().map_err(|_| {
            Error::configuration("a token can be renewed only inside a tokio runtime: call from within one")
        })?;
        let closed = || Error::new(ErrorKind::Closed, Stage::Wait, "the source was shut down");
        let in_flight = self.profile.scheduler.take_off().ok_or_else(closed)?;
        let source = self.me.upgrade().ok_or_else(closed)?;
        let flight = Arc::new(Flight::default());
        state.unusual_mut().flight = Some(Arc::clone(&flight));
        let landing = Landing { source, flight: Arc::clone(&flight), _in_flight: in_flight };
        runtime.spawn(landing.fly(slot));
        Ok(flight)
    }

    /// One attempt: at most one token request.
    async fn attempt(&self, slot: Option<Slot>) -> Result<TokenSet, Failure> {
        let profile = &*self.profile;
        let _slot = match slot {
            Some(slot) => slot,
            None => profile.lane.enter().await,
        };
        if let Err((error, until)) = profile.registration.check(profile.clock.now()) {
            return Err(Failure::unsent(error.with_retry_at(until)));
        }
        let replacing = self.lock().replacing(self.held.load_full().as_deref());
        let result = self.grant.obtain(Attempt::replace_if_any(replacing.as_ref())).await;
        match &result {
            Err(failure)
                if failure.sent && failure.error.kind() == ErrorKind::InvalidClient && is_final(failure) =>
            {
                let rest = profile.policy.cool_down();
                profile.registration.refused(failure.error.clone(), profile.clock.now().after(rest));
                let name = profile.registration.name().to_owned();
                profile.observer.on(&Event::client_refused(name, rest));
            }
            Err(failure) if !failure.sent => {}
            _ => profile.registration.accepted(),
        }
        result.and_then(|set| self.usable(set))
    }

    /// A token that had expired when it came would be renewed in a loop. What else came with it is kept.
    fn usable(&self, set: TokenSet) -> Result<TokenSet, Failure> {
        if set.token().is_fit(self.profile.clock.now()) {
            return Ok(set);
        }
        self.lock().unusual_mut().set = Some(set);
        let text = "the access token had expired when it came: its lifetime is shorter than the request took";
        Err(Failure::not_consumed(Error::new(ErrorKind::InvalidAnswer, Stage::Token, text)))
    }

    /// Puts a token in its place, before anyone is told of it.
    fn publish(&self, set: &TokenSet, started: Instant) {
        let now = self.profile.clock.now();
        {
            let mut state = self.lock();
            state.renewed(set);
            let token: &Token = set.token();
            self.held.store(Some(Arc::new(token.clone())));
            if let Some(shards) = self.shards.get() {
                shards.fill(Some(token));
            }
            self.schedule(&mut state, set);
            let expires = token.expires().unwrap_or(Instant::MAX);
            let look = if self.profile.policy.enabled() { state.renew_at.min(expires) } else { expires };
            self.gate.open(look, expires, &*self.profile.clock);
        }
        self.count_renewal();
        let lifetime = set.token().expires().map(|at| at.since(set.obtained()));
        let took = now.since(started);
        tracing::debug!(
            service = self.key.service(),
            lifetime_s = lifetime.map(|l| l.as_secs()),
            took_ms = took.as_millis(),
            "token renewed"
        );
        count("grantry_renewals_total", "ok");
        self.profile.observer.on(&Event::renewed(self.key.clone(), lifetime, took));
    }

    fn schedule(&self, state: &mut State, set: &TokenSet) {
        let window = self.profile.policy.renewal_window(set).filter(|_| self.profile.policy.enabled());
        match window {
            Some(window) => {
                let at = self.profile.scheduler.choose(window);
                self.book(state, at);
            }
            None => state.renew_at = Instant::MAX,
        }
    }

    /// Books the next background renewal. The booking before it, if there is one, has become stale.
    fn book(&self, state: &mut State, at: Instant) {
        let booked = state.renew_at != Instant::MAX && tick_of(state.renew_at) == tick_of(at);
        state.renew_at = at;
        // The same tick again is due only if its entry has not been taken out yet, so it is booked anew then.
        if !booked || at <= self.profile.clock.now() {
            self.profile.scheduler.book(at, self.me.clone());
        }
    }

    /// Notes a failed attempt, and says what follows.
    fn note_failure(&self, failure: Failure, sent: u32, tries: u32, waiting: bool) -> Next {
        let Failure { error, salvaged, consumed, .. } = failure;
        let profile = &*self.profile;
        let policy = &profile.policy;
        let now = profile.clock.now();
        let definite = error.is_definite() && error.diagnosis().retry() == Retry::Never;
        let asked = error.retry_after(now).map(|asked| asked.min(LONGEST_ASKED));
        // Attempts that sent nothing count only where nobody waits for a better one.
        let counted = if waiting { sent } else { tries };
        let ended = definite || !policy.enabled() || counted > policy.max_retries();
        let pause = if ended {
            policy.cool_down().max(asked.unwrap_or_default())
        } else if error.diagnosis().retry() == Retry::Now {
            Duration::ZERO
        } else {
            policy.retry_in(tries, asked, &*profile.entropy)
        };
        let retry_at = now.after(pause);
        self.count_failure();
        count("grantry_renewals_total", error.kind().as_str());
        tracing::warn!(
            service = self.key.service(),
            error.type = error.kind().as_str(),
            attempt = tries,
            again_in_ms = (!ended).then_some(pause.as_millis()),
            salvaged = salvaged.is_some(),
            in_doubt = consumed == Consumed::Unknown,
            "token renewal failed"
        );
        {
            let mut state = self.lock();
            let held = self.held.load_full();
            if ended && !definite && held.as_deref().is_some_and(|token| token.is_fit(retry_at)) {
                self.book(&mut state, retry_at);
            }
            state.unusual_mut().failure = Some(Failed { error: error.clone(), retry_at, ended, definite });
            if ended {
                state.unusual_mut().flight = None;
            }
            if let Some(token) = held.as_deref().filter(|token| token.is_fit(now)) {
                let expires = token.expires().unwrap_or(Instant::MAX);
                self.gate.open(retry_at.min(expires), expires, &*profile.clock);
            }
        }
        let again_in = (!ended).then_some(pause);
        profile.observer.on(&Event::renewal_failed(self.key.clone(), error.kind(), tries, again_in));
        again_in.map_or(Next::Land, Next::TryAgain)
    }
}

/// Whether the client itself was refused, with no other credential left to try.
fn is_final(failure: &Failure) -> bool {
    failure.error.diagnosis().retry() == Retry::Never
}

/// A renewal on its way. However it ends, the source and those who wait learn of it.
struct Landing {
    source: Arc<ManagedSource>,
    flight: Arc<Flight>,
    _in_flight: InFlight,
}

impl Landing {
    async fn fly(self, mut slot: Option<Slot>) {
        let source = &*self.source;
        let (mut sent, mut tries) = (0, 0);
        loop {
            let started = source.profile.clock.now();
            tries += 1;
            match source.attempt(slot.take()).await {
                Ok(set) => return source.publish(&set, started),
                Err(failure) => {
                    sent += u32::from(failure.sent);
                    match source.note_failure(failure, sent, tries, self.flight.waiting() > 0) {
                        Next::Land => return,
                        Next::TryAgain(pause) => {
                            self.flight.attempt_ended();
                            if !source.profile.scheduler.pause(pause).await {
                                return;
                            }
                        }
                    }
                }
            }
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        {
            let mut state = self.source.lock();
            let mine = state.flight().is_some_and(|flight| Arc::ptr_eq(flight, &self.flight));
            if mine {
                let unusual = state.unusual_mut();
                unusual.flight = None;
                if std::thread::panicking() {
                    let error = Error::new(ErrorKind::Internal, Stage::Token, "the grant panicked");
                    let rest = self.source.profile.policy.cool_down();
                    let retry_at = self.source.profile.clock.now().after(rest);
                    unusual.failure = Some(Failed { error, retry_at, ended: true, definite: false });
                }
                if let Some(token) = self.source.held.load().as_deref() {
                    self.source.reopen(&state, token, self.source.profile.clock.now());
                }
            }
        }
        self.flight.attempt_ended();
    }
}

#[cfg(feature = "metrics")]
fn count(name: &'static str, outcome: &'static str) {
    metrics::counter!(name, "outcome" => outcome).increment(1);
}

#[cfg(not(feature = "metrics"))]
fn count(_name: &'static str, _outcome: &'static str) {}
