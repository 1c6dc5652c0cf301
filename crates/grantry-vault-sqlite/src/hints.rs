//! Hints of changes: our own at once, those of other processes by looking while somebody waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use grantry_vault::{ChangeHint, ChangeHints, RecordKey, Watch};

use crate::queue::Queue;
use crate::writer::Order;

/// Counts who waits, so that nobody looks for nobody.
#[derive(Debug)]
pub(crate) struct Hints {
    told: ChangeHints,
    waiting: Arc<AtomicUsize>,
    orders: Arc<Queue<Order>>,
}

impl Hints {
    pub(crate) fn new(orders: Arc<Queue<Order>>) -> Self {
        Self { told: ChangeHints::default(), waiting: Arc::default(), orders }
    }

    pub(crate) fn is_anyone_waiting(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    pub(crate) fn tell(&self, key: &RecordKey) {
        self.told.tell(key);
    }

    pub(crate) fn tell_all(&self) {
        self.told.tell_all();
    }
}

impl Watch for Hints {
    fn next_change(&self, key: &RecordKey) -> ChangeHint {
        let told = self.told.next_change(key);
        let waiting = Waiting(Arc::clone(&self.waiting));
        if self.waiting.fetch_add(1, Ordering::AcqRel) == 0 && self.orders.push(Order::Look).is_err() {
            // Nobody will look any more: whoever waits should read, and learn why.
            self.told.tell_all();
        }
        ChangeHint::new(async move {
            let _waiting = waiting;
            told.await;
        })
    }
}

struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
