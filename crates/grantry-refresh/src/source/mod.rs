//! The managed source: a grant whose token is kept fresh.

mod landing;
mod near;
mod outcome;
mod place;
mod reading;
mod renewal;
mod serving;
mod state;

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwapOption;
use grantry_core::{Grant, GrantKey};

use crate::Profile;
use crate::crowd::Crowd;
use crate::gate::Gate;
use crate::shards::Shards;
use crate::tally::Tally;
use place::Place;
use state::State;

/// Keeps the token of one grant fresh and hands it out: a [`TokenSource`](grantry_core::TokenSource).
///
/// The held token is read without waiting for anybody. At most one renewal is in flight, as a task of its own; callers join
/// it, and one that gives up cuts nothing off. The profile's scheduler renews in the background.
///
/// Renewing needs a tokio runtime with timers. The grant has to give up by itself, as one over a transport with
/// timeouts does: a renewal that never ends keeps its source from another.
///
/// ```
/// # use async_trait::async_trait;
/// # use grantry_core::{AccessToken, Attempt, Clock, Failure, Grant, SystemClock, TokenSet};
/// # #[derive(Debug)] struct MadeUp;
/// # #[async_trait] impl Grant for MadeUp {
/// #     async fn obtain(&self, _: Attempt<'_>) -> Result<TokenSet, Failure> {
/// #         let now = SystemClock::new().now();
/// #         Ok(TokenSet::builder(AccessToken::new("abc"), now).expires(now.after(std::time::Duration::from_secs(3600))).build().unwrap())
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use grantry_core::{GrantKey, TokenSource};
/// use grantry_refresh::{ManagedSource, Profile, Scheduler};
///
/// let profile = Profile::builder("https://as.example.com/token", "billing", &Scheduler::new()).build();
/// let source = ManagedSource::new(GrantKey::new("acme", "crm", "default")?, Arc::new(MadeUp), &profile);
/// assert!(source.ready().is_none(), "nothing is obtained before somebody asks");
/// assert_eq!(source.token().await?.header(), "Bearer abc");
/// assert_eq!(source.ready().unwrap().header(), "Bearer abc");
/// # Ok(()) }
/// ```
///
/// The fields are in the order in which a hit reads them, so that it touches few cache lines.
#[repr(C)]
pub struct ManagedSource {
    key: GrantKey,
    gate: Gate,
    held: Place,
    profile: Arc<Profile>,
    crowd: Crowd,
    /// Present while other threads ask often, for the life of a token.
    shards: ArcSwapOption<Shards>,
    tally: Tally,
    me: Weak<Self>,
    grant: Arc<dyn Grant>,
    state: Mutex<State>,
    renewals: AtomicU32,
    failures: AtomicU32,
}

impl ManagedSource {
    /// A source of `grant`'s tokens. Nothing is obtained before the first caller asks, unless [`warm`] is called.
    ///
    /// [`warm`]: ManagedSource::warm
    pub fn new(key: GrantKey, grant: Arc<dyn Grant>, profile: &Arc<Profile>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            key,
            grant,
            profile: Arc::clone(profile),
            gate: Gate::default(),
            held: Place::default(),
            tally: Tally::default(),
            crowd: Crowd::default(),
            shards: ArcSwapOption::empty(),
            state: Mutex::default(),
            renewals: AtomicU32::new(0),
            failures: AtomicU32::new(0),
        })
    }

    /// Whose grant it is.
    pub fn key(&self) -> &GrantKey {
        &self.key
    }

    /// What it shares with other sources.
    pub fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under the lock panics; if it did, a state half changed is still one to go on from: a
        // source without a flight starts one, and a gate that is shut is opened by the next token.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_renewal(&self) {
        self.renewals.fetch_add(1, Ordering::Relaxed);
    }

    fn count_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for ManagedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedSource")
            .field("key", &self.key)
            .field("held", &self.held.look())
            .finish_non_exhaustive()
    }
}
