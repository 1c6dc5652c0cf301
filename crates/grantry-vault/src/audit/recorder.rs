//! The one place where lines are added to a chain and handed to the couriers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use grantry_core::Clock;
use tokio::runtime::Handle;

use super::chain::Chain;
use super::courier::Courier;
use super::health::AuditHealth;
use super::line::{AuditLine, Content};
use super::progress::Progress;
use super::{AttemptId, AuditError, AuditSink, Checkpoint, Intent};

/// A chain, its couriers, and what is known of how far they have come.
#[derive(Debug)]
pub(crate) struct Recorder {
    clock: Arc<dyn Clock>,
    progress: Progress,
    couriers: Vec<Arc<Courier>>,
    settings: Settings,
    head: Mutex<Head>,
    /// Whether a task runs that makes checkpoints by time. Set under the head's lock, but reset without it: a runtime
    /// that shuts down drops a task while it is being started.
    timed: AtomicBool,
}

/// What the builder settles.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) patience: Duration,
    pub(crate) checkpoint_lines: u64,
    pub(crate) checkpoint_time: Duration,
    pub(crate) capacity: usize,
}

/// Where lines are added.
#[derive(Debug)]
struct Head {
    chain: Chain,
    closed: bool,
    last_checkpoint: Option<Checkpoint>,
}

impl Recorder {
    pub(crate) fn new(
        chain: Chain,
        clock: Arc<dyn Clock>,
        sinks: Vec<Arc<dyn AuditSink>>,
        settings: Settings,
    ) -> Self {
        let progress = Progress::new(sinks.iter().map(|sink| sink.is_durable()));
        let courier = |(index, sink)| {
            Courier::new(sink, index, progress.clone(), Arc::clone(&clock), settings.capacity)
        };
        Self {
            couriers: sinks.into_iter().enumerate().map(courier).collect(),
            progress,
            clock,
            settings,
            head: Mutex::new(Head { chain, closed: false, last_checkpoint: None }),
            timed: AtomicBool::new(false),
        }
    }

    /// Adds an intent, unless too much waits.
    pub(crate) fn intent(self: &Arc<Self>, intent: Intent) -> Result<AttemptId, AuditError> {
        if Handle::try_current().is_err() {
            return Err(AuditError::configuration("an intent needs a tokio runtime; call it inside one"));
        }
        let mut head = self.head();
        if head.closed {
            return Err(AuditError::Closed);
        }
        let waiting = head.chain.seq().saturating_sub(self.progress.durable());
        // Outcomes are never refused, so intents are: each of them may bring one.
        if waiting >= self.settings.capacity as u64 {
            return Err(AuditError::Full);
        }
        let seq = self.add(&mut head, Content::Intent(intent));
        Ok(AttemptId::new(head.chain.writer(), seq))
    }

    /// Adds a line that cannot be refused.
    pub(crate) fn outcome(self: &Arc<Self>, content: Content) {
        self.add(&mut self.head(), content);
    }

    /// A number for the next checkpoints.
    pub(crate) fn count(&self, name: &str, number: u64) -> Result<(), AuditError> {
        self.head().chain.count(name, number)
    }

    /// Refuses intents from now on and adds the last checkpoint.
    pub(crate) fn close(self: &Arc<Self>) -> Result<(), AuditError> {
        let mut head = self.head();
        if head.closed && head.chain.since_checkpoint() == 0 {
            return Ok(());
        }
        head.closed = true;
        self.checkpoint(&mut head, true)
    }

    /// Waits until every sink has every line so far; when the patience ends, a durable one is enough.
    pub(crate) async fn flushed(&self) -> Result<(), AuditError> {
        let end = self.head().chain.seq();
        let everywhere = self.wait(|progress| progress.everywhere() >= end).await?;
        if everywhere || self.progress.durable() >= end { Ok(()) } else { Err(late()) }
    }

    /// Waits until a durable sink has the first `lines` lines.
    pub(crate) async fn durable(&self, lines: u64) -> Result<(), AuditError> {
        if self.wait(|progress| progress.durable() >= lines).await? { Ok(()) } else { Err(late()) }
    }

    pub(crate) fn last_checkpoint(&self) -> Option<Checkpoint> {
        self.head().last_checkpoint.clone()
    }

    pub(crate) fn health(&self) -> AuditHealth {
        let written = self.progress.durable();
        let end = self.head().chain.seq();
        let is_outcome = |line: &AuditLine| {
            line.seq() >= written && matches!(line.parts().content, Content::Outcome { .. })
        };
        let sinks: Vec<_> = self.couriers.iter().map(|courier| courier.health()).collect();
        // What no durable sink has waits at each of them.
        let durable = sinks.iter().position(|sink| sink.durable).and_then(|index| self.couriers.get(index));
        AuditHealth {
            written,
            waiting: end.saturating_sub(written),
            outcomes_waiting: durable.map_or(0, |courier| courier.waiting(is_outcome) as u64),
            sinks,
        }
    }

    /// Adds a line to the chain, and a checkpoint where one is due.
    fn add(self: &Arc<Self>, head: &mut Head, content: Content) -> u64 {
        let now = self.clock.wall();
        if head.chain.seq() == 0 {
            self.hand_over(head.chain.open(now));
        }
        let line = head.chain.add(content, now);
        let seq = line.seq();
        self.hand_over(line);
        if head.chain.since_checkpoint() >= self.settings.checkpoint_lines {
            self.checkpoint_due(head);
        }
        self.time_checkpoints(head);
        self.start_couriers();
        seq
    }

    fn checkpoint(self: &Arc<Self>, head: &mut Head, last: bool) -> Result<(), AuditError> {
        let now = self.clock.wall();
        if head.chain.seq() == 0 {
            self.hand_over(head.chain.open(now));
        }
        let line = head.chain.checkpoint(last, now)?;
        head.last_checkpoint = line.checkpoint();
        self.hand_over(line);
        self.start_couriers();
        Ok(())
    }

    fn checkpoint_due(self: &Arc<Self>, head: &mut Head) {
        if let Err(error) = self.checkpoint(head, false) {
            // Nothing has changed, so the next line tries again.
            tracing::error!(exception.message = %error, "the audit log cannot make a checkpoint");
        }
    }

    /// Has a task make checkpoints by time, as long as there are lines.
    fn time_checkpoints(self: &Arc<Self>, head: &Head) {
        let Ok(runtime) = Handle::try_current() else { return };
        if head.closed || self.timed.swap(true, Ordering::Relaxed) {
            return;
        }
        let timed = Timed { log: Arc::downgrade(self), over: false };
        runtime.spawn(timed.checkpoints(self.settings.checkpoint_time));
    }

    /// Under the head's lock, so that each sink gets the lines in the order of the chain.
    fn hand_over(&self, line: AuditLine) {
        for courier in &self.couriers {
            courier.push(line.clone());
        }
    }

    fn start_couriers(&self) {
        for courier in &self.couriers {
            courier.start();
        }
    }

    /// Whether it came true within the patience.
    async fn wait(&self, is: impl Fn(&Progress) -> bool) -> Result<bool, AuditError> {
        if Handle::try_current().is_err() {
            return Err(AuditError::configuration("the audit log needs a tokio runtime; call it inside one"));
        }
        self.start_couriers();
        let waited = tokio::time::timeout(self.settings.patience, self.progress.until(is)).await;
        Ok(waited.is_ok())
    }

    fn head(&self) -> MutexGuard<'_, Head> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the log that its task is gone when a runtime is dropped under it.
struct Timed {
    log: Weak<Recorder>,
    over: bool,
}

impl Timed {
    async fn checkpoints(mut self, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            let Some(log) = self.log.upgrade() else { return };
            let mut head = log.head();
            if head.chain.since_checkpoint() == 0 || head.closed {
                // Under the lock, so that the next line starts another.
                log.timed.store(false, Ordering::Relaxed);
                self.over = true;
                return;
            }
            log.checkpoint_due(&mut head);
        }
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        if let (false, Some(log)) = (self.over, self.log.upgrade()) {
            log.timed.store(false, Ordering::Relaxed);
        }
    }
}

fn late() -> AuditError {
    AuditError::unavailable("no durable sink took the lines within the patience; look at the sinks' health")
}
