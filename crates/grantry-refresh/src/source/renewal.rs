//! Starting a renewal: by a caller, by the scheduler, ahead of everyone.

use std::sync::Arc;

use grantry_core::{Attempt, Error, ErrorKind, Event, Failure, Instant, Retry, Stage, TokenSet};
use tokio::runtime::Handle;

use super::ManagedSource;
use super::landing::Takeoff;
use super::outcome::Fruitless;
use super::state::State;
use crate::calendar::tick_of;
use crate::flight::Flight;
use crate::lane::Slot;
use crate::registration::Leave;
use crate::{Profile, Verdict};

impl ManagedSource {
    /// Obtains the first token in the background, without a caller that waits for it: as soon as the lane to the
    /// token endpoint has room. Needs a tokio runtime.
    ///
    /// First tokens are not spread, as renewals are: of sources that are warmed together as many are obtained at once as
    /// the scheduler lets renew at one token endpoint, and callers who wait come before them.
    pub fn warm(&self) {
        let now = self.profile.clock.now();
        let mut state = self.lock();
        let held = self.held.token();
        let verdict = self.profile.policy.decide(state.held(held.as_ref()), state.failure(), now);
        if state.flight().is_none() && matches!(verdict, Verdict::AwaitRenewal | Verdict::UseHeldAndRenew) {
            self.book(&mut state, now);
        }
    }

    /// The scheduler found this source in the tick that it was booked for.
    pub(crate) fn due(&self, tick: u64) {
        let now = self.profile.clock.now();
        let mut takeoff = None;
        {
            let mut state = self.lock();
            if tick_of(state.renew_at) != tick || state.flight().is_some() {
                return;
            }
            let held = self.held.token();
            match self.profile.policy.decide(state.held(held.as_ref()), state.failure(), now) {
                Verdict::UseHeldAndRenew | Verdict::AwaitRenewal => match self.profile.lane.try_enter() {
                    Some(slot) => takeoff = self.start(&mut state, Some(slot)).ok(),
                    None => self.profile.lane.line_up(tick, self.me.clone()),
                },
                Verdict::UseHeld => {
                    // Something failed since and has a time of its own.
                    if let Some(again) = state.failure().map(|failed| failed.retry_at).filter(|at| *at > now)
                    {
                        self.book(&mut state, again);
                    }
                }
                Verdict::UseExpired | Verdict::Refuse => {}
            }
        }
        if let Some((_, takeoff)) = takeoff {
            takeoff.go();
        }
    }

    /// The renewal in flight, prepared if there is none. A take-off has to be let go outside of the lock.
    pub(super) fn join_or_start(
        &self,
        state: &mut State,
        now: Instant,
    ) -> Result<(Arc<Flight>, Option<Takeoff>), Error> {
        let Some(flight) = state.flight() else {
            return self.start(state, None).map(|(flight, takeoff)| (flight, Some(takeoff)));
        };
        Handle::try_current().map_err(|_| no_runtime())?;
        // The time of the next attempt has come; a machine that slept may not have noticed.
        if state.failure().is_some_and(|failed| !failed.ended && failed.retry_at <= now) {
            flight.hurry();
        }
        Ok((Arc::clone(flight), None))
    }

    fn start(&self, state: &mut State, slot: Option<Slot>) -> Result<(Arc<Flight>, Takeoff), Error> {
        let runtime = Handle::try_current().map_err(|_| no_runtime())?;
        let closed = || Error::new(ErrorKind::Closed, Stage::Wait, "the source was shut down");
        let in_flight = self.profile.scheduler.take_off().ok_or_else(closed)?;
        let flight = Arc::new(Flight::default());
        state.unusual_mut().flight = Some(Arc::clone(&flight));
        let takeoff = Takeoff::new(runtime, self.me.clone(), Arc::clone(&flight), in_flight, slot);
        Ok((flight, takeoff))
    }

    /// One attempt: at most one token request. `None` if the scheduler closed before anything was sent.
    pub(super) async fn attempt(&self, slot: Option<Slot>) -> Option<Result<TokenSet, Fruitless>> {
        let profile = &*self.profile;
        let _slot = match slot {
            Some(slot) => slot,
            None => tokio::select! {
                biased;
                () = profile.scheduler.closed() => return None,
                slot = profile.lane.enter() => slot,
            },
        };
        if profile.scheduler.is_closed() {
            return None;
        }
        let _probe = match profile.registration.check(profile.clock.now()) {
            Ok(leave) => (leave == Leave::Probe).then(|| Probe(profile)),
            Err((error, until)) => return Some(Err(Fruitless::stopped(error, until))),
        };
        let replacing = self.lock().replacing(self.held.token().as_ref());
        let result = self.grant.obtain(Attempt::replace_if_any(replacing.as_ref())).await;
        self.note_registration(&result);
        Some(result.and_then(|set| self.usable(set)).map_err(Fruitless::from))
    }

    /// What the attempt said of the client itself.
    fn note_registration(&self, result: &Result<TokenSet, Failure>) {
        let profile = &*self.profile;
        let now = profile.clock.now();
        let Err(failure) = result else {
            return profile.registration.accepted();
        };
        match failure.error.kind() {
            // With another credential left to try, the client was not refused.
            ErrorKind::InvalidClient if failure.error.diagnosis().retry() == Retry::Never => {
                let rest = profile.policy.cool_down();
                profile.registration.refused(failure.error.clone(), now.after(rest));
                profile.tell(&Event::client_refused(profile.registration.name().to_owned(), rest));
            }
            // The server got as far as the grant.
            ErrorKind::InvalidGrant | ErrorKind::InvalidScope | ErrorKind::Refused => {
                profile.registration.accepted()
            }
            _ => {}
        }
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
}

/// The attempt that finds out whether its client is still refused. Also one that panics, or whose runtime goes, makes room for
/// another.
struct Probe<'a>(&'a Profile);

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        self.0.registration.probe_ended(self.0.clock.now());
    }
}

fn no_runtime() -> Error {
    Error::configuration("a token can be renewed only inside a tokio runtime: call from within one")
}
