//! The lifeboats of a machine: what survives the processes on it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{Clock, Instant};
use grantry_custody::{Adopted, AdoptedId, Adoption, Cargo, Lifeboat, LifeboatError, Seat};

use tokio::task::Id;

use crate::life::Life;

/// What is on a machine's disk: the file of each process that lived there, locked while it lives.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    files: Mutex<BTreeMap<u64, File>>,
    /// Since when its disk is full.
    full_since: Mutex<Option<Instant>>,
    /// Until when files of others cannot be read.
    unread_until: Mutex<Option<Instant>>,
}

#[derive(Debug, Default)]
struct File {
    owner: Weak<Life>,
    seats: BTreeMap<usize, Bytes>,
    taken: BTreeSet<usize>,
    /// Which task of the process reserved which seat: an attempt is one task from its beginning to its end.
    reserved_by: HashMap<Id, usize>,
}

/// What stands in a seat.
#[derive(Debug, Default)]
struct Bytes {
    bytes: Vec<u8>,
    /// What stood there before the seat was left, which no sync has confirmed yet.
    left: Option<Vec<u8>>,
    /// Whether its writing was begun, and has not come to its end.
    is_torn: bool,
}

impl File {
    fn is_of_a_dead(&self) -> bool {
        self.owner.upgrade().is_none_or(|owner| owner.is_over())
    }

    fn entries(&self) -> impl Iterator<Item = (usize, Cargo)> {
        self.seats.iter().filter_map(|(seat, bytes)| Some((*seat, Cargo::from_bytes(&bytes.bytes)?)))
    }

    /// The current was cut: of what was not synced, some is there and some is not.
    fn cut(&mut self, chance: u64) {
        for (seat, bytes) in &mut self.seats {
            if let Some(left) = bytes.left.take().filter(|_| (chance >> (seat % 60)) & 1 == 0) {
                bytes.bytes = left;
            }
        }
    }
}

impl Machine {
    /// How many entries wait for somebody to bring them home.
    pub(crate) fn entries(&self) -> usize {
        self.lock().values().map(|file| file.entries().count()).sum()
    }

    /// Takes one of so many seats in a process's lifeboat, if one is free. They are used again, as those of a file are.
    fn take_seat(&self, owner: u64, seats: usize) -> Option<usize> {
        let mut files = self.lock();
        let file = files.entry(owner).or_default();
        let free = (0..seats).find(|seat| !file.taken.contains(seat))?;
        file.taken.insert(free);
        file.reserved_by.extend(tokio::task::try_id().map(|task| (task, free)));
        Some(free)
    }

    /// Whether the task that runs holds a seat in a process's lifeboat.
    pub(crate) fn has_seat(&self, owner: u64) -> bool {
        let reserves =
            |file: &File| tokio::task::try_id().is_some_and(|id| file.reserved_by.contains_key(&id));
        self.lock().get(&owner).is_some_and(reserves)
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

    /// Files of others cannot be read until then.
    pub(crate) fn is_unread_until(&self, until: Instant) {
        *self.unread_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    fn is_unread(&self, now: Instant) -> bool {
        self.unread_until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| now < until)
    }

    /// Writes the first of an entry's bytes, over those that are there.
    fn write(&self, owner: u64, seat: usize, bytes: &[u8]) {
        let mut files = self.lock();
        let there = files.entry(owner).or_default().seats.entry(seat).or_default();
        there.left = None;
        there.is_torn = true;
        if there.bytes.len() < bytes.len() {
            there.bytes.resize(bytes.len(), 0);
        }
        there.bytes.iter_mut().zip(bytes).for_each(|(there, new)| *there = *new);
    }

    /// Nobody writes an entry any more.
    fn is_whole(&self, owner: u64, seat: usize) {
        let mut files = self.lock();
        let there = files.get_mut(&owner).and_then(|file| file.seats.get_mut(&seat));
        there.into_iter().for_each(|there| there.is_torn = false);
    }

    /// A process on it has died, and the current with it.
    pub(crate) fn lose_power(&self, owner: u64, chance: u64) {
        if let Some(file) = self.lock().get_mut(&owner) {
            file.cut(chance);
        }
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

    /// How many bytes of an entry a crash leaves. It takes no chance from the others: worlds stay as they were.
    fn torn(&self, length: usize) -> usize {
        let now = self.life.fate.clock.now().as_nanos() ^ self.life.number;
        usize::try_from(now.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33).unwrap_or(0) % length.max(1)
    }

    /// Takes a seat; where all are taken it waits for one.
    async fn free_seat(&self) -> usize {
        let seats = self.life.fate.plan.seats.unwrap_or(usize::MAX);
        if let Some(free) = self.machine.take_seat(self.life.number, seats) {
            return free;
        }
        self.life.fate.trace.fault("lifeboat taken");
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if let Some(free) = self.machine.take_seat(self.life.number, seats) {
                return free;
            }
        }
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
        let free = self.free_seat().await;
        Ok(Seat::new(free))
    }

    async fn board(&self, seat: &Seat, cargo: &Cargo) -> Result<(), LifeboatError> {
        self.life.pass("board").await;
        // Whoever dies before it is synced has torn it: some of its bytes are there.
        let bytes = cargo.to_bytes();
        self.machine.write(
            self.life.number,
            seat.number(),
            bytes.get(..self.torn(bytes.len())).unwrap_or(&bytes),
        );
        tokio::time::sleep(Duration::from_millis(1 + self.life.fate.dice.below(10))).await;
        self.life.pass("sync").await;
        if self.life.fate.strikes(if self.life.fate.plan.full_disks { 50 } else { 0 }) {
            self.life.fate.trace.fault("lifeboat failed");
            self.life.fate.tower.not_aboard(self.life.number);
            self.machine.is_whole(self.life.number, seat.number());
            return Err(LifeboatError::Failed("the disk failed".to_owned()));
        }
        self.machine.write(self.life.number, seat.number(), &bytes);
        self.machine.is_whole(self.life.number, seat.number());
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
            file.taken.remove(&seat.number());
            file.reserved_by.retain(|_, reserved| *reserved != seat.number());
            if let Some(there) = file.seats.get_mut(&seat.number()) {
                there.left = Some(std::mem::take(&mut there.bytes));
            }
        }
    }

    async fn adopt(&self) -> Result<Adoption, LifeboatError> {
        self.life.pass("adopt").await;
        let mut files = self.machine.lock();
        let dead = files.values_mut().filter(|file| file.is_of_a_dead());
        for there in dead.flat_map(|file| file.seats.values_mut()).filter(|there| there.is_torn) {
            there.is_torn = false;
            self.life.fate.trace.fault("lifeboat torn");
        }
        let dead = files.iter().filter(|(number, file)| **number != self.life.number && file.is_of_a_dead());
        // Some of them, or none: it takes no chance from the others.
        let is_unread = self.machine.is_unread(self.life.fate.clock.now());
        let reads_some = self.life.number.is_multiple_of(2);
        if is_unread && !reads_some {
            self.life.fate.trace.fault("lifeboats unread");
            return Err(LifeboatError::Failed("too many files are open".to_owned()));
        }
        let dead = dead.filter(|(number, _)| !is_unread || number.is_multiple_of(2));
        let entries = dead.flat_map(|(number, file)| {
            let boat = number.to_string();
            file.entries().map(move |(seat, cargo)| Adopted::new(AdoptedId::new(&boat, seat), cargo))
        });
        let found = Adoption::of(entries);
        if is_unread {
            self.life.fate.trace.fault("some lifeboats unread");
            return Ok(found.but_for(LifeboatError::Failed("a file cannot be opened".to_owned())));
        }
        Ok(found)
    }

    async fn bring_home(&self, id: &AdoptedId) -> Result<(), LifeboatError> {
        self.life.pass("bring home").await;
        let number = id.boat().parse().unwrap_or(u64::MAX);
        if let Some(file) = self.machine.lock().get_mut(&number) {
            file.seats.remove(&id.seat());
        }
        Ok(())
    }

    fn is_durable(&self) -> bool {
        true
    }
}
