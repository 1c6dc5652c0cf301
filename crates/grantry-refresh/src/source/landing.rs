//! The task of a renewal: its attempts, and its end, whatever it is.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};

use futures_util::FutureExt;
use grantry_core::{Error, ErrorKind, Failure, Instant, Stage};
use tokio::runtime::Handle;

use super::ManagedSource;
use super::outcome::{Fruitless, Next, Tries};
use crate::flight::Flight;
use crate::lane::Slot;
use crate::scheduler::InFlight;

/// A renewal that is ready to go. It has to go, or be dropped, outside of its source's lock.
pub(super) struct Takeoff {
    runtime: Handle,
    landing: Landing,
    slot: Option<Slot>,
}

impl Takeoff {
    pub(super) fn new(
        runtime: Handle,
        source: Weak<ManagedSource>,
        flight: Arc<Flight>,
        in_flight: InFlight,
        slot: Option<Slot>,
    ) -> Self {
        Self { runtime, landing: Landing { source, flight, _in_flight: in_flight }, slot }
    }

    /// Starts the task. A runtime that shuts down drops it at once, which ends the flight like any other end.
    pub(super) fn go(self) {
        self.runtime.spawn(self.landing.fly(self.slot));
    }
}

/// A renewal on its way. However it ends, the source and those who wait learn of it.
struct Landing {
    /// Weak, so that a source that everyone dropped is renewed no more.
    source: Weak<ManagedSource>,
    flight: Arc<Flight>,
    _in_flight: InFlight,
}

impl Landing {
    async fn fly(self, mut slot: Option<Slot>) {
        let mut tries = Tries::default();
        while let Some(source) = self.source.upgrade() {
            let started = source.profile.clock.now();
            let attempt = AssertUnwindSafe(source.attempt(slot.take())).catch_unwind().await;
            let result = match attempt {
                Ok(Some(result)) => result,
                Ok(None) => return,
                Err(_) => Err(Fruitless::from(Failure::unknown(panicked()))),
            };
            let fruitless = match result {
                Ok(set) => {
                    source.publish(&set);
                    // Those who wait come before those who watch.
                    self.flight.attempt_ended();
                    return source.tell_renewed(&set, started);
                }
                Err(fruitless) => fruitless,
            };
            tries.count(&fruitless);
            let (next, told) = source.note_failure(fruitless, &tries, self.flight.waiting() > 0);
            self.flight.attempt_ended();
            source.tell_failed(&told);
            let Next::TryAgain { at, at_once } = next else {
                return;
            };
            tries.at_once = at_once;
            let scheduler = source.profile.scheduler.clone();
            drop(source);
            if !scheduler.pause(at, || self.flight.hurried()).await {
                return;
            }
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if let Some(source) = self.source.upgrade() {
            source.flight_ended(&self.flight);
        }
        self.flight.attempt_ended();
    }
}

impl ManagedSource {
    /// The flight is over. If nothing was published and no failure ended it, it was cut off: then the next demand may
    /// start another, but not before the time that the last failure named.
    fn flight_ended(&self, flight: &Arc<Flight>) {
        let mut state = self.lock();
        if !state.flight().is_some_and(|current| Arc::ptr_eq(current, flight)) {
            return;
        }
        flight.cut_off();
        let unusual = state.unusual_mut();
        unusual.flight = None;
        if let Some(failure) = &mut unusual.failure {
            failure.ended = true;
        }
        let held = self.held.token();
        let now: Instant = self.profile.clock.now();
        if let Some(token) = held.as_ref().filter(|token| token.is_fit(now)) {
            self.reopen(&state, token, now);
        }
    }
}

fn panicked() -> Error {
    Error::new(ErrorKind::Internal, Stage::Token, "the grant panicked")
}
