//! The one task that renews in the background.

mod shared;

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use grantry_core::{Clock, Entropy, Instant};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::RenewalWindow;
use crate::calendar::{Calendar, TICK};
use crate::clocks::Clocks;
use crate::lane::Lane;
use crate::lanes::Lanes;
use crate::profile::system;
use crate::source::ManagedSource;

/// The longest sleep: after the machine slept, tokio's timers are late by as much, so none may be long. Nor may the boot
/// clock, which is read each time, go unread for long: it tells of the machine's sleep.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// How many due sources are started before other tasks get their turn.
const BATCH: usize = 256;

/// Renews the tokens of its sources in the background: one task for all of them, however many.
///
/// The task starts on the runtime of the first source that is used, and again on another if that runtime ends; a
/// renewal runs on the runtime of whoever started it. The runtimes need timers, and have to be driven: on a
/// `current_thread` runtime that nobody polls nothing goes on, and [`shutdown`](Scheduler::shutdown) waits for it.
/// Sources are held weakly. Clones are the same scheduler.
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

struct Inner {
    clocks: Arc<Clocks>,
    entropy: Arc<dyn Entropy>,
    calendar: Mutex<Calendar<ManagedSource>>,
    lanes: Lanes,
    /// Wakes the loop: an earlier booking, a free place in a lane, the end.
    sooner: Arc<Notify>,
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
        SchedulerBuilder { clock, entropy, concurrent_renewals: 16 }
    }

    /// How many renewals are booked, those that were overtaken included.
    pub fn booked(&self) -> usize {
        self.calendar().booked()
    }

    /// How many renewals run now, waiting for their next attempt included.
    pub fn renewals_in_flight(&self) -> usize {
        self.0.in_flight.load(Ordering::SeqCst)
    }

    /// Whether [`shutdown`](Scheduler::shutdown) was called.
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::SeqCst)
    }

    /// Refuses new renewals and waits until those in flight have come to their end; retries that wait for their
    /// time are given up. Sources go on handing out tokens that are fit.
    ///
    /// Dropping the runtime without this is a crash as far as renewals are concerned. Cancel-safe: the scheduler
    /// stays closed, and a second call goes on waiting.
    pub async fn shutdown(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
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
        Arc::clone(self.0.clocks.handed_in())
    }

    /// The same, with what is known of the machine's sleeps.
    pub(crate) fn clocks(&self) -> &Arc<Clocks> {
        &self.0.clocks
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

    /// The lane to this token endpoint.
    pub(crate) fn lane(&self, token_endpoint: &str) -> Arc<Lane> {
        self.0.lanes.lane(token_endpoint)
    }

    /// Waits until `until` on the scheduler's clock; `false` once the scheduler closes.
    ///
    /// The wait is cut in pieces, because tokio's clock stands still while the machine sleeps and this one does not.
    /// Whenever what `look` returns resolves, the clock is looked at as well, and nothing more: it may have been meant
    /// for the pause before.
    pub(crate) async fn pause<F: Future<Output = ()>>(&self, until: Instant, look: impl Fn() -> F) -> bool {
        loop {
            let left = until.since(self.0.clocks.now());
            if left.is_zero() {
                return !self.is_closed();
            }
            tokio::select! {
                biased;
                () = self.closed() => return false,
                () = look() => {}
                () = tokio::time::sleep(left.min(LONGEST_SLEEP)) => {}
            }
        }
    }

    /// Resolves once the scheduler is closed.
    pub(crate) async fn closed(&self) {
        let mut closing = std::pin::pin!(self.0.closing.notified());
        closing.as_mut().enable();
        if !self.is_closed() {
            closing.await;
        }
    }

    /// Counts a renewal in flight until the returned guard drops; `None` once closed.
    pub(crate) fn take_off(&self) -> Option<InFlight> {
        self.0.in_flight.fetch_add(1, Ordering::SeqCst);
        let guard = InFlight(Arc::clone(&self.0));
        // Counted first, so that a shutdown either sees it or is seen by it; that needs the strongest order.
        (!self.is_closed()).then_some(guard)
    }

    fn calendar(&self) -> MutexGuard<'_, Calendar<ManagedSource>> {
        self.0.calendar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether only the loop itself still holds the scheduler: every source and profile is gone.
    fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) <= 2
    }

    /// Sees that the loop runs, on the runtime of the caller if it does not.
    pub(crate) fn ensure_running(&self) {
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
        scheduler.0.lanes.start_next();
        let due = scheduler.calendar().take_due(scheduler.0.clocks.now(), BATCH);
        if due.is_empty() {
            let next = scheduler.calendar().next();
            let now = scheduler.0.clocks.now();
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
    drop(running);
    scheduler.go_on_if_taken_up();
}

/// Says, however the loop ends, that it no longer runs.
struct Running(Arc<Inner>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::Release);
        self.0.landed.notify_waiters();
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

/// One renewal in flight.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Inner>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.0.landed.notify_waiters();
    }
}

/// Builds a [`Scheduler`].
#[derive(Debug)]
#[must_use]
pub struct SchedulerBuilder {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    concurrent_renewals: usize,
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

    /// How many renewals may run at once at one token endpoint, at least 1; 16 if left out.
    pub fn concurrent_renewals(mut self, renewals: usize) -> Self {
        self.concurrent_renewals = renewals.max(1);
        self
    }

    /// Builds it. Nothing runs before the first source holds a token.
    pub fn build(self) -> Scheduler {
        let sooner = Arc::<Notify>::default();
        Scheduler(Arc::new(Inner {
            clocks: Arc::new(Clocks::new(self.clock)),
            entropy: self.entropy,
            calendar: Mutex::default(),
            lanes: Lanes::new(self.concurrent_renewals, Arc::clone(&sooner)),
            sooner,
            running: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            closing: Notify::new(),
            in_flight: AtomicUsize::new(0),
            landed: Notify::new(),
        }))
    }
}
