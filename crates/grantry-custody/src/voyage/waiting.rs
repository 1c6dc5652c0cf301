//! Waiting for somebody else, and for a store that does not answer.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Clock, Error, ErrorKind, Instant, Stage, StoreTime};
use grantry_vault::{ChangeHint, Renewing};

use super::Voyage;
use crate::grant::Inner;
use crate::protocol::Event;

/// How long a change may stay unnoticed where the store's hints are lost.
const POLL: Duration = Duration::from_millis(500);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// For how long one answer of the store is waited for at most, by whoever has something to bring home.
const MOST_PATIENCE: Duration = Duration::from_secs(30);

/// What an attempt waits with.
pub(super) struct Waiting {
    hint: Option<ChangeHint>,
    /// Whether there is somebody to wait for.
    watches: bool,
    until: Instant,
    clock: Arc<dyn Clock>,
    pauses: u32,
    most_pause: Duration,
    store_patience: Duration,
}

impl Waiting {
    pub(super) fn new(grant: &Inner, now: Instant) -> Self {
        let terms = &grant.terms;
        let patience = 2 * (terms.lease + terms.allowance);
        Self {
            hint: None,
            watches: false,
            until: now.after(patience),
            clock: Arc::clone(&grant.custody.clock),
            pauses: 0,
            // Whoever has something in its hands is back in time once the store is.
            most_pause: terms.allowance / 3,
            store_patience: terms.lease / 3,
        }
    }

    /// Registers for changes where there is somebody to wait for, before the record is read: one that comes after the
    /// reading is not missed. An attempt that waits for nobody has nobody told of what it writes itself.
    pub(super) fn watch(&mut self, renewing: &Renewing) {
        self.hint = match renewing.watch() {
            Some(watch) if self.watches => Some(watch.next_change(renewing.record())),
            _ => None,
        };
    }

    /// For how long an answer of the store is waited for by whoever has something to bring home. One connection may be dead without
    /// anybody having noticed, while the others answer.
    pub(super) fn store_patience(&self) -> Duration {
        self.store_patience
    }

    /// It did not answer in that time, and may be slow: the next time it has more.
    pub(super) fn store_is_silent(&mut self) -> Error {
        self.store_patience = (self.store_patience * 2).min(MOST_PATIENCE);
        Error::new(ErrorKind::Storage, Stage::Keep, "the store did not answer in time; it is asked again")
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
        if !std::mem::replace(&mut self.waiting.watches, true) {
            // What changed since the reading is seen by the next, which registers first.
            return Event::Woken;
        }
        // Both readings were taken around the same moment; by the later one the lease is certainly over.
        let until = until.to_local(stored.believed.now, stored.answered);
        let hint = self.waiting.hint.take();
        // Without hints the record is looked at more often, and not by all at the same moment.
        let most = if hint.is_some() { POLL } else { self.grant.custody.jitter(POLL / 5) };
        let pause = until.since(now).clamp(Duration::from_millis(1), most).min(left);
        let had_seat = self.give_up_seat();
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
        if had_seat { self.take_seat(left).await } else { Event::Woken }
    }

    /// While somebody else is waited for no answer can come, and others need the seat. Whether there was one.
    fn give_up_seat(&mut self) -> bool {
        let seat = self.seat.take_if(|_| !self.aboard);
        let had = seat.is_some();
        if let Some(seat) = seat {
            self.grant.custody.lifeboat.leave(seat);
        }
        had
    }

    /// A seat again, before the record is read: nothing is claimed without one.
    async fn take_seat(&mut self, within: Duration) -> Event {
        match tokio::time::timeout(within, self.grant.custody.reserve_seat()).await {
            Ok(Ok(seat)) => {
                self.seat = Some(seat);
                Event::Woken
            }
            // Whoever has the record has it for longer than this one waits, or there would be no place for an answer.
            Ok(Err(_)) | Err(_) => Event::OutOfPatience,
        }
    }
}
