//! A grant that is open here: one for each tenant, service and account, however many handles there are.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use grantry_core::{
    Attempt, Clock, Diagnosis, Error, ErrorKind, Failure, Grant, GrantKey, Instant, Party, Retry, Stage,
    Token, TokenSet, TokenSource,
};
use grantry_custody::CustodyGrant;
use grantry_refresh::ManagedSource;

use super::house::House;
use super::registration::Ready;

/// How long a look at the vault's registration may take before a renewal goes on with what is known.
const LOOK_PATIENCE: Duration = Duration::from_secs(5);

/// A grant that is open here. What it is made of may be exchanged under it; handles keep the entry.
pub(super) struct Entry {
    pub(super) key: GrantKey,
    pub(super) state: ArcSwap<State>,
}

/// What an entry is made of at this moment.
pub(super) enum State {
    Live(Live),
    /// Why there is nothing any more, and since when.
    Gone(Error, Instant),
}

/// The parts of a grant that is open.
pub(super) struct Live {
    pub(super) ready: Arc<Ready>,
    pub(super) custody: Arc<CustodyGrant>,
    pub(super) source: Arc<ManagedSource>,
    /// When it was made.
    pub(super) opened: Instant,
    outer: Arc<Outer>,
}

impl Entry {
    pub(super) fn new(house: &Arc<House>, key: GrantKey, ready: &Arc<Ready>) -> Result<Arc<Self>, Error> {
        let mut failed = None;
        let entry = Arc::new_cyclic(|me| {
            let state = match Live::new(house, me, &key, ready, Memory::default()) {
                Ok(live) => State::Live(live),
                Err(error) => {
                    failed = Some(error.clone());
                    State::Gone(error, house.clock.now())
                }
            };
            Self { key, state: ArcSwap::from_pointee(state) }
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(entry),
        }
    }

    /// From now on it is made of this. A token that is still right goes along.
    pub(super) fn renew_by(self: &Arc<Self>, house: &Arc<House>, ready: &Arc<Ready>) {
        let inherited = match &**self.state.load() {
            State::Live(live) if live.ready.resolved.target == ready.resolved.target => {
                live.outer.memory().clone()
            }
            _ => Memory::default(),
        };
        self.make(house, ready, inherited);
    }

    /// From now on it is made of this, and what it held is not given out any more.
    pub(super) fn begin_anew(self: &Arc<Self>, house: &Arc<House>, ready: &Arc<Ready>) {
        self.make(house, ready, Memory::default());
    }

    /// From now on it gives this out, which was renewed beside it.
    pub(super) fn go_on_with(self: &Arc<Self>, house: &Arc<House>, ready: &Arc<Ready>, set: &TokenSet) {
        self.make(house, ready, Memory { held: Some(set.clone()), refused: None });
    }

    fn make(self: &Arc<Self>, house: &Arc<House>, ready: &Arc<Ready>, inherited: Memory) {
        let before = self.state.load_full();
        let state = match Live::new(house, &Arc::downgrade(self), &self.key, ready, inherited) {
            Ok(live) => State::Live(live),
            Err(error) => State::Gone(error, house.clock.now()),
        };
        if let (State::Live(before), State::Live(live)) = (&*before, &state) {
            // What was not told yet is written with the next renewal, which is the new one's.
            live.custody.used(before.outer.take_uses());
        }
        self.state.store(Arc::new(state));
    }

    pub(super) fn end(&self, why: Error, now: Instant) {
        self.state.store(Arc::new(State::Gone(why, now)));
    }
}

impl Live {
    fn new(
        house: &Arc<House>,
        entry: &Weak<Entry>,
        key: &GrantKey,
        ready: &Arc<Ready>,
        inherited: Memory,
    ) -> Result<Self, Error> {
        let custody = Arc::new(ready.custody_grant(house, key)?);
        let outer = Arc::new(Outer {
            house: Arc::downgrade(house),
            entry: Weak::clone(entry),
            ready: Arc::clone(ready),
            memory: Mutex::new(inherited),
            source: OnceLock::new(),
            reported: AtomicU64::new(0),
        });
        let source = ManagedSource::new(key.clone(), Arc::clone(&outer) as Arc<dyn Grant>, &ready.profile);
        let _ = outer.source.set(Arc::downgrade(&source));
        Ok(Self { ready: Arc::clone(ready), custody, source, opened: house.clock.now(), outer })
    }

    /// A resource server refused this token: it is not handed out again, nor inherited.
    pub(super) fn reject(&self, refused: &Token) {
        self.outer.forget(refused);
        self.source.reject(refused);
    }

    /// Tells custody how often its token was handed out since the last time.
    pub(super) fn report_use(&self) {
        let uses = self.outer.take_uses();
        self.custody.used(uses);
    }
}

/// The grant of a source: custody's, whichever it is at this moment.
struct Outer {
    house: Weak<House>,
    entry: Weak<Entry>,
    ready: Arc<Ready>,
    memory: Mutex<Memory>,
    source: OnceLock<Weak<ManagedSource>>,
    /// How many of the source's hits custody knows of.
    reported: AtomicU64,
}

/// What has to outlive the exchange of a source by another one.
#[derive(Clone, Default)]
struct Memory {
    /// What came last.
    held: Option<TokenSet>,
    /// What a resource server refused last: the vault may still hold it.
    refused: Option<Token>,
}

impl Outer {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> Option<TokenSet> {
        self.memory().held.clone()
    }

    fn keep(&self, set: &TokenSet) {
        *self.memory() = Memory { held: Some(set.clone()), refused: None };
    }

    fn forget(&self, refused: &Token) {
        let mut memory = self.memory();
        if memory.held.as_ref().is_some_and(|set| set.token().is_same(refused)) {
            *memory = Memory { held: None, refused: Some(refused.clone()) };
        }
    }

    fn is_refused(&self, set: &TokenSet) -> bool {
        self.memory().refused.as_ref().is_some_and(|refused| refused.expose() == set.token().expose())
    }

    fn take_uses(&self) -> u64 {
        let Some(source) = self.source.get().and_then(Weak::upgrade) else { return 0 };
        let hits = source.health().hits;
        hits.saturating_sub(self.reported.fetch_max(hits, Ordering::Relaxed))
    }

    /// The parts that the entry is made of now, if they bring the same tokens.
    fn current(&self, house: &House) -> Result<Arc<State>, Failure> {
        let entry = self.entry.upgrade().ok_or_else(|| Failure::unsent(exchanged()))?;
        if house.is_closed() {
            return Err(Failure::unsent(closed()));
        }
        let state = entry.state.load_full();
        match &*state {
            State::Gone(why, _) => Err(Failure::unsent(why.clone())),
            State::Live(live) if live.ready.resolved.target != self.ready.resolved.target => {
                Err(Failure::unsent(exchanged()))
            }
            State::Live(_) => Ok(state),
        }
    }
}

#[async_trait]
impl Grant for Outer {
    async fn obtain(&self, attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        let house = self.house.upgrade().ok_or_else(|| Failure::unsent(closed()))?;
        let inherited = self
            .held()
            .filter(|held| attempt.replacing().is_none() && held.token().is_fit(house.clock.now()));
        if let Some(inherited) = inherited {
            return Ok(inherited);
        }
        let (tenant, service) = (self.ready.key.0.as_str(), self.ready.key.1.as_str());
        if self.ready.is_old(house.clock.now()) {
            // What cannot be looked up now is looked up the next time.
            let _ = tokio::time::timeout(LOOK_PATIENCE, house.refresh(tenant, service)).await;
        }
        let state = self.current(&house)?;
        let State::Live(live) = &*state else { return Err(Failure::unsent(exchanged())) };
        live.custody.used(self.take_uses());
        let mut result = live.custody.obtain(attempt).await;
        if let Err(failure) = &result
            && !failure.sent
            && failure.error.kind() == ErrorKind::InvalidGrant
            && live.ready.resolved.is_clients_own()
            && house.create_own_grant(live.custody.key()).await.is_ok_and(|made| made)
        {
            // Nobody has to consent to a client's own tokens: a record that was taken away is made again.
            result = live.custody.obtain(attempt).await;
        }
        if let Ok(set) = &result
            && self.is_refused(set)
        {
            // It came from the vault, without a request.
            result = live.custody.obtain(Attempt::replace(set)).await;
        }
        match result {
            Ok(set) => {
                self.keep(&set);
                Ok(set)
            }
            Err(failure) => Err(self.look_again(&house, live, failure).await),
        }
    }
}

impl Outer {
    /// After a refusal of the client or the grant: somebody may have stored another secret, or taken the service away.
    async fn look_again(&self, house: &Arc<House>, live: &Live, mut failure: Failure) -> Failure {
        if !matches!(failure.error.kind(), ErrorKind::InvalidClient | ErrorKind::InvalidGrant) {
            return failure;
        }
        let (tenant, service) = (self.ready.key.0.as_str(), self.ready.key.1.as_str());
        let looked = tokio::time::timeout(LOOK_PATIENCE, house.refresh(tenant, service)).await;
        if !matches!(looked, Ok(Ok(()))) {
            return failure;
        }
        let state = match self.current(house) {
            Ok(state) => state,
            Err(gone) => {
                failure.error = gone.error;
                return failure;
            }
        };
        match &*state {
            State::Live(now)
                if failure.error.kind() == ErrorKind::InvalidClient
                    && !Arc::ptr_eq(&now.ready, &live.ready) =>
            {
                let remedy = "nothing to do: the vault has another registration by now, which is tried next";
                let again = Diagnosis::new(Party::Application, remedy, Retry::Now);
                failure.error = failure.error.with_diagnosis(again);
            }
            _ => {}
        }
        failure
    }
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, Stage::Wait, "the pantry was shut down")
}

/// For a source that another one has taken the place of: whoever waits there turns to that.
fn exchanged() -> Error {
    Error::new(ErrorKind::Closed, Stage::Wait, "the service was changed in between")
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.key).finish_non_exhaustive()
    }
}

impl fmt::Debug for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outer").field("service", &self.ready.key).finish_non_exhaustive()
    }
}
