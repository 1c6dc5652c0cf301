//! Waiting for somebody else, and for a store that does not answer.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Clock, Instant, StoreTime};
use grantry_vault::{ChangeHint, Renewing};

use super::Voyage;
use crate::grant::Inner;
use crate::protocol::Event;

/// How long a change may stay unnoticed where the store's hints are lost.
const POLL: Duration = Duration::from_millis(500);
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// What an attempt waits with.
pub(super) struct Waiting {
    hint: Option<ChangeHint>,
    until: Instant,
    clock: Arc<dyn Clock>,
    pauses: u32,
    most_pause: Duration,
}

impl Waiting {
    pub(super) fn new(grant: &Inner, now: Instant) -> Self {
        let terms = &grant.terms;
        let patience = 2 * (terms.lease + terms.allowance);
        Self {
            hint: None,
            until: now.after(patience),
            clock: Arc::clone(&grant.custody.clock),
            pauses: 0,
            // Whoever has something in its hands is back in time once the store is.
            most_pause: terms.allowance / 3,
        }
    }

    /// Registers for changes, before the record is read: one that comes after the reading is not missed.
    pub(super) fn watch(&mut self, renewing: &Renewing) {
        self.hint = renewing.watch().map(|watch| watch.next_change(renewing.record()));
    }

    /// Waits a moment, and longer each time.
    pub(super) async fn pause(&mut self) {
        let pause = FIRST_PAUSE * 2u32.saturating_pow(self.pauses);
        self.pauses = (self.pauses + 1).min(10);
        tokio::time::sleep(pause.min(self.most_pause)).await;
    }
}

impl Voyage {
    /// Waits until somebody else's lease is over, or the record may have changed.
    pub(super) async fn wait(&mut self, until: StoreTime) -> Event {
        let now = self.waiting.clock.now();
        let left = self.waiting.until.since(now);
        if left.is_zero() {
            return Event::OutOfPatience;
        }
        let Some(stored) = &self.stored else { return Event::Woken };
        // Both readings were taken around the same moment; by the later one the lease is certainly over.
        let until = until.to_local(stored.believed.now, stored.answered);
        let hint = self.waiting.hint.take();
        // Without hints the record is looked at more often, and not by all at the same moment.
        let most = if hint.is_some() { POLL } else { self.grant.custody.jitter(POLL / 5) };
        let pause = until.since(now).clamp(Duration::from_millis(1), most).min(left);
        let hinted = async {
            match hint {
                Some(hint) => hint.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = hinted => {}
            () = tokio::time::sleep(pause) => {}
        }
        Event::Woken
    }
}
