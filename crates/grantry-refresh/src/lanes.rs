//! The lanes of all token endpoints, and those among them that somebody has to look at.
//!
//! A program may have as many token endpoints as it has tenants. So neither a new one nor a wake of the scheduler's
//! loop costs a look at all of them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use crate::lane::Lane;

/// How many lanes there are before those are looked for that nobody holds any more.
const FEW: usize = 64;

/// The lane of each token endpoint, as long as a profile holds it.
#[derive(Debug)]
pub(crate) struct Lanes {
    width: usize,
    table: Mutex<Table>,
    calls: Arc<Calls>,
}

#[derive(Debug, Default)]
struct Table {
    by_endpoint: HashMap<String, Weak<Lane>>,
    /// How many lanes there have to be before the table is swept again.
    sweep_at: usize,
    /// At how many lanes all sweeps have looked.
    #[cfg(test)]
    looks: usize,
}

/// Lanes in which sources stand in line that may find room now.
#[derive(Debug)]
pub(crate) struct Calls {
    lanes: Mutex<VecDeque<Weak<Lane>>>,
    /// Wakes the scheduler's loop.
    wake: Arc<Notify>,
}

impl Lanes {
    /// Lanes of this width, whose calls wake the loop by `wake`.
    pub(crate) fn new(width: usize, wake: Arc<Notify>) -> Self {
        let calls = Arc::new(Calls { lanes: Mutex::default(), wake });
        Self { width, table: Mutex::default(), calls }
    }

    /// The lane to this token endpoint.
    pub(crate) fn lane(&self, token_endpoint: &str) -> Arc<Lane> {
        let mut table = self.table();
        if let Some(lane) = table.by_endpoint.get(token_endpoint).and_then(Weak::upgrade) {
            return lane;
        }
        table.sweep_if_doubled();
        let lane = Arc::new(Lane::new(self.width, Arc::clone(&self.calls)));
        table.by_endpoint.insert(token_endpoint.to_owned(), Arc::downgrade(&lane));
        lane
    }

    /// Starts who stands in line and finds room now. Called by the scheduler's loop alone.
    pub(crate) fn start_next(&self) {
        // Those that call meanwhile have woken the loop, and have their turn in its next round.
        let called = self.calls.lanes().len();
        for _ in 0..called {
            // Taken one by one, so that one that panics takes no other's call with it.
            let next = self.calls.lanes().pop_front();
            if let Some(lane) = next.as_ref().and_then(Weak::upgrade) {
                lane.start_next();
            }
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Drops lanes that nobody holds, each time that there are twice as many as were left the last time.
    fn sweep_if_doubled(&mut self) {
        if self.by_endpoint.len() < self.sweep_at.max(FEW) {
            return;
        }
        #[cfg(test)]
        {
            self.looks += self.by_endpoint.len();
        }
        self.by_endpoint.retain(|_, lane| lane.strong_count() > 0);
        self.sweep_at = self.by_endpoint.len() * 2;
    }
}

impl Calls {
    /// Has the loop look at `lane`.
    pub(crate) fn add(&self, lane: &Arc<Lane>) {
        self.lanes().push_back(Arc::downgrade(lane));
        self.wake.notify_one();
    }

    fn lanes(&self) -> MutexGuard<'_, VecDeque<Weak<Lane>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes() -> Lanes {
        Lanes::new(1, Arc::default())
    }

    #[test]
    fn many_token_endpoints_cost_a_few_looks_each() {
        let lanes = lanes();
        let held: Vec<_> =
            (0..10_000).map(|nth| lanes.lane(&format!("https://as-{nth}.test/token"))).collect();
        assert!(lanes.table().looks <= 2 * held.len(), "{} looks", lanes.table().looks);
        assert!(Arc::ptr_eq(&held[7], &lanes.lane("https://as-7.test/token")));
        drop(held);
        for nth in 10_000..60_000 {
            lanes.lane(&format!("https://as-{nth}.test/token"));
        }
        assert!(lanes.table().by_endpoint.len() <= FEW, "what nobody holds goes");
        assert!(lanes.table().looks <= 2 * 60_000, "{} looks", lanes.table().looks);
    }

    #[test]
    fn only_lanes_with_somebody_in_line_are_looked_at() {
        let lanes = lanes();
        let held: Vec<_> =
            (0..1_000).map(|nth| lanes.lane(&format!("https://as-{nth}.test/token"))).collect();
        let called = || lanes.calls.lanes().len();
        let slots: Vec<_> = held.iter().map(|lane| lane.try_enter().unwrap()).collect();
        assert_eq!(called(), 0);
        held[7].line_up(1, Weak::new());
        held[7].line_up(2, Weak::new());
        assert_eq!(called(), 1);
        lanes.start_next();
        assert_eq!(called(), 0, "it is full, and whoever leaves it calls");
        drop(slots);
        assert_eq!(called(), 1, "nobody stands in line in the others");
        lanes.start_next();
        drop(held[7].try_enter());
        assert_eq!(called(), 0, "all have had their turn");
    }

    #[tokio::test]
    async fn a_place_that_fell_to_one_who_gave_up_waiting_goes_to_the_next() {
        let lanes = lanes();
        let lane = lanes.lane("https://as.test/token");
        let slot = lane.try_enter().unwrap();
        let mut waiting = Box::pin(lane.enter());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        lane.line_up(1, Weak::new());
        lanes.start_next();
        // The place is the waiting one's now, but that one does not know yet.
        drop(slot);
        lanes.start_next();
        assert_eq!((lane.try_enter().is_none(), lanes.calls.lanes().len()), (true, 0));
        drop(waiting);
        assert_eq!(lanes.calls.lanes().len(), 1);
    }
}
