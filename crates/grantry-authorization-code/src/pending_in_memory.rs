//! Pending authorizations in the memory of one process.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{Clock, Instant};
use zeroize::Zeroizing;

use crate::{PendingAuthorizations, PendingKey, PendingStoreError};

/// How many are kept at most.
const MOST: usize = 10_000;
/// How many bytes they may take, with what each costs besides its bytes.
const MOST_BYTES: usize = 10 << 20;
/// What an entry costs besides its bytes: its places in both tables, at their worst filling.
const OVERHEAD: usize = 288;

/// Keeps pending authorizations in this process: 10,000 at most, in 10 MiB.
///
/// There are no timers: whoever uses it sweeps out what expired. When it is full the newcomer is refused, so that
/// nobody who began can be pushed out; limit how often one stranger may begin. Clones are the same store.
#[derive(Clone)]
pub struct PendingInMemory(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    entries: HashMap<PendingKey, Entry>,
    /// The same by expiry, the next one first.
    by_expiry: BTreeSet<(Instant, PendingKey)>,
    bytes: usize,
}

struct Entry {
    pending: Zeroizing<Vec<u8>>,
    expires: Instant,
}

impl PendingInMemory {
    /// An empty store that measures time by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Shared { clock, shelf: Mutex::default() }))
    }

    /// How many are pending now.
    pub fn len(&self) -> usize {
        self.shelf().entries.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The shelf without what expired.
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        let now = self.0.clock.now();
        let mut shelf = self.0.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.sweep(now);
        shelf
    }
}

impl Shelf {
    fn sweep(&mut self, now: Instant) {
        let before = self.entries.len();
        while let Some(&(expires, key)) = self.by_expiry.first()
            && expires <= now
        {
            self.remove(key);
        }
        // What a rush needed is given back after it.
        if self.entries.len() < before && self.entries.len() * 4 < self.entries.capacity() {
            self.entries.shrink_to_fit();
        }
    }

    fn remove(&mut self, key: PendingKey) -> Option<Zeroizing<Vec<u8>>> {
        let entry = self.entries.remove(&key)?;
        self.by_expiry.remove(&(entry.expires, key));
        self.bytes -= cost(&entry.pending);
        Some(entry.pending)
    }
}

fn cost(pending: &Zeroizing<Vec<u8>>) -> usize {
    pending.capacity() + OVERHEAD
}

#[async_trait]
impl PendingAuthorizations for PendingInMemory {
    async fn keep(
        &self,
        key: PendingKey,
        pending: Zeroizing<Vec<u8>>,
        lifetime: Duration,
    ) -> Result<(), PendingStoreError> {
        let expires = self.0.clock.now().after(lifetime);
        let mut shelf = self.shelf();
        shelf.remove(key);
        let bytes = shelf.bytes + cost(&pending);
        if shelf.entries.len() >= MOST || bytes > MOST_BYTES {
            return Err(PendingStoreError::Full);
        }
        shelf.bytes = bytes;
        shelf.by_expiry.insert((expires, key));
        shelf.entries.insert(key, Entry { pending, expires });
        Ok(())
    }

    async fn take(&self, key: PendingKey) -> Result<Option<Zeroizing<Vec<u8>>>, PendingStoreError> {
        Ok(self.shelf().remove(key))
    }
}

impl fmt::Debug for PendingInMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingInMemory").field("pending", &self.len()).finish_non_exhaustive()
    }
}
