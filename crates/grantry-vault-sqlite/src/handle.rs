//! What the clones of a vault share: the ways to its threads, and their end.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use grantry_core::StoreTime;
use grantry_vault::{RecordKey, VaultError};
use tokio::sync::{oneshot, watch};

use crate::ceiling::Ceiling;
use crate::hints::Hints;
use crate::place::Place;
use crate::queue::{Queue, thread_has_ended};
use crate::reader::{Question, ReadError, Reply};
use crate::writer::{Change, Order, Write};

/// Raised by an hour each time, so a second time is needed only where a clock is moved by hand.
const MOST_RAISES: usize = 4;

#[derive(Debug)]
pub(crate) struct Handle {
    place: Place,
    orders: Arc<Queue<Order>>,
    questions: Arc<Queue<Question>>,
    ceiling: Arc<Ceiling>,
    hints: Arc<Hints>,
    is_closed: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// How many threads have been started and have not ended.
    running: Arc<watch::Sender<usize>>,
}

impl Handle {
    pub(crate) fn new(
        place: Place,
        orders: Arc<Queue<Order>>,
        questions: Arc<Queue<Question>>,
        ceiling: Arc<Ceiling>,
        hints: Arc<Hints>,
    ) -> Self {
        let (is_closed, threads, running) =
            (AtomicBool::new(false), Mutex::default(), Arc::new(watch::Sender::new(0)));
        Self { place, orders, questions, ceiling, hints, is_closed, threads, running }
    }

    /// Starts one of its threads.
    pub(crate) fn serve(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), VaultError> {
        self.running.send_modify(|running| *running += 1);
        // Dropped where the thread cannot be started, too.
        let running = Running(Arc::clone(&self.running));
        let thread = start(name, move || {
            let _running = running;
            work();
        })?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    pub(crate) fn hints(&self) -> &Hints {
        &self.hints
    }

    /// Asks a reading thread, and again where the clock's ceiling has to be raised first.
    pub(crate) async fn ask<T>(&self, question: impl Fn(Reply<T>) -> Question) -> Result<T, VaultError> {
        for _ in 0..MOST_RAISES {
            let (reply, answer) = oneshot::channel();
            self.questions.push(question(reply))?;
            match answer.await {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(ReadError::Failed(error))) => return Err(error),
                Ok(Err(ReadError::AboveCeiling)) => self.ceiling.raise().await?,
                Err(_) => return Err(thread_has_ended()),
            }
        }
        Err(clock_runs_away())
    }

    pub(crate) async fn write(&self, key: &RecordKey, change: Change) -> Result<u64, VaultError> {
        let (reply, answer) = oneshot::channel();
        self.orders.push(Order::Write(Write { key: key.clone(), change, reply }))?;
        let lost = |_| Err(VaultError::in_doubt("the thread that writes has ended in the middle of it"));
        answer.await.unwrap_or_else(lost)
    }

    pub(crate) async fn now(&self) -> Result<StoreTime, VaultError> {
        for _ in 0..MOST_RAISES {
            if self.is_closed.load(Ordering::Acquire) {
                return Err(VaultError::Closed);
            }
            match self.ceiling.reading() {
                Ok(now) => return Ok(now),
                Err(_) => self.ceiling.raise().await?,
            }
        }
        Err(clock_runs_away())
    }

    /// Finishes what was asked for, and waits until all threads have ended.
    pub(crate) async fn close(&self) {
        self.begin_to_close();
        let mut running = self.running.subscribe();
        // It fails only when the sender is gone, and `self` has it.
        let _ = running.wait_for(|running| *running == 0).await;
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // They have nothing left to do. One that panicked has told its callers.
            let _ = thread.join();
        }
    }

    fn begin_to_close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.orders.close();
        self.questions.close();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.begin_to_close();
    }
}

#[derive(Debug)]
struct Running(Arc<watch::Sender<usize>>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

/// Starts a thread.
pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, VaultError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| VaultError::unavailable(format!("no thread can be started: {}", error.kind())))
}

fn clock_runs_away() -> VaultError {
    VaultError::unavailable("the machine's boot clock runs faster than it can be followed")
}
