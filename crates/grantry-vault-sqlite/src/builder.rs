//! Opening a vault.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Clock, SystemClock};
use grantry_vault::VaultError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::ceiling::Ceiling;
use crate::connection;
use crate::format::Meta;
use crate::handle::{Handle, start};
use crate::hints::Hints;
use crate::patience::Patience;
use crate::place::Place;
use crate::queue::{Queue, thread_has_ended};
use crate::reader::{READERS, Reader};
use crate::store_clock::{self, Machine, StoreClock};
use crate::transaction;
use crate::vault::SqliteVault;
use crate::writer::Writer;

const PATIENCE: Duration = Duration::from_secs(10);

/// Opens a [`SqliteVault`] with other settings than the usual ones.
#[derive(Debug, Clone)]
pub struct SqliteVaultBuilder {
    path: PathBuf,
    patience: Patience,
    machine: Machine,
    #[cfg(test)]
    pub(crate) most_pages: Option<u32>,
    /// How long the thread that writes is not given a core.
    #[cfg(test)]
    pub(crate) writer_late_by: Duration,
}

impl SqliteVaultBuilder {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            patience: Patience(PATIENCE),
            machine: Machine { clock: Arc::new(SystemClock::new()), boot_id: store_clock::boot_id() },
            #[cfg(test)]
            most_pages: None,
            #[cfg(test)]
            writer_late_by: Duration::ZERO,
        }
    }

    /// How long a call waits for the lock that another process holds; 10 seconds unless said otherwise.
    ///
    /// A write that is queued behind one that waits may wait that long again.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Patience(patience);
        self
    }

    /// Another machine's clock, for tests and simulations.
    ///
    /// `boot_id` is what changes when the boot clock of `clock` begins anew; all processes that share the file have to
    /// agree on it. Without one the wall clock of `clock` is read.
    #[must_use]
    pub fn machine(mut self, clock: impl Clock, boot_id: Option<&str>) -> Self {
        let boot_id = boot_id.filter(|id| !id.is_empty()).map(Into::into);
        self.machine = Machine { clock: Arc::new(clock), boot_id };
        self
    }

    /// Opens the vault; makes it where there is none.
    ///
    /// Needs no runtime. Dropping the future closes again what was opened.
    ///
    /// # Errors
    /// As [`SqliteVault::open`].
    pub async fn open(self) -> Result<SqliteVault, VaultError> {
        let (reply, answer) = oneshot::channel();
        start("grantry-open", move || {
            // Where nobody takes the vault it is dropped, which closes it.
            let _ = reply.send(self.open_here());
        })?;
        answer.await.unwrap_or_else(|_| Err(thread_has_ended()))
    }

    fn open_here(self) -> Result<SqliteVault, VaultError> {
        let place = Place::find(&self.path)?;
        let writing = connection::open_or_create(&place, &self.machine, self.patience)?;
        let file = place.file_id();
        let clock = Arc::new(settle(&writing, &place, self.patience, &self.machine)?);
        #[cfg(test)]
        if let Some(pages) = self.most_pages {
            writing
                .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
                .map_err(|error| crate::failure::of_statement(&error, place.path()))?;
        }
        let reading: Vec<Connection> = (0..READERS)
            .map(|_| connection::open_to_read(&place, self.patience))
            .collect::<Result<_, _>>()?;

        let orders = Arc::new(Queue::new(1));
        let questions = Arc::new(Queue::new(READERS));
        let hints = Arc::new(Hints::new(Arc::clone(&orders)));
        let ceiling = Arc::new(Ceiling::new(Arc::clone(&clock), Arc::clone(&orders)));
        let handle = Handle::new(
            place.clone(),
            Arc::clone(&orders),
            Arc::clone(&questions),
            Arc::clone(&ceiling),
            Arc::clone(&hints),
        );
        // Where a thread cannot be started, the handle is dropped, and the others end.
        for connection in reading {
            let (questions, place, ceiling) = (Arc::clone(&questions), place.clone(), Arc::clone(&ceiling));
            let reader = Reader { questions, place, ceiling, patience: self.patience };
            handle.serve("grantry-read", move || reader.run(connection))?;
        }
        let writer = Writer { orders, questions, place, file, clock, hints, patience: self.patience };
        #[cfg(test)]
        let late_by = self.writer_late_by;
        handle.serve("grantry-write", move || {
            #[cfg(test)]
            std::thread::sleep(late_by);
            writer.run(writing);
        })?;
        Ok(SqliteVault::of(handle))
    }
}

/// Sets the clock going, and writes what that needs.
fn settle(
    connection: &Connection,
    place: &Place,
    patience: Patience,
    machine: &Machine,
) -> Result<StoreClock, VaultError> {
    let statement = |error| crate::failure::of_statement(&error, place.path());
    let meta = patience.until_free(|| Meta::read(connection)).map_err(statement)?;
    if machine.settle(&meta.clock).is_none() {
        return Ok(StoreClock::new(machine.clone(), &meta.clock));
    }
    // Another process may be about the same: whoever comes second finds it done.
    let kept = transaction::write(connection, place, patience, || {
        let mut meta = Meta::read(connection)?;
        let anew = machine.settle(&meta.clock);
        let is_changed = anew.is_some();
        if let Some(anew) = anew {
            meta.clock = anew;
            connection.execute(Meta::WRITE, meta.values())?;
        }
        Ok((meta.clock, is_changed))
    })?;
    Ok(StoreClock::new(machine.clone(), &kept))
}

#[cfg(test)]
mod tests {
    use grantry_vault::{Precondition, RecordKey, Revision, SealedRecord, Vault};

    use super::*;

    fn key(name: &str) -> RecordKey {
        RecordKey::parse(&format!("acme/grant/crm/{name}")).unwrap()
    }

    /// Fills the vault until there is no more room.
    async fn fill(vault: &SqliteVault) -> Vec<(RecordKey, Revision)> {
        let mut written = Vec::new();
        loop {
            let key = key(&format!("n{}", written.len()));
            match vault.store(&key, SealedRecord::new(vec![1; 5_000]), Precondition::Absent).await {
                Ok(revision) => written.push((key, revision)),
                Err(VaultError::Full(why)) => {
                    assert!(why.contains("make room"), "{why}");
                    return written;
                }
                Err(other) => panic!("{other}"),
            }
        }
    }

    #[tokio::test]
    async fn a_change_is_hinted_that_came_before_the_writing_thread_began() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grantry.db");
        let other = SqliteVault::open(&path).await.unwrap();
        let mut builder = SqliteVault::builder(&path);
        builder.writer_late_by = Duration::from_millis(300);
        let vault = builder.open().await.unwrap();
        let changed = vault.watch().unwrap().next_change(&key("user"));
        other.store(&key("user"), SealedRecord::new("x"), Precondition::Absent).await.unwrap();
        tokio::time::timeout(Duration::from_secs(10), changed).await.unwrap();
        vault.close().await;
        other.close().await;
    }

    #[tokio::test]
    async fn a_full_disk_refuses_what_does_not_fit_and_goes_on_when_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grantry.db");
        let mut builder = SqliteVault::builder(&path);
        builder.most_pages = Some(40);
        let vault = builder.open().await.unwrap();
        let written = fill(&vault).await;
        assert!(written.len() > 5);
        for (key, revision) in &written {
            assert_eq!(&vault.load(key).await.unwrap().unwrap().revision, revision);
        }
        // What fits into the pages that are there is still written, also beside what does not fit.
        let big = SealedRecord::new(vec![1; 50_000]);
        let (too_big, fits, small) = (key("big"), written[0].clone(), SealedRecord::new("x"));
        let (full, done) = tokio::join!(
            vault.store(&too_big, big.clone(), Precondition::Absent),
            vault.store(&fits.0, small, Precondition::Matches(fits.1)),
        );
        assert!(matches!(full, Err(VaultError::Full(_))), "{full:?}");
        done.unwrap();
        assert!(vault.load(&too_big).await.unwrap().is_none());
        for (key, revision) in written.iter().skip(1).take(written.len() - 2) {
            vault.remove(key, revision).await.unwrap();
        }
        vault.store(&too_big, big, Precondition::Absent).await.unwrap();
        vault.check().await.unwrap();
        vault.close().await;
    }
}
