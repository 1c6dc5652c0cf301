//! The one task that renews in the background.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use grantry_core::{Clock, Entropy, Instant};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::RenewalWindow;
use crate::calendar::{Calendar, TICK};
use crate::profile::system;
use crate::source::ManagedSource;

/// The longest sleep: after the machine slept, tokio's timers are late by as much, so none may be long.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// How many due sources are started before other tasks get their turn.
const BATCH: usize = 256;

/// Renews the tokens of its sources in the background: one task for all of them, however many.
///
/// The task starts on the runtime of the first source that holds a token, and again on another if that runtime
/// ends. It holds sources weakly. Clones are the same scheduler.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use grantry_refresh::Scheduler;
/// let scheduler = Scheduler::new();
/// // ... sources come and go ...
/// scheduler.shutdown().await;
/// assert_eq!(scheduler.renewals_in_flight(), 0);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Scheduler(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    calendar: Mutex<Calendar>,
    sooner: Notify,
    running: AtomicBool,
    closed: AtomicBool,
    closing: Notify,
    in_flight: AtomicUsize,
    landed: Notify,
}

impl Default for Scheduler {
    fn default() -> Self {
        Self::new()
    }
}

impl Scheduler {
    /// A scheduler on the machine's clock and randomness.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Hands in a clock or randomness of your own.
    pub fn builder() -> SchedulerBuilder {
        let (clock, entropy) = system();
        SchedulerBuilder { clock, entropy }
    }

    /// How many renewals are booked, those that were overtaken included.
    pub fn booked(&self) -> usize {
        self.calendar().booked()
    }

    /// How many renewals run now, waiting for their next attempt included.
    pub fn renewals_in_flight(&self) -> usize {
        self.0.in_flight.load(Ordering::Acquire)
    }

    /// Whether [`shutdown`](Scheduler::shutdown) was called.
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    /// Refuses new renewals and waits until those in flight have come to their end; retries that wait for their
    /// time are given up. Sources go on handing out tokens that are fit.
    ///
    /// Dropping the runtime without this is a crash as far as renewals are concerned. Cancel-safe: the scheduler
    /// stays closed, and a second call goes on waiting.
    pub async fn shutdown(&self) {
        self.0.closed.store(true, Ordering::Release);
        self.0.closing.notify_waiters();
        self.0.sooner.notify_one();
        loop {
            let mut landed = std::pin::pin!(self.0.landed.notified());
            landed.as_mut().enable();
            if self.renewals_in_flight() == 0 && !self.0.running.load(Ordering::Acquire) {
                return;
            }
            landed.await;
        }
    }

    /// The clock that it and its sources go by.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.0.clock)
    }

    /// The randomness that it and its sources draw from.
    pub fn entropy(&self) -> Arc<dyn Entropy> {
        Arc::clone(&self.0.entropy)
    }

    /// A moment in the window for one more source.
    pub(crate) fn choose(&self, window: RenewalWindow) -> Instant {
        self.calendar().choose(window, &*self.0.entropy)
    }

    /// Books `source` for `at`, and sees that the task runs.
    pub(crate) fn book(&self, at: Instant, source: Weak<ManagedSource>) {
        if self.is_closed() {
            return;
        }
        let sooner = self.calendar().book(at, source);
        if sooner {
            self.0.sooner.notify_one();
        }
        self.ensure_running();
    }

    /// Waits for `pause`, or until the scheduler closes: then `false`.
    pub(crate) async fn pause(&self, pause: Duration) -> bool {
        let mut closing = std::pin::pin!(self.0.closing.notified());
        closing.as_mut().enable();
        if self.is_closed() {
            return false;
        }
        tokio::select! {
            biased;
            () = closing => false,
            () = tokio::time::sleep(pause) => true,
        }
    }

    /// Counts a renewal in flight until the returned guard drops; `None` once closed.
    pub(crate) fn take_off(&self) -> Option<InFlight> {
        self.0.in_flight.fetch_add(1, Ordering::AcqRel);
        let guard = InFlight(Arc::clone(&self.0));
        // Counted first, so that a shutdown either sees it or is seen by it.
        (!self.is_closed()).then_some(guard)
    }

    fn calendar(&self) -> MutexGuard<'_, Calendar> {
        self.0.calendar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether only the loop itself still holds the scheduler: every source and profile is gone.
    fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) <= 2
    }

    fn ensure_running(&self) {
        if self.0.running.load(Ordering::Acquire) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if !self.0.running.swap(true, Ordering::AcqRel) {
            let running = Running(Arc::clone(&self.0));
            runtime.spawn(run(running));
        }
    }
}

/// The scheduler's loop. It ends with the runtime, at shutdown, or when nobody else holds the scheduler.
async fn run(running: Running) {
    let scheduler = Scheduler(Arc::clone(&running.0));
    while !scheduler.is_closed() && !scheduler.is_alone() {
        let due = scheduler.calendar().take_due(scheduler.0.clock.now(), BATCH);
        if due.is_empty() {
            let next = scheduler.calendar().next();
            let now = scheduler.0.clock.now();
            let sleep = next.map_or(LONGEST_SLEEP, |at| at.since(now).clamp(TICK / 2, LONGEST_SLEEP));
            tokio::select! {
                biased;
                () = scheduler.0.sooner.notified() => {}
                () = tokio::time::sleep(sleep) => {}
            }
            continue;
        }
        for (tick, source) in due {
            if let Some(source) = source.upgrade() {
                source.due(tick);
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Says, however the loop ends, that it no longer runs.
struct Running(Arc<Inner>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::Release);
        self.0.landed.notify_waiters();
    }
}

/// One renewal in flight.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Inner>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
        self.0.landed.notify_waiters();
    }
}

/// Builds a [`Scheduler`].
#[derive(Debug)]
#[must_use]
pub struct SchedulerBuilder {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl SchedulerBuilder {
    /// The clock of the scheduler and of all its sources.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The randomness behind jitter and spread.
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Builds it. Nothing runs before the first source holds a token.
    pub fn build(self) -> Scheduler {
        Scheduler(Arc::new(Inner {
            clock: self.clock,
            entropy: self.entropy,
            calendar: Mutex::default(),
            sooner: Notify::new(),
            running: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            closing: Notify::new(),
            in_flight: AtomicUsize::new(0),
            landed: Notify::new(),
        }))
    }
}
