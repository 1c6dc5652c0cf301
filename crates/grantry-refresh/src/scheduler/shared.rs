//! One scheduler for whoever hands in none.

use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::runtime::{Handle, Id};

use super::{Inner, Scheduler};

/// The scheduler of each runtime, for as long as a source holds it.
static SHARED: Mutex<Vec<(Id, Weak<Inner>)>> = Mutex::new(Vec::new());

impl Scheduler {
    /// The scheduler that everybody on the caller's runtime shares who makes none of their own: one task renews for all of
    /// them, and one cap holds for each token endpoint. Outside of a runtime it is a new one
    /// each time: who builds many sources there makes one with [`new`](Scheduler::new), and hands it to all of them.
    ///
    /// It is one for each runtime, not for the process: a renewal has to end with the runtime that its callers are on and no
    /// sooner. It lives as long as somebody holds it. To [shut it down](Scheduler::shutdown) is to shut it down for all; whoever
    /// asks after that gets another one.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use grantry_refresh::Scheduler;
    /// let scheduler = Scheduler::of_this_runtime();
    /// scheduler.shutdown().await;
    /// assert!(!Scheduler::of_this_runtime().is_closed());
    /// # }
    /// ```
    pub fn of_this_runtime() -> Self {
        let Ok(runtime) = Handle::try_current() else {
            return Self::new();
        };
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let is_open = |shared: &Self| !shared.is_closed();
        let of_runtime = shared.iter().filter(|(id, _)| *id == runtime.id());
        if let Some(found) = of_runtime.filter_map(|(_, held)| held.upgrade()).map(Self).find(is_open) {
            // Before whoever asked looks whether the loop runs: see below.
            fence(Ordering::SeqCst);
            return found;
        }
        let new = Self::new();
        shared.retain(|(_, held)| held.strong_count() > 0);
        shared.push((runtime.id(), Arc::downgrade(&new.0)));
        new
    }

    /// Called when the loop has said that it ends. Somebody may have taken the scheduler up since it found itself alone, and
    /// seen it run: of the two, at least one sees the other, so that it goes on.
    pub(super) fn go_on_if_taken_up(&self) {
        fence(Ordering::SeqCst);
        if !self.is_closed() && Arc::strong_count(&self.0) > 1 {
            self.ensure_running();
        }
    }
}
