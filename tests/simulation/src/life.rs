//! The life of a process: whatever it does may be the last thing that it does.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use grantry_core::{Clock, Instant};
use grantry_testkit::ManualClock;
use grantry_vault::RecordKey;
use tokio::sync::Notify;

use crate::dice::Dice;
use crate::plan::Plan;
use crate::records::Records;
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
    /// The records as they stand in the store, where somebody looks into them.
    pub(crate) records: Arc<OnceLock<Records>>,
}

impl Fate {
    /// Whether something goes wrong that does so often in a thousand times, while things go wrong.
    pub(crate) fn strikes(&self, often: u64) -> bool {
        self.is_troubled.load(Ordering::Relaxed) && self.dice.per_mille(often)
    }

    /// A process has written a record: what is promised of it holds.
    pub(crate) fn written(&self, life: u64, record: &RecordKey) {
        let (Some(key), Some(records)) = (record.as_grant_key(), self.records.get()) else { return };
        match records.read(&key) {
            Ok(held) => self.tower.wrote(life, &key, held.as_ref(), records),
            Err(error) => self.tower.broke(format!("the record of {key} cannot be looked at: {error:?}")),
        }
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
    /// When the last answer came for which it had been kept waiting, on the world's clock.
    waited_until: AtomicU64,
}

/// How far the numbers of the processes of one machine are apart.
const APART: u64 = 100;

/// The number of the first process of a machine, or of the one after another.
pub(crate) fn number_after(machine: usize, before: Option<u64>) -> u64 {
    before.unwrap_or(machine as u64) + APART
}

/// The machine that a process runs on.
pub(crate) fn machine_of(life: u64) -> usize {
    (life % APART) as usize
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
            waited_until: AtomicU64::new(0),
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
        let now = self.fate.clock.now();
        let until = now.after(lasts);
        self.fate.tower.stands_still(self.number, now, until);
        self.fate.trace.tell(now.as_nanos(), &format!("{} stands still for {lasts:?}", self.number));
        self.stands_until.fetch_max(until.as_nanos(), Ordering::Relaxed);
    }

    /// Waits for something that keeps it waiting.
    pub(crate) async fn be_kept_waiting(&self, lasts: Duration) {
        let until = self.fate.clock.now().after(lasts);
        self.waited_until.fetch_max(until.as_nanos(), Ordering::Relaxed);
        tokio::time::sleep(lasts).await;
    }

    /// Whether it has not stood still for so long, nor waited for what it read: it reckons from before that.
    pub(crate) fn is_steady(&self, span: Duration) -> bool {
        let until = self.stands_until.load(Ordering::Relaxed).max(self.waited_until.load(Ordering::Relaxed));
        let went_on = Instant::ZERO.after(Duration::from_nanos(until));
        until == 0 || went_on.after(span) < self.fate.clock.now()
    }

    /// Passes a point at which it may die or stand still. The dead do not pass.
    pub(crate) async fn pass(&self, what: &'static str) {
        if !self.is_over() && self.fate.strikes(self.fate.plan.crashes) {
            self.fate.trace.crash(what);
            self.end();
        }
        if !self.is_over() && self.fate.strikes(self.fate.plan.stalls) {
            self.fate.trace.fault("stall");
            let (now, lasts) =
                (self.fate.clock.now(), Duration::from_millis(500 + self.fate.dice.below(15_000)));
            self.fate.tower.stalled(self.number, now, now.after(lasts));
            self.stand_still(lasts);
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
