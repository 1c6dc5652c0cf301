//! Lifeboats in a folder: one file for each process, locked while it lives.

use std::collections::HashMap;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use grantry_core::{Entropy, SystemEntropy};
use tokio::sync::Semaphore;

use super::frame::{EMPTY, MAGIC};
use super::group_write::GroupWrite;
use super::{Adopted, AdoptedId, Adoption, Cargo, Lifeboat, LifeboatError, Seat};

const SUFFIX: &str = ".lifeboat";
const HEAD: usize = 4096;

/// Lifeboats in a folder of the local disk, shared by the processes of one machine.
///
/// Each process has a file of its own there, written in full when it is opened and locked while the process lives. A file
/// that is not locked belongs to a dead process; whoever finds it takes its entries over. The folder must be on a disk
/// whose locks and syncs are honest: not on a network.
#[derive(Debug)]
pub struct FolderLifeboat {
    boat: Boat,
    free: Mutex<Vec<usize>>,
    permits: Arc<Semaphore>,
    folder: PathBuf,
    /// Those of dead processes, locked by this one.
    adopted: Mutex<HashMap<Arc<str>, Vec<Adopted>>>,
    locks: Mutex<HashMap<Arc<str>, File>>,
}

struct Boat {
    writes: Arc<GroupWrite>,
    name: Arc<str>,
    path: PathBuf,
    seat_bytes: usize,
}

/// Opens a [`FolderLifeboat`] with other sizes.
#[derive(Debug)]
#[must_use]
pub struct FolderLifeboatBuilder {
    folder: PathBuf,
    seats: usize,
    seat_bytes: usize,
    entropy: Arc<dyn Entropy>,
}

impl FolderLifeboat {
    /// A lifeboat with 128 seats of 64 KiB (8 MiB), in a folder that is made if it is not there, for this user alone.
    ///
    /// # Errors
    /// As [`FolderLifeboatBuilder::open`].
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, LifeboatError> {
        Self::builder(folder).open()
    }

    /// Starts from the folder.
    pub fn builder(folder: impl AsRef<Path>) -> FolderLifeboatBuilder {
        FolderLifeboatBuilder {
            folder: folder.as_ref().to_owned(),
            seats: 128,
            seat_bytes: 64 * 1024,
            entropy: Arc::new(SystemEntropy),
        }
    }

    fn lock_free(&self) -> MutexGuard<'_, Vec<usize>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_adopted(&self) -> MutexGuard<'_, HashMap<Arc<str>, Vec<Adopted>>> {
        self.adopted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_locks(&self) -> MutexGuard<'_, HashMap<Arc<str>, File>> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over the files of dead processes. What is found in a file that cannot be read to its end is given back with the
    /// reason, and the file is left for the next time.
    fn look(&self) -> Result<Adoption, LifeboatError> {
        let mut partly = Adoption::default();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = match entry {
                Ok(entry) => entry.path(),
                Err(error) => {
                    partly.unread = Some(error.into());
                    break;
                }
            };
            let Some(name) = boat_name(&path).filter(|name| **name != *self.boat.name) else { continue };
            if self.lock_locks().contains_key(&name) {
                continue;
            }
            if let Err(error) = self.look_at(&path, &name, &mut partly.entries) {
                partly.unread = Some(LifeboatError::Failed(format!("{name}{SUFFIX}: {error}")));
            }
        }
        Ok(partly)
    }

    /// Takes one file over, if its process is dead and all of it can be read.
    fn look_at(&self, path: &Path, name: &Arc<str>, partly: &mut Vec<Adopted>) -> std::io::Result<()> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => {}
        }
        // Between listing and locking another process may have emptied and removed it.
        if !path.try_exists()? {
            return Ok(());
        }
        let (entries, unread) = match read_boat(&file, name) {
            // Nobody boards before the head is written, and synced: this is no lifeboat, or one that never was in use.
            Err(error) if is_no_boat(&error) => return Ok(()),
            read => read?,
        };
        if let Some(error) = unread {
            partly.extend(entries);
            return Err(error);
        }
        if entries.is_empty() {
            let _ = std::fs::remove_file(path);
            return Ok(());
        }
        self.lock_locks().insert(Arc::clone(name), file);
        self.lock_adopted().insert(Arc::clone(name), entries);
        Ok(())
    }
}

impl FolderLifeboatBuilder {
    /// How many answers may be on their way into the store at once.
    pub fn seats(self, seats: usize) -> Self {
        Self { seats: seats.max(1), ..self }
    }

    /// The largest entry, in bytes; an answer that needs more is not kept, and its callers wait for the store.
    pub fn seat_bytes(self, seat_bytes: usize) -> Self {
        Self { seat_bytes: seat_bytes.max(1024), ..self }
    }

    /// Writes the whole file once, so that a full disk shows now, and locks it.
    ///
    /// # Errors
    /// [`LifeboatError::NoRoom`] where the disk is full, [`LifeboatError::Failed`] where the folder cannot be made or
    /// written to.
    pub fn open(self) -> Result<FolderLifeboat, LifeboatError> {
        let mut folder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(folder.recursive(true), 0o700);
        folder.create(&self.folder)?;
        let mut id = [0; 8];
        self.entropy.fill(&mut id);
        let name: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = self.folder.join(format!("{name}{SUFFIX}"));
        let made = self.make(&path, name.into());
        if made.is_err() {
            let _ = std::fs::remove_file(&path);
        }
        let boat = made?;
        Ok(FolderLifeboat {
            boat,
            free: Mutex::new((0..self.seats).rev().collect()),
            permits: Arc::new(Semaphore::new(self.seats)),
            folder: self.folder,
            adopted: Mutex::default(),
            locks: Mutex::default(),
        })
    }

    fn make(&self, path: &Path, name: Arc<str>) -> Result<Boat, LifeboatError> {
        let mut file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        file.lock()?;
        let mut head = vec![0; HEAD];
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
        let fields = [MAGIC.as_slice(), &number(self.seats), &number(self.seat_bytes)].concat();
        head.iter_mut().zip(&fields).for_each(|(to, from)| *to = *from);
        file.write_all(&head)?;
        let seat = vec![0; self.seat_bytes];
        for _ in 0..self.seats {
            file.write_all(&seat)?;
        }
        file.sync_all()?;
        // The name of the file has to survive, too.
        File::open(&self.folder)?.sync_all()?;
        Ok(Boat {
            writes: Arc::new(GroupWrite::new(file)),
            name,
            path: path.to_owned(),
            seat_bytes: self.seat_bytes,
        })
    }
}

impl Boat {
    fn at(&self, seat: usize) -> u64 {
        (HEAD + seat * self.seat_bytes) as u64
    }
}

#[async_trait]
impl Lifeboat for FolderLifeboat {
    async fn reserve(&self) -> Result<Seat, LifeboatError> {
        if let Some(failed) = self.boat.writes.failed() {
            return Err(LifeboatError::Failed(failed));
        }
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| LifeboatError::Failed("it was closed".to_owned()))?;
        let number = self.lock_free().pop();
        let number = number.ok_or_else(|| LifeboatError::NoRoom("every seat holds an entry".to_owned()))?;
        Ok(Seat { number, _permit: Some(permit) })
    }

    async fn board(&self, seat: &Seat, cargo: &Cargo) -> Result<(), LifeboatError> {
        let too_large = || {
            LifeboatError::NoRoom(format!(
                "the answer is larger than a seat of {} bytes",
                self.boat.seat_bytes
            ))
        };
        let bytes = cargo.to_bytes();
        if bytes.len() > self.boat.seat_bytes {
            return Err(too_large());
        }
        self.boat.writes.write(self.boat.at(seat.number), &bytes).await
    }

    fn leave(&self, seat: Seat) {
        // Rides on the next sync: whoever finds the entry after a crash brings home what is at home.
        let _ = self.boat.writes.file().write_all_at(&EMPTY, self.boat.at(seat.number));
        self.lock_free().push(seat.number);
    }

    async fn adopt(&self) -> Result<Adoption, LifeboatError> {
        let partly = self.look()?;
        let taken_over: Vec<_> = self.lock_adopted().values().flatten().cloned().collect();
        Ok(Adoption::of(taken_over.into_iter().chain(partly.entries)).but_for(partly.unread))
    }

    async fn bring_home(&self, id: &AdoptedId) -> Result<(), LifeboatError> {
        let is_empty = {
            let mut adopted = self.lock_adopted();
            let Some(entries) = adopted.get_mut(id.boat()) else { return Ok(()) };
            entries.retain(|entry| entry.id != *id);
            let is_empty = entries.is_empty();
            if is_empty {
                adopted.remove(id.boat());
            }
            is_empty
        };
        if is_empty {
            // Removed before it is unlocked, so that nobody adopts what is home.
            std::fs::remove_file(self.folder.join(format!("{}{SUFFIX}", id.boat())))?;
            self.lock_locks().remove(id.boat());
        }
        Ok(())
    }

    fn is_durable(&self) -> bool {
        true
    }
}

impl Drop for FolderLifeboat {
    /// A boat that nobody sits in leaves no file behind.
    fn drop(&mut self) {
        let is_empty = read_boat(self.boat.writes.file(), &self.boat.name)
            .is_ok_and(|(entries, unread)| entries.is_empty() && unread.is_none());
        if is_empty {
            let _ = std::fs::remove_file(&self.boat.path);
        }
    }
}

impl fmt::Debug for Boat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Boat").field("path", &self.path).finish_non_exhaustive()
    }
}

fn boat_name(path: &Path) -> Option<Arc<str>> {
    Some(path.file_name()?.to_str()?.strip_suffix(SUFFIX)?.into())
}

/// Whether what was read is not the head of a lifeboat.
fn is_no_boat(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof)
}

/// The entries of a file, and why there may be more of them.
fn read_boat(
    file: &impl FileExt,
    name: &Arc<str>,
) -> std::io::Result<(Vec<Adopted>, Option<std::io::Error>)> {
    let damaged = || std::io::Error::from(ErrorKind::InvalidData);
    let mut head = [0; MAGIC.len() + 8];
    file.read_exact_at(&mut head, 0)?;
    let fields = head.strip_prefix(MAGIC).ok_or_else(damaged)?;
    let (seats, seat_bytes) = fields.split_first_chunk::<4>().ok_or_else(damaged)?;
    let seat_bytes = <[u8; 4]>::try_from(seat_bytes).map_err(|_| damaged())?;
    let number = |bytes: [u8; 4]| u32::from_be_bytes(bytes) as usize;
    let (seats, seat_bytes) = (number(*seats), number(seat_bytes));
    if seat_bytes > 16 * 1024 * 1024 {
        return Err(damaged());
    }
    let (mut entries, mut unread) = (Vec::new(), None);
    let mut bytes = vec![0; seat_bytes];
    for seat in 0..seats {
        match file.read_exact_at(&mut bytes, (HEAD + seat * seat_bytes) as u64) {
            Ok(()) => {}
            // A file that a crash cut off has fewer seats than it says.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
            // One bad place on the disk is no reason to leave the others.
            Err(error) => {
                unread = Some(error);
                continue;
            }
        }
        if let Some(cargo) = Cargo::from_bytes(&bytes) {
            entries.push(Adopted::new(AdoptedId { boat: Arc::clone(name), seat }, cargo));
        }
    }
    Ok((entries, unread))
}

#[cfg(test)]
mod tests {
    use grantry_vault::{RecordKey, SealedRecord};

    use super::*;

    /// A file of which one place cannot be read.
    struct BadPlace(File, u64);

    impl FileExt for BadPlace {
        fn read_at(&self, into: &mut [u8], at: u64) -> std::io::Result<usize> {
            match (at..at + into.len() as u64).contains(&self.1) {
                true => Err(std::io::Error::other("the disk failed")),
                false => self.0.read_at(into, at),
            }
        }
        fn write_at(&self, from: &[u8], at: u64) -> std::io::Result<usize> {
            self.0.write_at(from, at)
        }
    }

    #[tokio::test]
    async fn what_can_be_read_of_a_file_is_found_and_it_is_known_that_there_may_be_more() {
        let folder = tempfile::tempdir().unwrap();
        let boat = FolderLifeboat::builder(folder.path()).seats(3).seat_bytes(1024).open().unwrap();
        let record = RecordKey::parse("acme/grant/crm/user-17").unwrap();
        for _ in 0..3 {
            let seat = boat.reserve().await.unwrap();
            boat.board(&seat, &Cargo::new(record.clone(), SealedRecord::new(vec![7; 100]))).await.unwrap();
            std::mem::forget(seat);
        }
        let name: Arc<str> = "dead".into();
        let read = |bad| read_boat(&BadPlace(File::open(&boat.boat.path).unwrap(), bad), &name);
        let (entries, unread) = read(u64::MAX).unwrap();
        assert!(entries.len() == 3 && unread.is_none());
        let (entries, unread) = read((HEAD + 1024) as u64).unwrap();
        let seats: Vec<_> = entries.iter().map(|entry| entry.id.seat()).collect();
        assert!(seats == [0, 2] && unread.is_some(), "{seats:?}");
        assert!(!is_no_boat(&read(0).unwrap_err()), "it may be one");
    }

    #[tokio::test]
    async fn whatever_is_no_lifeboat_or_is_gone_is_not_missed() {
        let folder = tempfile::tempdir().unwrap();
        let boat = FolderLifeboat::builder(folder.path()).seats(1).open().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        write("never-made.lifeboat", b"");
        write("cut-off.lifeboat", &MAGIC[..7]);
        write("another.lifeboat", &[7; 8192]);
        std::os::unix::fs::symlink("nowhere", folder.path().join("gone.lifeboat")).unwrap();
        let found = boat.adopt().await.unwrap();
        assert!(found.entries.is_empty() && found.unread.is_none(), "{found:?}");
    }
}
