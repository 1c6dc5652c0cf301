//! From the end of an answer to the moment when it survives a crash, and how long one sync takes.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use grantry_core::{Attempt, Failure, Grant, TokenSet};
use grantry_custody::{AdoptedId, Adoption, Cargo, FolderLifeboat, Lifeboat, LifeboatError, Seat};

/// When the last answer was complete, and how long after it each was durable.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    answered: Mutex<Option<Instant>>,
    durable_after: Mutex<Vec<Duration>>,
    /// The bytes of the last entry.
    bytes: Mutex<usize>,
}

impl Notes {
    pub(crate) fn take(&self) -> Vec<Duration> {
        std::mem::take(&mut self.durable_after.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn bytes(&self) -> usize {
        *self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A grant that notes when its answers are complete.
#[derive(Debug)]
pub(crate) struct NotedGrant<G>(pub(crate) G, pub(crate) std::sync::Arc<Notes>);

#[async_trait]
impl<G: Grant> Grant for NotedGrant<G> {
    async fn obtain(&self, attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        let answer = self.0.obtain(attempt).await;
        *self.1.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        answer
    }
}

/// A lifeboat that notes when its entries are durable.
#[derive(Debug)]
pub(crate) struct NotedBoat(pub(crate) FolderLifeboat, pub(crate) std::sync::Arc<Notes>);

#[async_trait]
impl Lifeboat for NotedBoat {
    async fn reserve(&self) -> Result<Seat, LifeboatError> {
        self.0.reserve().await
    }
    async fn board(&self, seat: &Seat, cargo: &Cargo) -> Result<(), LifeboatError> {
        let boarded = self.0.board(seat, cargo).await;
        let durable = Instant::now();
        let answered = self.1.answered.lock().unwrap_or_else(PoisonError::into_inner).take();
        let after = durable - answered.unwrap();
        self.1.durable_after.lock().unwrap_or_else(PoisonError::into_inner).push(after);
        *self.1.bytes.lock().unwrap_or_else(PoisonError::into_inner) = cargo.sealed.as_bytes().len();
        boarded
    }
    fn leave(&self, seat: Seat) {
        self.0.leave(seat);
    }
    async fn adopt(&self) -> Result<Adoption, LifeboatError> {
        self.0.adopt().await
    }
    async fn bring_home(&self, id: &AdoptedId) -> Result<(), LifeboatError> {
        self.0.bring_home(id).await
    }
    fn is_durable(&self) -> bool {
        self.0.is_durable()
    }
}

/// A file that is written in place and synced: the least that makes anything durable.
#[derive(Debug)]
pub(crate) struct BareFile(File);

impl BareFile {
    /// A file of the size of a lifeboat.
    pub(crate) fn new(folder: &Path) -> Self {
        let path = folder.join("bare");
        let file = OpenOptions::new().create(true).truncate(true).write(true).open(path).unwrap();
        file.write_all_at(&vec![0; 8 << 20], 0).unwrap();
        file.sync_all().unwrap();
        Self(file)
    }

    /// How long it takes to write so many bytes and sync them.
    pub(crate) fn sync(&self, nth: u64, bytes: usize) -> Duration {
        let content: Vec<u8> = nth.to_le_bytes().into_iter().cycle().take(bytes).collect();
        let start = Instant::now();
        self.0.write_all_at(&content, 4096).unwrap();
        self.0.sync_data().unwrap();
        start.elapsed()
    }
}

/// So many hundredths of these took no longer than that, in microseconds.
pub(crate) fn percentile(of: &[Duration], hundredths: usize) -> f64 {
    let mut sorted = of.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * hundredths / 100).min(sorted.len() - 1);
    sorted[at].as_secs_f64() * 1e6
}
