//! Where what was received is kept until the store has it.

mod folder;
mod frame;
mod group_write;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use grantry_vault::SealedRecord;

pub use folder::{FolderLifeboat, FolderLifeboatBuilder};

/// Keeps what an authorization server answered, sealed, until the store has it.
///
/// A seat is reserved before a request is sent, so that a full disk shows then and not when the only copy of a refresh
/// token has just arrived. [`board`](Lifeboat::board) returns when the entry survives a crash.
///
/// **Cancel-safety**: a `board` that is dropped may or may not have kept the entry. **Concurrency**: calls come from many
/// tasks at once. **Errors**: [`LifeboatError`]; after a `board` that failed nothing is lost, but nothing is kept either.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use grantry_custody::{Cargo, FolderLifeboat, Lifeboat};
/// use grantry_vault::{RecordKey, SealedRecord};
///
/// let folder = tempfile::tempdir()?;
/// let lifeboat = FolderLifeboat::open(folder.path())?;
/// let seat = lifeboat.reserve().await?;
/// let record = RecordKey::parse("acme/grant/crm/user-17")?;
/// lifeboat.board(&seat, &Cargo::new(record, SealedRecord::new(vec![1, 2, 3]))).await?;
/// drop(lifeboat); // The process dies.
///
/// let next = FolderLifeboat::open(folder.path())?;
/// let found = next.adopt().await?;
/// assert!(found.entries.len() == 1 && found.unread.is_none());
/// next.bring_home(&found.entries[0].id).await?;
/// assert!(next.adopt().await?.entries.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[async_trait]
pub trait Lifeboat: fmt::Debug + Send + Sync + 'static {
    /// Reserves a seat; waits while all are taken.
    ///
    /// # Errors
    /// [`LifeboatError`] where nothing could be kept at this moment: then nothing must be sent.
    async fn reserve(&self) -> Result<Seat, LifeboatError>;

    /// Keeps an entry in the seat, durably, in place of what sits there.
    ///
    /// # Errors
    /// [`LifeboatError`] where it is not kept.
    async fn board(&self, seat: &Seat, cargo: &Cargo) -> Result<(), LifeboatError>;

    /// The store has what sat there, or nobody needs it: the seat is free again. This need not be durable: whoever finds
    /// the entry again brings home what is at home already.
    fn leave(&self, seat: Seat);

    /// Entries of lifeboats whose processes are dead, which this one takes over, and whether these are all. An entry comes again
    /// until it is [`brought home`](Lifeboat::bring_home). While some cannot be read, nothing is done that cannot be undone: the
    /// only successor of a refresh token may be among them.
    ///
    /// # Errors
    /// [`LifeboatError`] where nobody can look at all. What was found all the same is worth more: see [`Adoption::unread`].
    async fn adopt(&self) -> Result<Adoption, LifeboatError>;

    /// The store has an entry that was adopted.
    ///
    /// # Errors
    /// [`LifeboatError`] where it could not be taken out; then it comes again, which does no harm.
    async fn bring_home(&self, id: &AdoptedId) -> Result<(), LifeboatError>;

    /// Whether it keeps anything at all. One that does not makes callers wait for the store.
    fn is_durable(&self) -> bool;
}

/// A place in a lifeboat. Dropped with an entry in it, the entry stays for whoever adopts it.
#[derive(Debug)]
pub struct Seat {
    number: usize,
    _permit: Option<tokio::sync::OwnedSemaphorePermit>,
}

impl Seat {
    /// A seat of a lifeboat of your own.
    pub const fn new(number: usize) -> Self {
        Self { number, _permit: None }
    }

    /// Which it is.
    pub const fn number(&self) -> usize {
        self.number
    }
}

/// An entry: a sealed answer, and the record that it belongs to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Cargo {
    /// The record.
    pub record: grantry_vault::RecordKey,
    /// What was received, sealed for that record.
    pub sealed: SealedRecord,
}

impl Cargo {
    /// A sealed answer for a record.
    pub fn new(record: grantry_vault::RecordKey, sealed: SealedRecord) -> Self {
        Self { record, sealed }
    }

    /// The bytes of an entry, with a checksum that finds out whether they were written in full: for a lifeboat of your own.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        frame::write(self)
    }

    /// The entry that stands at the beginning of these bytes; `None` where there is none, or where a crash tore it. Bytes
    /// behind it are not looked at.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        frame::read(bytes)
    }
}

/// Names an entry that was adopted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AdoptedId {
    boat: Arc<str>,
    seat: usize,
}

impl AdoptedId {
    /// The seat of a boat of your own.
    pub fn new(boat: impl AsRef<str>, seat: usize) -> Self {
        Self { boat: boat.as_ref().into(), seat }
    }

    /// The boat.
    pub fn boat(&self) -> &str {
        &self.boat
    }

    /// The seat.
    pub const fn seat(&self) -> usize {
        self.seat
    }
}

/// An entry of a dead process.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Adopted {
    /// Its name, for when it is home.
    pub id: AdoptedId,
    /// What it is.
    pub cargo: Cargo,
}

impl Adopted {
    /// An entry of a boat of your own.
    pub fn new(id: AdoptedId, cargo: Cargo) -> Self {
        Self { id, cargo }
    }
}

/// What was found in the lifeboats of dead processes.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Adoption {
    /// The entries that could be read.
    pub entries: Vec<Adopted>,
    /// Why there may be more: something that cannot be read just now, and may hold entries. It is looked at again the next time.
    /// What is gone, and what can be read and is no entry, such as one that a crash tore, is not among it.
    pub unread: Option<LifeboatError>,
}

impl Adoption {
    /// All that there is.
    pub fn of(entries: impl IntoIterator<Item = Adopted>) -> Self {
        Self { entries: entries.into_iter().collect(), unread: None }
    }

    /// The same, but for something that could not be read.
    #[must_use]
    pub fn but_for(self, unread: impl Into<Option<LifeboatError>>) -> Self {
        Self { unread: unread.into(), ..self }
    }
}

/// A lifeboat that could not keep something.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LifeboatError {
    /// The disk is full, or the entry is larger than a seat.
    #[error("the lifeboat has no room: {0}")]
    NoRoom(String),
    /// The disk or the folder failed.
    #[error("the lifeboat failed: {0}")]
    Failed(String),
}

impl From<std::io::Error> for LifeboatError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::NoRoom(error.to_string())
            }
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// No lifeboat: callers wait until the store has what was received, and a crash before that loses it.
///
/// For a deployment without a disk. On a server that does not forgive a lost answer, a grant is then lost with the
/// process that received its only successor.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs, reason = "it holds nothing, and never will")]
pub struct NoLifeboat;

#[async_trait]
impl Lifeboat for NoLifeboat {
    async fn reserve(&self) -> Result<Seat, LifeboatError> {
        Ok(Seat::new(0))
    }

    async fn board(&self, _seat: &Seat, _cargo: &Cargo) -> Result<(), LifeboatError> {
        Err(LifeboatError::NoRoom("there is no lifeboat".to_owned()))
    }

    fn leave(&self, _seat: Seat) {}

    async fn adopt(&self) -> Result<Adoption, LifeboatError> {
        Ok(Adoption::default())
    }

    async fn bring_home(&self, _id: &AdoptedId) -> Result<(), LifeboatError> {
        Ok(())
    }

    fn is_durable(&self) -> bool {
        false
    }
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<L: Lifeboat + ?Sized> Lifeboat for $pointer<L> {
            async fn reserve(&self) -> Result<Seat, LifeboatError> {
                (**self).reserve().await
            }
            async fn board(&self, seat: &Seat, cargo: &Cargo) -> Result<(), LifeboatError> {
                (**self).board(seat, cargo).await
            }
            fn leave(&self, seat: Seat) {
                (**self).leave(seat);
            }
            async fn adopt(&self) -> Result<Adoption, LifeboatError> {
                (**self).adopt().await
            }
            async fn bring_home(&self, id: &AdoptedId) -> Result<(), LifeboatError> {
                (**self).bring_home(id).await
            }
            fn is_durable(&self) -> bool {
                (**self).is_durable()
            }
        }
    )*};
}
forward!(Arc, Box);
