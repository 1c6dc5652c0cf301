//! The lifeboats of a machine: what survives the processes on it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::Instant;
use grantry_custody::{Adopted, AdoptedId, Cargo, Lifeboat, LifeboatError, Seat};

use crate::life::Life;

/// What is on a machine's disk: the file of each process that lived there, locked while it lives.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    files: Mutex<BTreeMap<u64, File>>,
    /// Since when its disk is full.
    full_since: Mutex<Option<Instant>>,
}

#[derive(Debug, Default)]
struct File {
    owner: Weak<Life>,
    entries: BTreeMap<usize, Cargo>,
    seats: usize,
}

impl Machine {
    /// How many entries wait for somebody to bring them home.
    pub(crate) fn entries(&self) -> usize {
        self.lock().values().map(|file| file.entries.len()).sum()
    }

    /// Whether its disk is full.
    pub(crate) fn is_full(&self) -> bool {
        self.full_since.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Fills its disk; or makes room again, and says since when there was none.
    pub(crate) fn turn_full(&self, now: Instant) -> Option<Instant> {
        let mut full_since = self.full_since.lock().unwrap_or_else(PoisonError::into_inner);
        let since = full_since.take();
        *full_since = since.is_none().then_some(now);
        since
    }

    fn keep(&self, owner: u64, seat: usize, cargo: Cargo) {
        self.lock().entry(owner).or_default().entries.insert(seat, cargo);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, File>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lifeboat of one process.
#[derive(Debug)]
pub(crate) struct Boat {
    machine: Arc<Machine>,
    life: Arc<Life>,
}

impl Boat {
    /// The boat of a process on a machine.
    pub(crate) fn of(machine: &Arc<Machine>, life: &Arc<Life>) -> Self {
        machine.lock().entry(life.number).or_default().owner = Arc::downgrade(life);
        Self { machine: Arc::clone(machine), life: Arc::clone(life) }
    }

    fn is_full(&self) -> bool {
        let is_full = self.machine.is_full();
        if is_full {
            self.life.fate.trace.fault("disk full");
        }
        is_full
    }
}

#[async_trait]
impl Lifeboat for Boat {
    async fn reserve(&self) -> Result<Seat, LifeboatError> {
        self.life.pass("reserve").await;
        if self.is_full() {
            return Err(LifeboatError::NoRoom("the disk is full".to_owned()));
        }
        let mut files = self.machine.lock();
        let file = files.entry(self.life.number).or_default();
        file.seats += 1;
        Ok(Seat::new(file.seats))
    }

    async fn board(&self, seat: &Seat, cargo: &Cargo) -> Result<(), LifeboatError> {
        // Whoever dies here has torn the entry: it is as if it had never been written.
        self.life.pass("board").await;
        tokio::time::sleep(Duration::from_millis(1 + self.life.fate.dice.below(10))).await;
        self.life.pass("sync").await;
        if self.life.fate.strikes(if self.life.fate.plan.full_disks { 50 } else { 0 }) {
            self.life.fate.trace.fault("lifeboat failed");
            return Err(LifeboatError::Failed("the disk failed".to_owned()));
        }
        self.machine.keep(self.life.number, seat.number(), cargo.clone());
        self.life.fate.tower.boarded(self.life.number, &cargo.record);
        self.life.fate.note("aboard", cargo.record.as_str());
        self.life.pass("synced").await;
        Ok(())
    }

    fn leave(&self, seat: Seat) {
        if self.life.is_over() {
            return;
        }
        if let Some(file) = self.machine.lock().get_mut(&self.life.number) {
            file.entries.remove(&seat.number());
        }
    }

    async fn adopt(&self) -> Result<Vec<Adopted>, LifeboatError> {
        self.life.pass("adopt").await;
        let files = self.machine.lock();
        let dead = files.iter().filter(|(number, file)| {
            **number != self.life.number && file.owner.upgrade().is_none_or(|owner| owner.is_over())
        });
        let entries = dead.flat_map(|(number, file)| {
            let boat = number.to_string();
            file.entries
                .iter()
                .map(move |(seat, cargo)| Adopted::new(AdoptedId::new(&boat, *seat), cargo.clone()))
        });
        Ok(entries.collect())
    }

    async fn bring_home(&self, id: &AdoptedId) -> Result<(), LifeboatError> {
        self.life.pass("bring home").await;
        let number = id.boat().parse().unwrap_or(u64::MAX);
        if let Some(file) = self.machine.lock().get_mut(&number) {
            file.entries.remove(&id.seat());
        }
        Ok(())
    }

    fn is_durable(&self) -> bool {
        true
    }
}
