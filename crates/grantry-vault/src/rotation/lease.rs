//! The lease of the one process that rotates, and how far it got.

use std::time::Duration;

use grantry_core::StoreTime;

use crate::backend::{NOBODY, RecordKey, RecordKind};
use crate::keyring::Keyring;
use crate::keys::KeyId;
use crate::records::{Content, Kept, Reader, Writer};
use crate::sealing::LineageId;
use crate::store::{Draft, Standing, StoreError};

/// What is kept between runs, and by whom it is held.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Notes {
    holder: [u8; 16],
    until: Option<StoreTime>,
    /// The last record that the sweep did; `None` where no sweep is half done.
    pub(super) cursor: Option<String>,
    /// Versions of the provider's key that no wrap named, and since when.
    pub(super) unnamed: Vec<(KeyId, StoreTime)>,
}

/// A lease that is held.
#[derive(Debug)]
pub(super) struct Lease<'a> {
    keyring: &'a Keyring,
    standing: Standing,
    /// How long it holds without being renewed, by the store's clock.
    holds: Duration,
    pub(super) notes: Notes,
}

fn record() -> RecordKey {
    RecordKey::join(NOBODY, RecordKind::Lease, NOBODY, "rotation")
}

impl<'a> Lease<'a> {
    /// Takes the lease; `None` where another process holds it.
    pub(super) async fn take(keyring: &'a Keyring, holds: Duration) -> Result<Option<Self>, StoreError> {
        let store = &keyring.store;
        let mut keys = keyring.keys(None).await?;
        let mut found = store.read(&record(), &keys).await;
        if matches!(found, Err(StoreError::Refused(crate::sealing::RefusedRecord::UnknownEpoch { .. }))) {
            keys = keyring.newer_keys(None, &keys).await?;
            found = store.read(&record(), &keys).await;
        }
        let (over, mut notes) = match found? {
            None => (None, Notes::default()),
            Some(found) => match Kept::<Notes>::decode(&found.content)? {
                Kept::Content(notes) => (Some(found.standing), notes),
                Kept::Tombstone(_) => (Some(found.standing), Notes::default()),
            },
        };
        let now = match &over {
            Some(standing) => standing.read_at,
            None => store.backend.now().await?,
        };
        if notes.until.is_some_and(|until| now < until) {
            return Ok(None);
        }
        store.entropy.fill(&mut notes.holder);
        notes.until = Some(now.after(holds));
        match write(keyring, over.as_ref(), &notes).await {
            Ok(standing) => Ok(Some(Self { keyring, standing, holds, notes })),
            Err(error) if error.is_conflict() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Notes how far the work got, and goes on holding the lease.
    ///
    /// # Errors
    /// A conflict where it was lost: another process goes on from here.
    pub(super) async fn renew(&mut self) -> Result<(), StoreError> {
        let now = self.keyring.store.backend.now().await?;
        self.notes.until = Some(now.after(self.holds));
        self.standing = write(self.keyring, Some(&self.standing), &self.notes).await?;
        Ok(())
    }

    /// Lets it go, so that the next run need not wait.
    pub(super) async fn release(mut self) -> Result<(), StoreError> {
        self.notes.until = None;
        match write(self.keyring, Some(&self.standing), &self.notes).await {
            Err(error) if error.is_conflict() => Ok(()),
            other => other.map(drop),
        }
    }
}

async fn write(keyring: &Keyring, over: Option<&Standing>, notes: &Notes) -> Result<Standing, StoreError> {
    let keys = keyring.keys(None).await?;
    let content = Kept::Content(notes.clone()).encode();
    let lineage =
        over.map_or_else(|| LineageId::generate(keyring.store.entropy.as_ref()), |over| over.stamp.lineage);
    let draft = Draft { lineage, generation: 0, content: content.as_bytes() };
    keyring.store.write(&record(), &keys, over, draft).await
}

impl Content for Notes {
    const KIND: RecordKind = RecordKind::Lease;
    const FORMAT: u8 = 1;

    fn room(&self) -> usize {
        RecordKey::MOST_BYTES + 64 + self.unnamed.len() * (KeyId::MOST_BYTES + 16)
    }

    fn write(&self, to: &mut Writer) {
        to.bytes(&self.holder);
        to.option(self.until, Writer::store_time);
        to.option(self.cursor.as_deref(), Writer::text);
        to.list(self.unnamed.iter(), |to, (key, since)| {
            to.text(key.as_str());
            to.store_time(*since);
        });
    }

    fn read(_format: u8, from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            holder: from.bytes()?.try_into().ok()?,
            until: from.option(Reader::store_time)?,
            cursor: from.option(|from| from.text().map(str::to_owned))?,
            unnamed: from.list(|from| Some((KeyId::new(from.text()?), from.store_time()?)))?,
        })
    }
}
