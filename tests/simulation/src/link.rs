//! What connects one machine with the others: the store and the server may be out of its reach, and of nobody else's.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grantry_core::{Clock, Instant};
use grantry_testkit::ManualClock;

/// How a machine is cut off from the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Whatever it asks is refused at once.
    Refuses,
    /// Whatever it asks waits until the cut is over, and is done then.
    Waits,
    /// Whatever it asks waits until the cut is over, and fails then.
    WaitsAndFails,
}

/// The links of one machine.
#[derive(Debug)]
pub(crate) struct Link {
    clock: ManualClock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How the store is cut off, and until when.
    store: Option<(Cut, Instant)>,
    /// The next write is done, its answer is lost, and for so long this is how the store is cut off.
    at_next_write: Option<(Cut, Duration)>,
    /// When the next answer is on its way, everything is lost for so long.
    at_next_answer: Option<Duration>,
    /// Until when everything that is under way to the server, or back, is lost.
    hole: Option<Instant>,
}

impl Link {
    /// Whole links.
    pub(crate) fn new(clock: ManualClock) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Cuts the store off.
    pub(crate) fn cut_store(&self, cut: Cut, lasts: Duration) {
        self.lock().store = Some((cut, self.clock.now().after(lasts)));
    }

    /// Cuts the store off in the midst of the next write, once that is done.
    pub(crate) fn cut_store_at_next_write(&self, cut: Cut, lasts: Duration) {
        self.lock().at_next_write = Some((cut, lasts));
    }

    /// A write is done. Whether its answer is lost, because the store is out of reach from now on.
    pub(crate) fn is_cut_by_write(&self) -> bool {
        let mut state = self.lock();
        let Some((cut, lasts)) = state.at_next_write.take() else { return false };
        state.store = Some((cut, self.clock.now().after(lasts)));
        true
    }

    /// How the store is cut off at this moment, and for how long it will be.
    pub(crate) fn store(&self) -> Option<(Cut, Duration)> {
        let now = self.clock.now();
        self.lock().store.filter(|(_, until)| *until > now).map(|(cut, until)| (cut, until.since(now)))
    }

    /// Loses everything that is under way to the server, or back, for so long.
    pub(crate) fn lose_messages(&self, lasts: Duration) {
        self.lock().hole = Some(self.clock.now().after(lasts));
    }

    /// Loses everything from the next answer on, which is on its way then.
    pub(crate) fn lose_messages_at_next_answer(&self, lasts: Duration) {
        self.lock().at_next_answer = Some(lasts);
    }

    /// An answer is on its way. For how long everything is lost from now on, if it is.
    pub(crate) fn answers(&self) -> Option<Duration> {
        let lasts = self.lock().at_next_answer.take()?;
        self.lose_messages(lasts);
        Some(lasts)
    }

    /// Whether what is under way at this moment is lost.
    pub(crate) fn loses_messages(&self) -> bool {
        self.lock().hole.is_some_and(|until| until > self.clock.now())
    }

    /// Everything is whole again.
    pub(crate) fn mend(&self) {
        *self.lock() = State::default();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
