//! The life of a process: whatever it does may be the last thing that it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use grantry_core::{Clock, Instant};
use grantry_testkit::ManualClock;
use tokio::sync::Notify;

use crate::dice::Dice;
use crate::plan::Plan;
use crate::trace::Trace;
use crate::watchtower::Watchtower;

/// What all processes of a world share.
#[derive(Debug, Clone)]
pub(crate) struct Fate {
    /// What the seed decided.
    pub(crate) plan: Arc<Plan>,
    /// Chance.
    pub(crate) dice: Dice,
    /// What happens.
    pub(crate) trace: Trace,
    /// The clock of the world outside of the processes.
    pub(crate) clock: ManualClock,
    /// Who sees everything.
    pub(crate) tower: Arc<Watchtower>,
    /// Whether things go wrong at this moment.
    pub(crate) is_troubled: Arc<AtomicBool>,
    /// Whether callers ask for nothing more.
    pub(crate) is_evening: Arc<AtomicBool>,
    /// Whether the key provider is gone.
    pub(crate) keys_gone: Arc<AtomicBool>,
}

impl Fate {
    /// Whether something goes wrong that does so often in a thousand times, while things go wrong.
    pub(crate) fn strikes(&self, often: u64) -> bool {
        self.is_troubled.load(Ordering::Relaxed) && self.dice.per_mille(often)
    }

    /// Notes what happened.
    pub(crate) fn note(&self, what: &str, whom: &str) {
        self.trace.step(self.clock.now().as_nanos(), what, whom);
    }
}

/// One process, from its start to its death.
#[derive(Debug)]
pub(crate) struct Life {
    /// Its number in the world: no two have the same.
    pub(crate) number: u64,
    /// What it is subject to.
    pub(crate) fate: Fate,
    is_dead: AtomicBool,
    died: Notify,
    /// Until when it stands still, on the world's clock.
    stands_until: AtomicU64,
}

impl Life {
    /// A process begins.
    pub(crate) fn begin(number: u64, fate: Fate) -> Arc<Self> {
        Arc::new(Self {
            number,
            fate,
            is_dead: AtomicBool::new(false),
            died: Notify::new(),
            stands_until: AtomicU64::new(0),
        })
    }

    /// It dies.
    pub(crate) fn end(&self) {
        if !self.is_dead.swap(true, Ordering::Relaxed) {
            self.fate.note("death", &self.number.to_string());
            self.fate.tower.died(self.number);
            self.died.notify_waiters();
        }
    }

    /// Whether it is dead.
    pub(crate) fn is_over(&self) -> bool {
        self.is_dead.load(Ordering::Relaxed)
    }

    /// Resolves when it is dead.
    pub(crate) async fn over(&self) {
        let mut died = std::pin::pin!(self.died.notified());
        died.as_mut().enable();
        if !self.is_over() {
            died.await;
        }
    }

    /// Does nothing more for so long.
    pub(crate) fn stand_still(&self, lasts: Duration) {
        let until = self.fate.clock.now().after(lasts);
        self.stands_until.fetch_max(until.as_nanos(), Ordering::Relaxed);
    }

    /// Whether it has not stood still for so long.
    pub(crate) fn is_steady(&self, span: Duration) -> bool {
        let until = self.stands_until.load(Ordering::Relaxed);
        let went_on = Instant::ZERO.after(Duration::from_nanos(until));
        until == 0 || went_on.after(span) < self.fate.clock.now()
    }

    /// Passes a point at which it may die or stand still. The dead do not pass.
    pub(crate) async fn pass(&self, what: &str) {
        if !self.is_over() && self.fate.strikes(self.fate.plan.crashes) {
            self.fate.trace.fault("crash");
            self.end();
        }
        if !self.is_over() && self.fate.strikes(self.fate.plan.stalls) {
            self.fate.trace.fault("stall");
            self.stand_still(Duration::from_millis(500 + self.fate.dice.below(15_000)));
        }
        loop {
            if self.is_over() {
                std::future::pending::<()>().await;
            }
            let now = self.fate.clock.now().as_nanos();
            let until = self.stands_until.load(Ordering::Relaxed);
            if until <= now {
                break;
            }
            tokio::time::sleep(Duration::from_nanos(until - now)).await;
        }
        self.fate.note(what, &self.number.to_string());
    }
}
