//! What callers hand to the threads.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use grantry_vault::VaultError;

/// How many calls wait at most. Each is a task that waits for its answer, so an honest load stays far below.
const MOST_WAITING: usize = 16_384;

/// Calls on their way to one or several threads.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    ended: Condvar,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    /// Threads that sleep until something comes. The last to fall asleep is woken first: its caches are the warmest,
    /// and where one thread can do it all the others sleep on.
    idle: Vec<Thread>,
    /// How many threads have not ended.
    serving: usize,
    is_closed: bool,
}

/// What a thread gets.
#[derive(Debug)]
pub(crate) enum Taken<T> {
    /// At least one call.
    Some(Vec<T>),
    /// Nothing came in the time given.
    Nothing,
    /// The queue was closed, and is empty.
    End,
}

impl<T> Queue<T> {
    /// A queue that so many threads will serve.
    pub(crate) fn new(serving: usize) -> Self {
        let state = State { waiting: VecDeque::new(), idle: Vec::new(), serving, is_closed: false };
        Self { state: Mutex::new(state), ended: Condvar::new() }
    }

    /// Hands a call over. Without an error a thread has it, or will have it.
    pub(crate) fn push(&self, call: T) -> Result<(), VaultError> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(VaultError::Closed);
        }
        if state.serving == 0 {
            return Err(thread_has_ended());
        }
        if state.waiting.len() >= MOST_WAITING {
            return Err(VaultError::unavailable("too many calls wait for the disk; try again later"));
        }
        state.waiting.push_back(call);
        let sleeper = state.idle.pop();
        drop(state);
        if let Some(sleeper) = sleeper {
            sleeper.unpark();
        }
        Ok(())
    }

    /// Waits for calls, for ever or for so long, and takes as many of the first as `fits` lets pass, at least one.
    pub(crate) fn take(&self, wait: Option<Duration>, mut fits: impl FnMut(usize, &T) -> bool) -> Taken<T> {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.is_closed {
                return Taken::End;
            }
            let here = thread::current();
            let id = here.id();
            state.idle.push(here);
            drop(state);
            match wait {
                None => thread::park(),
                Some(wait) => thread::park_timeout(wait),
            }
            state = self.lock();
            // Whoever woke this thread took it off the list.
            let before = state.idle.len();
            state.idle.retain(|thread| thread.id() != id);
            let is_woken = state.idle.len() == before;
            if wait.is_some() && !is_woken && state.waiting.is_empty() && !state.is_closed {
                return Taken::Nothing;
            }
        }
        // Where others sleep, each gets a share.
        let share = state.waiting.len().div_ceil(state.idle.len() + 1);
        let passed =
            state.waiting.iter().take(share).enumerate().take_while(|(nth, call)| fits(*nth, call)).count();
        Taken::Some(state.waiting.drain(..passed.max(1)).collect())
    }

    /// Waits until every thread that serves it has ended. It has to be closed.
    pub(crate) fn wait_until_unserved(&self) {
        let mut state = self.lock();
        while state.serving > 0 {
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().waiting.is_empty()
    }

    /// Takes no more calls; those that wait are still served.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let sleepers = std::mem::take(&mut state.idle);
        drop(state);
        sleepers.iter().for_each(Thread::unpark);
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by a thread that serves a queue. When the last one goes, be it by a panic, nobody is left waiting.
#[derive(Debug)]
pub(crate) struct Serving<'q, T>(pub(crate) &'q Queue<T>);

impl<T> Drop for Serving<'_, T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.serving = state.serving.saturating_sub(1);
        if state.serving == 0 {
            // Dropping a call drops what it would have been answered through: the caller learns of it.
            let abandoned = std::mem::take(&mut state.waiting);
            drop(state);
            self.0.ended.notify_all();
            drop(abandoned);
        }
    }
}

/// What callers are told when nobody serves them any more.
pub(crate) fn thread_has_ended() -> VaultError {
    VaultError::unavailable("the thread that served this handle has ended; open the vault again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_handed_over_before_closing_is_still_served() {
        let queue = Queue::new(1);
        queue.push(1).unwrap();
        queue.push(2).unwrap();
        queue.close();
        assert_eq!(queue.push(3), Err(VaultError::Closed));
        assert!(matches!(queue.take(None, |nth, _| nth < 1), Taken::Some(calls) if calls == [1]));
        assert!(matches!(queue.take(None, |_, _| false), Taken::Some(calls) if calls == [2]));
        assert!(matches!(queue.take(None, |_, _| true), Taken::End));
    }

    #[test]
    fn nobody_waits_for_a_thread_that_has_ended() {
        let queue = Queue::new(1);
        let (answer, call) = std::sync::mpsc::channel::<()>();
        queue.push(answer).unwrap();
        drop(Serving(&queue));
        assert!(call.recv().is_err());
        assert!(matches!(queue.push(std::sync::mpsc::channel().0), Err(VaultError::Unavailable(_))));
    }

    #[test]
    fn a_wait_for_some_time_ends() {
        let queue = Queue::<()>::new(1);
        assert!(matches!(queue.take(Some(Duration::from_millis(1)), |_, ()| true), Taken::Nothing));
    }

    #[test]
    fn the_queue_has_an_end() {
        let queue = Queue::new(1);
        (0..MOST_WAITING).for_each(|call| queue.push(call).unwrap());
        assert!(matches!(queue.push(0), Err(VaultError::Unavailable(_))));
    }
}
