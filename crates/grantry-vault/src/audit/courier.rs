//! Couriers: each carries the lines to one sink, at that sink's pace, until it has taken them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use grantry_core::{Clock, Timestamp};
use tokio::runtime::Handle;

use super::health::SinkHealth;
use super::progress::Progress;
use super::{AuditError, AuditLine, AuditSink};

/// The most lines of a batch.
const BATCH: usize = 1024;
/// How long a sink may take for a batch.
const LIMIT: Duration = Duration::from_secs(10);
/// The pause after a first failure; it doubles up to the longest.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The lines that one sink has not taken yet, and the task that carries them.
///
/// The task runs while there are lines and ends with the last. The lines belong to the courier, not to the task: when a
/// runtime is dropped, or a sink panics, the next line starts a task that goes on where that one was.
#[derive(Debug)]
pub(crate) struct Courier {
    sink: Arc<dyn AuditSink>,
    /// This sink's place in the progress.
    index: usize,
    progress: Progress,
    clock: Arc<dyn Clock>,
    /// How many lines may wait before those that are safe elsewhere are given up.
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<AuditLine>,
    /// The task that runs, by number.
    running: Option<u64>,
    tasks: u64,
    failures: u64,
    given_up: u64,
    failing_since: Option<Timestamp>,
}

impl Courier {
    pub(crate) fn new(
        sink: Arc<dyn AuditSink>,
        index: usize,
        progress: Progress,
        clock: Arc<dyn Clock>,
        capacity: usize,
    ) -> Arc<Self> {
        Arc::new(Self { sink, index, progress, clock, capacity, state: Mutex::default() })
    }

    /// Hands over a line. Lines have to come in the order of their chain.
    pub(crate) fn push(&self, line: AuditLine) {
        let mut state = self.state();
        state.waiting.push_back(line);
        if state.waiting.len() > self.capacity {
            let durable = self.progress.durable();
            // A line is given up only where another sink has it durably.
            if state.waiting.front().is_some_and(|line| line.seq() < durable) {
                state.waiting.pop_front();
                state.given_up += 1;
            }
        }
    }

    /// Starts the task if it does not run; without a runtime the lines wait for a call that has one.
    pub(crate) fn start(self: &Arc<Self>) {
        let Ok(runtime) = Handle::try_current() else { return };
        let mut state = self.state();
        if state.running.is_none() && !state.waiting.is_empty() {
            state.tasks += 1;
            state.running = Some(state.tasks);
            // Made here: a task that is dropped before it ever ran has to tell it as well.
            let running = Running { courier: Arc::clone(self), task: state.tasks };
            drop(state);
            runtime.spawn(running.carry());
        }
    }

    /// How the sink is doing.
    pub(crate) fn health(&self) -> SinkHealth {
        let state = self.state();
        SinkHealth {
            durable: self.sink.is_durable(),
            waiting: state.waiting.len(),
            failing_since: state.failing_since,
            failures: state.failures,
            given_up: state.given_up,
        }
    }

    /// How many of the waiting lines fit.
    pub(crate) fn waiting(&self, fits: impl Fn(&AuditLine) -> bool) -> usize {
        self.state().waiting.iter().filter(|line| fits(line)).count()
    }

    async fn carry(&self) {
        let mut pause = PAUSE;
        while let Some(batch) = self.batch() {
            let taken = match tokio::time::timeout(LIMIT, self.sink.append(&batch)).await {
                Ok(taken) => taken,
                Err(_) => Err(AuditError::unavailable("the sink did not answer within 10 s")),
            };
            match taken {
                Ok(()) => {
                    pause = PAUSE;
                    self.taken(&batch);
                }
                // The same lines are tried again: nobody knows how many of them were written.
                Err(error) => {
                    self.failed(&error);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// What waits, up to a bound; when nothing does, the task is over.
    fn batch(&self) -> Option<Vec<AuditLine>> {
        let mut state = self.state();
        if state.waiting.is_empty() {
            // Under the same lock as `start` looks at it: no line can come between.
            state.running = None;
            return None;
        }
        Some(state.waiting.iter().take(BATCH).cloned().collect())
    }

    fn taken(&self, batch: &[AuditLine]) {
        let Some(last) = batch.last() else { return };
        let mut state = self.state();
        // Lines may have been given up meanwhile, so the numbers decide.
        while state.waiting.front().is_some_and(|line| line.seq() <= last.seq()) {
            state.waiting.pop_front();
        }
        if state.failing_since.take().is_some() {
            tracing::info!(grantry.audit.sink = self.index, "the audit sink takes lines again");
        }
        drop(state);
        self.progress.reached(self.index, last.seq() + 1);
    }

    fn failed(&self, error: &AuditError) {
        let now = self.clock.wall();
        let mut state = self.state();
        state.failures += 1;
        if state.failing_since.is_none() {
            state.failing_since = Some(now);
            tracing::warn!(
                grantry.audit.sink = self.index,
                exception.message = %error,
                "the audit sink fails; its lines are kept and tried again"
            );
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the courier that its task is gone, however it ended.
struct Running {
    courier: Arc<Courier>,
    task: u64,
}

impl Running {
    async fn carry(self) {
        self.courier.carry().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.courier.state();
        // The next task may run already.
        if state.running == Some(self.task) {
            state.running = None;
        }
    }
}
