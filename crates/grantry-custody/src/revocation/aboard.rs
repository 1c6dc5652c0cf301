//! Orphans in the lifeboat of the living: they stay until somebody needs their seats.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::custody::Shared;
use crate::lifeboat::{LifeboatError, Seat};

/// How long all seats are taken before an orphan gives its own up: longer than an answer takes into the store as a rule, and shorter
/// than anybody waits who has an answer in his hands.
const CROWDED: Duration = Duration::from_millis(200);

/// The seats of orphans, the oldest first. In them their revocation outlives the process.
#[derive(Debug, Default)]
pub(crate) struct OrphansAboard(Mutex<Aboard>);

#[derive(Debug, Default)]
struct Aboard {
    seats: VecDeque<(Ticket, Seat)>,
    /// How many have ever come aboard.
    tickets: u64,
}

/// Names an orphan that came aboard: its seat is another's later on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

impl OrphansAboard {
    /// An orphan sits there from now on.
    pub(super) fn enter(&self, seat: Seat) -> Ticket {
        let mut aboard = self.lock();
        aboard.tickets += 1;
        let ticket = Ticket(aboard.tickets);
        aboard.seats.push_back((ticket, seat));
        ticket
    }

    /// Its seat, if it has it still.
    pub(super) fn take(&self, ticket: Ticket) -> Option<Seat> {
        let mut aboard = self.lock();
        let at = aboard.seats.iter().position(|(of, _)| *of == ticket)?;
        aboard.seats.remove(at).map(|(_, seat)| seat)
    }

    fn take_oldest(&self) -> Option<Seat> {
        self.lock().seats.pop_front().map(|(_, seat)| seat)
    }

    fn lock(&self) -> MutexGuard<'_, Aboard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// A seat in the lifeboat: where all are taken for a while, that of the oldest orphan. What is in flight would be lost with a
    /// crash, and an orphan alone goes unrevoked.
    ///
    /// # Errors
    /// Those of [`Lifeboat::reserve`](crate::Lifeboat::reserve).
    pub(crate) async fn reserve_seat(&self) -> Result<Seat, LifeboatError> {
        let mut reserved = pin!(self.lifeboat.reserve());
        loop {
            match tokio::time::timeout(CROWDED, reserved.as_mut()).await {
                Ok(reserved) => return reserved,
                Err(_) => {
                    if let Some(seat) = self.orphans_aboard.take_oldest() {
                        self.lifeboat.leave(seat);
                    }
                }
            }
        }
    }
}
