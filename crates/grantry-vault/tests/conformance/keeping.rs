//! Flaws of what is kept: bytes, keys, what other handles see, what outlives them.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use async_trait::async_trait;
use grantry_core::StoreTime;
use grantry_vault::conformance::Subject;
use grantry_vault::{
    MemoryVault, Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, StoredRecord, Vault,
    VaultError,
};
use tokio::task::yield_now;

use crate::flawed::{Flaw, Flawed, None as Flawless, Row, apart, overwrite, shared, subject};

pub(crate) fn cases() -> Vec<Row> {
    vec![
        ("an_absent_record_loads_as_none", "nothing is an empty record", shared::<NothingIsEmpty>),
        ("bytes_come_back_unchanged", "ends at the first NUL", || {
            kept(|bytes| bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec())
        }),
        ("bytes_come_back_unchanged", "loses spaces at the ends", || {
            kept(|bytes| bytes.trim_ascii().to_vec())
        }),
        ("bytes_come_back_unchanged", "takes it for text", || {
            kept(|bytes| String::from_utf8_lossy(&bytes).into_owned().into_bytes())
        }),
        ("bytes_come_back_unchanged", "keeps 64 KiB", || {
            kept(|bytes| bytes.into_iter().take(65_535).collect())
        }),
        ("bytes_come_back_unchanged", "no bytes are no record", shared::<EmptyIsNothing>),
        ("a_record_that_is_too_long_is_refused", "cuts it off", || long(Long::CutOff)),
        ("a_record_that_is_too_long_is_refused", "refuses it after writing", || long(Long::WrittenFirst)),
        ("a_record_that_is_too_long_is_refused", "says that it is not reachable", || long(Long::Unavailable)),
        ("every_valid_key_works", "refuses colons", shared::<RefusesColons>),
        ("every_valid_key_works", "has room for 255 bytes", shared::<ShortKeys>),
        ("every_valid_key_works", "folds case", || called(str::to_ascii_lowercase)),
        ("keys_that_differ_in_one_byte_are_different_records", "folds case", || {
            called(str::to_ascii_lowercase)
        }),
        ("keys_that_differ_in_one_byte_are_different_records", "composes letters", || {
            called(|key| key.replace("e\u{301}", "\u{e9}"))
        }),
        ("keys_that_differ_in_one_byte_are_different_records", "trims", || {
            called(|key| key.trim_end().into())
        }),
        ("keys_that_differ_in_one_byte_are_different_records", "has room for 254 bytes", || {
            called(|key| key.chars().take("acme/grant/crm/".len() + 254).collect())
        }),
        ("keys_that_differ_in_one_byte_are_different_records", "joins slashes", || {
            called(|key| key.replace("//", "/"))
        }),
        ("a_finished_write_is_loaded_through_every_handle", "remembers what it loaded", apart::<StaleLoads>),
        ("a_read_never_falls_behind_a_finished_write", "remembers what it loaded", apart::<StaleLoads>),
        ("a_finished_write_is_loaded_through_every_handle", "remembers absence", apart::<StaleAbsence>),
        ("a_finished_write_is_listed_through_every_handle", "remembers what it listed", apart::<StaleLists>),
        ("a_read_never_falls_behind_a_finished_write", "joins a reading in flight", apart::<JoinsReadings>),
        ("readers_never_see_half_a_record", "writes in two steps", shared::<TwoSteps>),
        ("readers_never_see_half_a_record", "reads in two steps", shared::<TwoReadings>),
        ("many_callers_at_once_are_all_served", "mixes answers up", shared::<OneSlot>),
        ("many_callers_at_once_are_all_served", "serves a hundred", shared::<ServesAHundred>),
        ("what_was_written_outlives_its_handles", "is empty when reopened", reopened_empty),
        ("what_was_written_outlives_its_handles", "forgets removals", || shared::<ForgetsRemovals>()),
        ("revisions_never_repeat_over_reopening", "counts from one when reopened", counts_since_opening),
    ]
}

#[derive(Debug, Default)]
struct NothingIsEmpty;

#[async_trait]
impl Flaw for NothingIsEmpty {
    async fn load(&self, inner: &MemoryVault, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        let read_at = inner.now().await?;
        let nothing = StoredRecord { sealed: SealedRecord::new(""), revision: Revision::number(0), read_at };
        Ok(inner.load(key).await?.or(Some(nothing)))
    }
}

#[derive(Debug, Default)]
struct EmptyIsNothing;

#[async_trait]
impl Flaw for EmptyIsNothing {
    async fn load(&self, inner: &MemoryVault, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        Ok(inner.load(key).await?.filter(|stored| !stored.sealed.as_bytes().is_empty()))
    }
}

/// Changes the bytes that it keeps.
#[derive(Debug)]
struct Kept(fn(Vec<u8>) -> Vec<u8>);

fn kept(change: fn(Vec<u8>) -> Vec<u8>) -> Subject {
    subject(move |_| Kept(change))
}

#[async_trait]
impl Flaw for Kept {
    async fn store(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        inner.store(key, SealedRecord::new((self.0)(record.into_bytes().to_vec())), when).await
    }
}

/// What becomes of a record that is too long.
#[derive(Debug, Clone, Copy)]
enum Long {
    CutOff,
    WrittenFirst,
    Unavailable,
}

fn long(how: Long) -> Subject {
    subject(move |_| how)
}

#[async_trait]
impl Flaw for Long {
    async fn store(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        let bytes = record.into_bytes();
        let fits = bytes.slice(..bytes.len().min(SealedRecord::MOST_BYTES));
        let is_long = fits.len() < bytes.len();
        match self {
            Self::Unavailable if is_long => Err(VaultError::unavailable("the connection was closed")),
            Self::WrittenFirst if is_long => {
                inner.store(key, SealedRecord::new(fits), when).await?;
                Err(VaultError::refused("the record is too long"))
            }
            _ => inner.store(key, SealedRecord::new(fits), when).await,
        }
    }
}

macro_rules! refuses_keys {
    ($name:ident, |$key:ident| $refused:expr) => {
        #[derive(Debug, Default)]
        struct $name;

        #[async_trait]
        impl Flaw for $name {
            async fn store(
                &self,
                inner: &MemoryVault,
                $key: &RecordKey,
                record: SealedRecord,
                when: Precondition,
            ) -> Result<Revision, VaultError> {
                if $refused {
                    return Err(VaultError::refused("no such name is possible"));
                }
                inner.store($key, record, when).await
            }
        }
    };
}

refuses_keys!(RefusesColons, |key| key.as_str().contains(':'));
refuses_keys!(ShortKeys, |key| key.as_str().len() > 255);

/// Calls records otherwise than it was told to.
#[derive(Debug)]
struct Called(fn(&str) -> String);

fn called(name: fn(&str) -> String) -> Subject {
    subject(move |_| Called(name))
}

impl Called {
    fn name(&self, key: &RecordKey) -> RecordKey {
        RecordKey::parse(&(self.0)(key.as_str())).unwrap_or_else(|_| key.clone())
    }
}

#[async_trait]
impl Flaw for Called {
    async fn load(&self, inner: &MemoryVault, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        inner.load(&self.name(key)).await
    }
    async fn store(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        inner.store(&self.name(key), record, when).await
    }
    async fn remove(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        revision: &Revision,
    ) -> Result<(), VaultError> {
        inner.remove(&self.name(key), revision).await
    }
}

/// A cache of what was found, which only this handle's own writes empty.
#[derive(Debug, Default)]
struct StaleLoads(Mutex<HashMap<RecordKey, StoredRecord>>);

#[async_trait]
impl Flaw for StaleLoads {
    async fn load(&self, inner: &MemoryVault, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        if let Some(known) = self.0.lock().unwrap().get(key) {
            return Ok(Some(known.clone()));
        }
        let found = inner.load(key).await?;
        self.0.lock().unwrap().extend(found.clone().map(|found| (key.clone(), found)));
        Ok(found)
    }
    async fn store(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        self.0.lock().unwrap().remove(key);
        inner.store(key, record, when).await
    }
    async fn remove(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        revision: &Revision,
    ) -> Result<(), VaultError> {
        self.0.lock().unwrap().remove(key);
        inner.remove(key, revision).await
    }
}

/// A cache of what was not found.
#[derive(Debug, Default)]
struct StaleAbsence(Mutex<HashMap<RecordKey, ()>>);

#[async_trait]
impl Flaw for StaleAbsence {
    async fn load(&self, inner: &MemoryVault, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        if self.0.lock().unwrap().contains_key(key) {
            return Ok(None);
        }
        let found = inner.load(key).await?;
        if found.is_none() {
            self.0.lock().unwrap().insert(key.clone(), ());
        }
        Ok(found)
    }
    async fn store(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        self.0.lock().unwrap().remove(key);
        inner.store(key, record, when).await
    }
}

#[derive(Debug, Default)]
struct StaleLists(Mutex<Option<Page>>);

#[async_trait]
impl Flaw for StaleLists {
    async fn store(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        *self.0.lock().unwrap() = None;
        inner.store(key, record, when).await
    }
    async fn list(
        &self,
        inner: &MemoryVault,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        if let (Some(page), None) = (self.0.lock().unwrap().as_ref(), after) {
            return Ok(page.clone());
        }
        let page = inner.list(prefix, after, limit).await?;
        *self.0.lock().unwrap() = Some(page.clone());
        Ok(page)
    }
}

/// Who reads while another does gets what that one found.
#[derive(Debug, Default)]
struct JoinsReadings(Mutex<Option<StoredRecord>>);

#[async_trait]
impl Flaw for JoinsReadings {
    async fn load(&self, inner: &MemoryVault, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        if let Some(found) = self.0.lock().unwrap().as_ref() {
            return Ok(Some(found.clone()));
        }
        let found = inner.load(key).await?;
        self.0.lock().unwrap().clone_from(&found);
        for _ in 0..3 {
            yield_now().await;
        }
        *self.0.lock().unwrap() = None;
        Ok(found)
    }
}

/// Writes a half of the bytes, then the whole.
#[derive(Debug, Default)]
struct TwoSteps;

#[async_trait]
impl Flaw for TwoSteps {
    async fn store(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        let mut half = record.as_bytes().to_vec();
        if let Some(before) = inner.load(key).await? {
            let start = half.len() / 2;
            let rest = before.sealed.as_bytes().get(start..).unwrap_or_default();
            half.truncate(start);
            half.extend(rest);
        }
        inner.store(key, SealedRecord::new(half), when).await?;
        yield_now().await;
        overwrite(inner, key, record).await
    }
}

/// Reads the revision, then the bytes.
#[derive(Debug, Default)]
struct TwoReadings;

#[async_trait]
impl Flaw for TwoReadings {
    async fn load(&self, inner: &MemoryVault, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        let Some(before) = inner.load(key).await? else { return Ok(None) };
        yield_now().await;
        let now = inner.load(key).await?;
        Ok(now.map(|now| StoredRecord { revision: before.revision, ..now }))
    }
}

/// One place for the answers of all callers.
#[derive(Debug, Default)]
struct OneSlot(Mutex<Option<StoredRecord>>);

#[async_trait]
impl Flaw for OneSlot {
    async fn load(&self, inner: &MemoryVault, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        let found = inner.load(key).await?;
        *self.0.lock().unwrap() = found;
        yield_now().await;
        Ok(self.0.lock().unwrap().clone())
    }
}

#[derive(Debug, Default)]
struct ServesAHundred(AtomicUsize);

#[async_trait]
impl Flaw for ServesAHundred {
    async fn load(&self, inner: &MemoryVault, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        yield_now().await;
        self.0.fetch_sub(1, Ordering::Relaxed);
        if before >= 100 {
            return Err(VaultError::refused("too many connections"));
        }
        inner.load(key).await
    }
}

fn reopened_empty() -> Subject {
    Subject::new(MemoryVault::new()).reopened_by(async || Flawed::new(MemoryVault::new(), Flawless))
}

/// Brings back what was removed once somebody looks at an absent record: as if the removal were not written down.
#[derive(Debug, Default)]
struct ForgetsRemovals(Mutex<Option<SealedRecord>>);

#[async_trait]
impl Flaw for ForgetsRemovals {
    async fn load(&self, inner: &MemoryVault, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        let removed = self.0.lock().unwrap().take();
        if let Some(removed) = removed {
            inner.store(key, removed, Precondition::Absent).await?;
        }
        inner.load(key).await
    }
    async fn remove(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        revision: &Revision,
    ) -> Result<(), VaultError> {
        let stored = inner.load(key).await?;
        inner.remove(key, revision).await?;
        *self.0.lock().unwrap() = stored.map(|stored| stored.sealed);
        Ok(())
    }
}

/// Numbers writes since the store was opened. What it gave is kept with the records.
#[derive(Debug)]
struct CountsSinceOpening {
    given: std::sync::Arc<Mutex<HashMap<RecordKey, u64>>>,
    writes: AtomicU64,
}

fn counts_since_opening() -> Subject {
    let given = std::sync::Arc::default();
    subject(move |_| CountsSinceOpening { given: std::sync::Arc::clone(&given), writes: AtomicU64::new(0) })
}

impl CountsSinceOpening {
    fn given(&self, key: &RecordKey) -> Revision {
        Revision::number(self.given.lock().unwrap().get(key).copied().unwrap_or_default())
    }
}

#[async_trait]
impl Flaw for CountsSinceOpening {
    async fn load(&self, inner: &MemoryVault, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        let found = inner.load(key).await?;
        Ok(found.map(|found| StoredRecord { revision: self.given(key), ..found }))
    }
    async fn store(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        match when {
            Precondition::Absent => inner.store(key, record, when).await?,
            Precondition::Matches(revision) if revision == self.given(key) => {
                overwrite(inner, key, record).await?
            }
            Precondition::Matches(_) => return Err(VaultError::Conflict),
        };
        let next = self.writes.fetch_add(1, Ordering::Relaxed) + 1;
        self.given.lock().unwrap().insert(key.clone(), next);
        Ok(Revision::number(next))
    }
    async fn remove(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        revision: &Revision,
    ) -> Result<(), VaultError> {
        if *revision != self.given(key) {
            return Err(VaultError::Conflict);
        }
        crate::flawed::remove_any(inner, key).await
    }
    async fn now(&self, inner: &MemoryVault) -> Result<StoreTime, VaultError> {
        inner.now().await
    }
}
