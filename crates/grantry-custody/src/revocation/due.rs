//! When a revocation that waits is gone on with.

use grantry_core::{Instant, StoreTime};

use super::StepOutcome;
use super::round::{silent_server, unknown_server, waits};
use crate::chronicle::Stopped;

/// What a record said of it, by this process's clock: known without a look into the vault, which would be an entry in the audit
/// trail each minute.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    /// When the server is asked again.
    again: Instant,
    /// When it is given up.
    over: Instant,
}

impl Due {
    /// As the record had it that was read at this moment of the store's clock, and no later than `local`.
    pub(super) fn of(stopped: &Stopped, read_at: StoreTime, local: Instant) -> Self {
        let here = |time: StoreTime| time.to_local(read_at, local);
        Self { again: here(stopped.again), over: here(stopped.since.after(Stopped::LIMIT)) }
    }

    /// Not before that, for as long as it takes.
    pub(super) fn not_before(again: Instant) -> Self {
        Self { again, over: Instant::MAX }
    }

    /// Why nothing is to be done with it now, if that is so. What is over waits for nothing but a server that hangs just now: its
    /// tokens may not have been asked for yet.
    pub(super) fn why_it_waits(&self, now: Instant, is_known: bool, is_silent: bool) -> Option<StepOutcome> {
        let is_over = now >= self.over;
        let error = match () {
            () if now < self.again && !is_over => waits(),
            () if !is_known && !is_over => unknown_server(),
            () if is_silent => silent_server(),
            () => return None,
        };
        Some(StepOutcome::Failed { error, queued: true })
    }
}
