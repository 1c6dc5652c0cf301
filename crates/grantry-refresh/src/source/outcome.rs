//! What the result of an attempt does to the source.

use std::time::Duration;

use grantry_core::{Consumed, Error, ErrorKind, Event, Failure, Instant, Retry, TokenSet};

use super::ManagedSource;
use super::state::{LastFailure, State};
use crate::calendar::tick_of;

/// The longest `Retry-After` that is obeyed as it is; a longer one counts as this.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// Why an attempt brought no token.
pub(super) struct Fruitless {
    failure: Failure,
    /// When the breaker lets somebody through again, if it was what stopped the attempt.
    stopped_until: Option<Instant>,
}

impl Fruitless {
    /// The client is refused until then, as others of its sources know.
    pub(super) fn stopped(error: Error, until: Instant) -> Self {
        Self { failure: Failure::unsent(error.with_retry_at(until)), stopped_until: Some(until) }
    }
}

impl From<Failure> for Fruitless {
    fn from(failure: Failure) -> Self {
        Self { failure, stopped_until: None }
    }
}

/// What follows a failed attempt.
pub(super) enum Next {
    Land,
    TryAgain {
        at: Instant,
        /// Because the failure itself asked for it, which is obeyed once in a row.
        at_once: bool,
    },
}

/// The attempts of an episode so far.
#[derive(Debug, Default)]
pub(super) struct Tries {
    all: u32,
    sent: u32,
    pub(super) at_once: bool,
}

impl Tries {
    pub(super) fn count(&mut self, fruitless: &Fruitless) {
        self.all += 1;
        self.sent += u32::from(fruitless.failure.sent);
    }
}

/// What is told of a failed attempt, after those who wait know.
pub(super) struct Told {
    kind: ErrorKind,
    attempt: u32,
    again_in: Option<Duration>,
    in_doubt: bool,
    salvaged: bool,
}

impl ManagedSource {
    /// Puts a token in its place, before anyone is told of it.
    pub(super) fn publish(&self, set: &TokenSet) {
        let mut state = self.lock();
        state.renewed(set);
        let token = set.token();
        // All copies first: whoever was handed the new token finds no copy of the one before any more.
        self.drop_shards();
        self.shut_nearby(&state);
        self.held.put(Some(token));
        self.nearby_follows(&mut state, Some(token));
        self.schedule(&mut state, set);
        let expires = token.expires().unwrap_or(Instant::MAX);
        let look = if self.profile.policy.enabled() { state.renew_at.min(expires) } else { expires };
        self.open_gate(&state, look, expires);
        self.count_renewal();
    }

    pub(super) fn tell_renewed(&self, set: &TokenSet, started: Instant) {
        let lifetime = set.token().expires().map(|at| at.since(set.obtained()));
        let took = self.profile.clock.now().since(started);
        tracing::debug!(
            grantry.service = self.key.service(),
            grantry.lifetime_s = lifetime.map(|l| l.as_secs()),
            grantry.took_ms = took.as_millis(),
            "token renewed"
        );
        count_outcome("ok");
        self.profile.tell(&Event::renewed(self.key.clone(), lifetime, took));
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
    pub(super) fn book(&self, state: &mut State, at: Instant) {
        let booked = state.renew_at != Instant::MAX && tick_of(state.renew_at) == tick_of(at);
        state.renew_at = at;
        // The same tick again is due only if its entry has not been taken out yet, so it is booked anew then.
        if !booked || at <= self.profile.clock.now() {
            self.profile.scheduler.book(at, self.me.clone());
        }
    }

    /// Notes a failed attempt, and says what follows.
    pub(super) fn note_failure(&self, fruitless: Fruitless, tries: &Tries, waiting: bool) -> (Next, Told) {
        let stopped_until = fruitless.stopped_until;
        let Failure { error, salvaged, consumed, sent, .. } = fruitless.failure;
        let policy = &self.profile.policy;
        let now = self.profile.clock.now();
        let retry = error.diagnosis().retry();
        let definite = error.is_definite() && retry == Retry::Never;
        // Another credential is at hand, say: it costs no retry, but only once in a row.
        let at_once = retry == Retry::Now && !tries.at_once;
        // Attempts that sent nothing count only where nobody waits for a better one.
        let counted = if waiting { tries.sent } else { tries.all };
        let used_up = counted > policy.max_retries();
        let hopeless = retry == Retry::Never || error.kind() == ErrorKind::Internal;
        let ended = !at_once && (hopeless || used_up || !policy.enabled());
        let asked = error.retry_after(now).map(|asked| asked.min(LONGEST_ASKED));
        let pause = if let Some(until) = stopped_until.filter(|_| ended) {
            // The rest is the client's: it began when the server refused, and is not served once more by each source.
            until.since(now)
        } else if ended {
            policy.cool_down().max(asked.unwrap_or_default())
        } else if at_once {
            Duration::ZERO
        } else {
            policy.retry_in(tries.all, asked, &*self.profile.entropy)
        };
        let at = now.after(pause);
        self.count_failure();
        let told = Told {
            kind: error.kind(),
            attempt: tries.all,
            again_in: (!ended).then_some(pause),
            in_doubt: consumed == Consumed::Unknown,
            salvaged: salvaged.is_some(),
        };

        let mut state = self.lock();
        let held = self.held.token();
        // A verdict on the grant is final until somebody asks; a breaker's refusal is not one.
        let goes_on = !definite || !sent;
        if ended && goes_on && policy.enabled() && held.as_ref().is_some_and(|token| token.is_fit(at)) {
            self.book(&mut state, at);
        }
        let unusual = state.unusual_mut();
        unusual.failure = Some(LastFailure { error, retry_at: at, ended, definite, at_once });
        if ended {
            unusual.flight = None;
        }
        if let Some(token) = held.as_ref().filter(|token| token.is_fit(now)) {
            let expires = token.expires().unwrap_or(Instant::MAX);
            let look = if policy.enabled() { at.min(expires) } else { expires };
            self.open_gate(&state, look, expires);
        }
        (if ended { Next::Land } else { Next::TryAgain { at, at_once } }, told)
    }

    pub(super) fn tell_failed(&self, told: &Told) {
        tracing::warn!(
            grantry.service = self.key.service(),
            error.type = told.kind.as_str(),
            grantry.attempt = told.attempt,
            grantry.again_in_ms = told.again_in.map(|pause| pause.as_millis()),
            grantry.in_doubt = told.in_doubt,
            grantry.salvaged = told.salvaged,
            "token renewal failed"
        );
        count_outcome(told.kind.as_str());
        let event = Event::renewal_failed(self.key.clone(), told.kind, told.attempt, told.again_in);
        self.profile.tell(&event);
    }
}

#[cfg(feature = "metrics")]
fn count_outcome(outcome: &'static str) {
    metrics::counter!("grantry_renewals_total", "outcome" => outcome).increment(1);
}

#[cfg(not(feature = "metrics"))]
fn count_outcome(_outcome: &'static str) {}
