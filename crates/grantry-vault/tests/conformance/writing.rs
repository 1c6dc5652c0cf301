//! Flaws of writes: preconditions, revisions, removals, races.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use async_trait::async_trait;
use grantry_vault::{
    MemoryVault, Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, StoredRecord, Vault,
    VaultError,
};
use tokio::task::yield_now;

use crate::flawed::{Flaw, Row, holds, overwrite, remove_any, shared, subject};

pub(crate) fn cases() -> Vec<Row> {
    vec![
        ("creating_what_exists_is_a_conflict", "a creation overwrites", shared::<CreationOverwrites>),
        (
            "creating_what_exists_is_a_conflict",
            "the same bytes again are no conflict",
            shared::<SameIsCreated>,
        ),
        ("replacing_what_is_absent_is_a_conflict", "a replacement creates", shared::<ReplacementCreates>),
        ("a_stale_revision_is_a_conflict", "the last writer wins", shared::<LastWins>),
        (
            "a_stale_revision_is_a_conflict",
            "the revision before the last will do",
            shared::<LastButOneWillDo>,
        ),
        (
            "the_revision_of_another_record_is_a_conflict",
            "any revision of the store will do",
            shared::<AnyGiven>,
        ),
        ("a_revision_of_another_form_is_a_conflict", "a number in a text", || {
            lenient(|text| text.parse().ok())
        }),
        ("a_revision_of_another_form_is_a_conflict", "a star matches anything", || subject(|_| StarMatches)),
        ("a_revision_of_another_form_is_a_conflict", "32 bits of a number", shared::<Narrow>),
        ("a_write_returns_the_revision_that_is_read", "it returns the next one", shared::<ReturnsTheNext>),
        ("each_write_changes_the_revision", "the same bytes are not written", shared::<SkipsTheSame>),
        ("revisions_never_repeat", "the revision is made from the bytes", shared::<FromBytes>),
        ("each_write_changes_the_revision", "the revision is made from the bytes", shared::<FromBytes>),
        (
            "an_old_revision_is_worth_nothing_after_a_removal",
            "the revision is made from the bytes",
            shared::<FromBytes>,
        ),
        ("revisions_never_repeat", "each record counts from one", shared::<CountsForEach>),
        (
            "an_old_revision_is_worth_nothing_after_a_removal",
            "each record counts from one",
            shared::<CountsForEach>,
        ),
        ("removing_needs_the_revision", "it removes whatever is there", shared::<RemovesAnything>),
        ("removing_what_is_absent_is_a_conflict", "nothing to remove is fine", shared::<NothingIsFine>),
        ("what_was_removed_is_gone", "a removed record is still listed", shared::<ListsTheRemoved>),
        ("what_was_removed_is_gone", "a removed record cannot come back", shared::<GoneForGood>),
        ("what_was_removed_is_gone", "it removes what begins with the key", shared::<RemovesTheRest>),
        ("one_winner_of_concurrent_creates", "checks, then writes", shared::<ChecksThenWrites>),
        ("one_winner_of_concurrent_swaps", "checks, then writes", shared::<ChecksThenWrites>),
        ("one_winner_of_concurrent_removals", "checks, then removes", shared::<ChecksThenRemoves>),
        ("one_winner_of_concurrent_creates", "nobody wins a race", shared::<NobodyWins>),
        ("no_increment_is_lost", "checks, then writes", shared::<ChecksThenWrites>),
        ("no_increment_is_lost", "a conflict is told as success", shared::<ConflictIsSuccess>),
    ]
}

macro_rules! stores_so {
    ($name:ident, |$inner:ident, $key:ident, $record:ident, $when:ident| $body:expr) => {
        #[derive(Debug, Default)]
        struct $name;

        #[async_trait]
        impl Flaw for $name {
            async fn store(
                &self,
                $inner: &MemoryVault,
                $key: &RecordKey,
                $record: SealedRecord,
                $when: Precondition,
            ) -> Result<Revision, VaultError> {
                $body
            }
        }
    };
}

macro_rules! removes_so {
    ($name:ident, |$inner:ident, $key:ident, $revision:ident| $body:expr) => {
        #[derive(Debug, Default)]
        struct $name;

        #[async_trait]
        impl Flaw for $name {
            async fn remove(
                &self,
                $inner: &MemoryVault,
                $key: &RecordKey,
                $revision: &Revision,
            ) -> Result<(), VaultError> {
                $body
            }
        }
    };
}

stores_so!(CreationOverwrites, |inner, key, record, when| match when {
    Precondition::Absent => overwrite(inner, key, record).await,
    when => inner.store(key, record, when).await,
});

stores_so!(SameIsCreated, |inner, key, record, when| match inner.load(key).await? {
    Some(stored) if when == Precondition::Absent && stored.sealed == record => Ok(stored.revision),
    _ => inner.store(key, record, when).await,
});

stores_so!(ReplacementCreates, |inner, key, record, when| match inner.load(key).await? {
    None => inner.store(key, record, Precondition::Absent).await,
    Some(_) => inner.store(key, record, when).await,
});

stores_so!(LastWins, |inner, key, record, when| match when {
    Precondition::Matches(_) => overwrite(inner, key, record).await,
    Precondition::Absent => inner.store(key, record, when).await,
});

stores_so!(LastButOneWillDo, |inner, key, record, when| {
    let current = inner.load(key).await?.and_then(|stored| stored.revision.as_number());
    match (&when, current) {
        (Precondition::Matches(revision), Some(current)) if revision.as_number() == Some(current - 1) => {
            overwrite(inner, key, record).await
        }
        _ => inner.store(key, record, when).await,
    }
});

stores_so!(StarMatches, |inner, key, record, when| {
    if when == Precondition::Matches(Revision::text("*")) && inner.load(key).await?.is_some() {
        return overwrite(inner, key, record).await;
    }
    inner.store(key, record, when).await
});

stores_so!(Narrow, |inner, key, record, when| {
    let low = |revision: &Revision| revision.as_number().map(|number| number & 0xffff_ffff);
    match (&when, inner.load(key).await?) {
        (Precondition::Matches(revision), Some(stored)) if low(revision) == low(&stored.revision) => {
            overwrite(inner, key, record).await
        }
        _ => inner.store(key, record, when).await,
    }
});

stores_so!(ReturnsTheNext, |inner, key, record, when| {
    let revision = inner.store(key, record, when).await?;
    Ok(revision.as_number().map_or(revision, |number| Revision::number(number + 1)))
});

stores_so!(SkipsTheSame, |inner, key, record, when| match inner.load(key).await? {
    Some(stored) if when == Precondition::Matches(stored.revision.clone()) && stored.sealed == record =>
        Ok(stored.revision),
    _ => inner.store(key, record, when).await,
});

stores_so!(ChecksThenWrites, |inner, key, record, when| {
    if !holds(inner, key, &when).await? {
        return Err(VaultError::Conflict);
    }
    yield_now().await;
    overwrite(inner, key, record).await
});

stores_so!(NobodyWins, |inner, key, record, when| {
    static WAITING: Mutex<Option<HashMap<RecordKey, usize>>> = Mutex::new(None);
    let waiting = |step: fn(&mut usize)| {
        let mut waiting = WAITING.lock().unwrap();
        let waiting = waiting.get_or_insert_default().entry(key.clone()).or_default();
        step(waiting);
        *waiting
    };
    waiting(|waiting| *waiting += 1);
    yield_now().await;
    let most = waiting(|_| ());
    let answer = if most > 1 { Err(VaultError::Conflict) } else { inner.store(key, record, when).await };
    yield_now().await;
    waiting(|waiting| *waiting -= 1);
    answer
});

stores_so!(ConflictIsSuccess, |inner, key, record, when| match inner.store(key, record, when).await {
    Err(VaultError::Conflict) => Ok(Revision::number(0)),
    answer => answer,
});

removes_so!(RemovesAnything, |inner, key, _revision| remove_any(inner, key).await);

removes_so!(NothingIsFine, |inner, key, revision| match inner.load(key).await? {
    None => Ok(()),
    Some(_) => inner.remove(key, revision).await,
});

removes_so!(ChecksThenRemoves, |inner, key, revision| {
    if !holds(inner, key, &Precondition::Matches(revision.clone())).await? {
        return Err(VaultError::Conflict);
    }
    yield_now().await;
    remove_any(inner, key).await
});

removes_so!(RemovesTheRest, |inner, key, revision| {
    inner.remove(key, revision).await?;
    let page = inner.list(&RecordPrefix::everything(), Some(key), 1000).await?;
    for (other, _) in page.records.iter().filter(|(other, _)| other.as_str().starts_with(key.as_str())) {
        remove_any(inner, other).await?;
    }
    Ok(())
});

/// Reads a number out of a text.
#[derive(Debug)]
struct Lenient(fn(&str) -> Option<u64>);

fn lenient(read: fn(&str) -> Option<u64>) -> grantry_vault::conformance::Subject {
    subject(move |_| Lenient(read))
}

#[async_trait]
impl Flaw for Lenient {
    async fn store(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        let when = match when {
            Precondition::Matches(revision) => Precondition::Matches(
                revision.as_text().and_then(self.0).map_or(revision.clone(), Revision::number),
            ),
            Precondition::Absent => Precondition::Absent,
        };
        inner.store(key, record, when).await
    }
}

/// Asks whether the store ever gave the revision, not to which record.
#[derive(Debug, Default)]
struct AnyGiven(Mutex<HashSet<Revision>>);

#[async_trait]
impl Flaw for AnyGiven {
    async fn store(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        let is_known =
            matches!(&when, Precondition::Matches(given) if self.0.lock().unwrap().contains(given));
        let revision = match inner.load(key).await? {
            Some(_) if is_known => overwrite(inner, key, record).await?,
            _ => inner.store(key, record, when).await?,
        };
        self.0.lock().unwrap().insert(revision.clone());
        Ok(revision)
    }
}

/// Gives revisions of its own for those of the store in memory.
trait Naming {
    fn name(&self, key: &RecordKey, stored: &StoredRecord) -> Revision;
}

async fn unname(
    naming: &impl Naming,
    inner: &MemoryVault,
    key: &RecordKey,
    revision: &Revision,
) -> Result<Revision, VaultError> {
    let stored = inner.load(key).await?.ok_or(VaultError::Conflict)?;
    if naming.name(key, &stored) == *revision { Ok(stored.revision) } else { Err(VaultError::Conflict) }
}

macro_rules! names_revisions {
    ($name:ident, after_writes: $after_write:expr) => {
        #[async_trait]
        impl Flaw for $name {
            async fn load(
                &self,
                inner: &MemoryVault,
                key: &RecordKey,
            ) -> Result<Option<StoredRecord>, VaultError> {
                let stored = inner.load(key).await?;
                Ok(stored.map(|stored| StoredRecord { revision: self.name(key, &stored), ..stored }))
            }
            async fn store(
                &self,
                inner: &MemoryVault,
                key: &RecordKey,
                record: SealedRecord,
                when: Precondition,
            ) -> Result<Revision, VaultError> {
                let when = match when {
                    Precondition::Matches(revision) => {
                        Precondition::Matches(unname(self, inner, key, &revision).await?)
                    }
                    Precondition::Absent => Precondition::Absent,
                };
                let is_new = when == Precondition::Absent;
                inner.store(key, record, when).await?;
                ($after_write)(self, key, is_new);
                let stored = inner.load(key).await?.ok_or(VaultError::Conflict)?;
                Ok(self.name(key, &stored))
            }
            async fn remove(
                &self,
                inner: &MemoryVault,
                key: &RecordKey,
                revision: &Revision,
            ) -> Result<(), VaultError> {
                inner.remove(key, &unname(self, inner, key, revision).await?).await
            }
            async fn list(
                &self,
                inner: &MemoryVault,
                prefix: &RecordPrefix,
                after: Option<&RecordKey>,
                limit: usize,
            ) -> Result<Page, VaultError> {
                let mut page = inner.list(prefix, after, limit).await?;
                for (key, stored) in &mut page.records {
                    stored.revision = self.name(key, stored);
                }
                Ok(page)
            }
        }
    };
}

#[derive(Debug, Default)]
struct FromBytes;

impl Naming for FromBytes {
    fn name(&self, _: &RecordKey, stored: &StoredRecord) -> Revision {
        Revision::text(format!("\"{}\"", stored.sealed.as_bytes().escape_ascii()))
    }
}

names_revisions!(FromBytes, after_writes: |_: &FromBytes, _: &RecordKey, _: bool| ());

#[derive(Debug, Default)]
struct CountsForEach(Mutex<HashMap<RecordKey, u64>>);

impl Naming for CountsForEach {
    fn name(&self, key: &RecordKey, _: &StoredRecord) -> Revision {
        Revision::number(self.0.lock().unwrap().get(key).copied().unwrap_or_default())
    }
}

names_revisions!(CountsForEach, after_writes: |counts: &CountsForEach, key: &RecordKey, is_new: bool| {
    let mut counts = counts.0.lock().unwrap();
    let count = counts.entry(key.clone()).or_default();
    *count = if is_new { 1 } else { *count + 1 };
});

/// Remembers what was removed, and goes on with it.
#[derive(Debug, Default)]
struct ListsTheRemoved(Mutex<Vec<(RecordKey, StoredRecord)>>);

#[async_trait]
impl Flaw for ListsTheRemoved {
    async fn remove(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        revision: &Revision,
    ) -> Result<(), VaultError> {
        let stored = inner.load(key).await?;
        inner.remove(key, revision).await?;
        self.0.lock().unwrap().extend(stored.map(|stored| (key.clone(), stored)));
        Ok(())
    }
    async fn list(
        &self,
        inner: &MemoryVault,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        let mut page = inner.list(prefix, after, limit).await?;
        page.records.extend(self.0.lock().unwrap().iter().cloned());
        page.records.sort_by(|(one, _), (other, _)| one.cmp(other));
        page.records.dedup_by(|(one, _), (other, _)| one == other);
        Ok(page)
    }
}

#[derive(Debug, Default)]
struct GoneForGood(Mutex<HashSet<RecordKey>>);

#[async_trait]
impl Flaw for GoneForGood {
    async fn store(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        if self.0.lock().unwrap().contains(key) {
            return Err(VaultError::Conflict);
        }
        inner.store(key, record, when).await
    }
    async fn remove(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        revision: &Revision,
    ) -> Result<(), VaultError> {
        inner.remove(key, revision).await?;
        self.0.lock().unwrap().insert(key.clone());
        Ok(())
    }
}
