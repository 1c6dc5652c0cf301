//! Being near: a copy of the held token beside those of other sources that are asked often.

use std::sync::{Arc, Weak};

use grantry_core::{Instant, Token};

use super::ManagedSource;
use super::state::State;
use crate::near::{Near, Nearby};
use crate::tally::Tally;

/// Where a source's copy is, and the hits of all copies that it ever had there.
#[derive(Debug)]
pub(super) struct NearCopy {
    nearby: Weak<Nearby>,
    pub(super) tally: Arc<Tally>,
}

impl ManagedSource {
    /// Whether several threads ask this source often.
    #[inline]
    pub(crate) fn is_shared(&self) -> bool {
        self.crowd.is_shared()
    }

    /// Comes near, unless it is near somewhere, is shared, or holds no token.
    pub(crate) fn come_near(self: &Arc<Self>, near: &Arc<Near>, hash: u64) {
        let mut state = self.lock();
        let Some(token) = self.held.token().filter(|_| state.nearby().is_none() && !self.is_shared()) else {
            return;
        };
        let tally = state.unusual().and_then(|u| u.near.as_ref()).map(|near| Arc::clone(&near.tally));
        let tally = tally.unwrap_or_default();
        let nearby = near.take_in(hash, self, &token, &tally);
        nearby.gate.follow(&self.gate);
        state.unusual_mut().near = Some(NearCopy { nearby: Arc::downgrade(&nearby), tally });
    }

    /// Shuts the copy's gate, if it is near, until it follows.
    pub(super) fn shut_nearby(&self, state: &State) {
        if let Some(nearby) = state.nearby() {
            nearby.gate.shut();
        }
    }

    /// The source holds `token` now, or none: so does its copy, if it is near. Before the gate opens.
    pub(super) fn nearby_follows(&self, state: &mut State, token: Option<&Token>) {
        if let Some(nearby) = state.nearby() {
            let next = nearby.follow(token).as_ref().map_or_else(Weak::new, Arc::downgrade);
            if let Some(near) = &mut state.unusual_mut().near {
                near.nearby = next;
            }
        }
    }

    /// Opens the gate until the next look at `look`, and that of the copy with it.
    pub(super) fn open_gate(&self, state: &State, look: Instant, expires: Instant) {
        self.gate.open(look, expires, &self.profile.clock);
        if let Some(nearby) = state.nearby() {
            nearby.gate.follow(&self.gate);
        }
    }
}

impl State {
    /// The copy of the held token, where a directory has one near.
    fn nearby(&self) -> Option<Arc<Nearby>> {
        self.unusual()?.near.as_ref()?.nearby.upgrade()
    }
}
