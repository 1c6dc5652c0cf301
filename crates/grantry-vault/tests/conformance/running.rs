//! Flaws of clocks, of hints, and of calls that somebody gives up.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::StoreTime;
use grantry_vault::conformance::Subject;
use grantry_vault::{
    ChangeHint, ChangeHints, MemoryVault, Page, Precondition, RecordKey, RecordPrefix, Revision,
    SealedRecord, StoredRecord, Vault, VaultError, Watch,
};
use tokio::task::yield_now;

use crate::flawed::{Flaw, Row, apart, overwrite, shared, subject};

pub(crate) fn cases() -> Vec<Row> {
    vec![
        ("the_clock_never_runs_backwards", "a clock for each handle", || {
            timed(|nth, time| if nth == 1 { earlier(time) } else { time })
        }),
        ("the_clock_never_runs_backwards", "records are as old as their writing", shared::<ReadAtWriting>),
        ("the_clock_never_runs_backwards", "records know no time", shared::<ReadAtZero>),
        ("the_clock_never_runs_backwards", "a listing knows another time", shared::<ListedEarlier>),
        ("the_clock_never_runs_backwards", "steps back now and then", shared::<StepsBack>),
        ("the_clock_counts_nanoseconds", "stands", || timed(|_, _| StoreTime::from_nanos(7))),
        ("the_clock_counts_nanoseconds", "counts microseconds", || {
            timed(|_, time| StoreTime::from_nanos(time.as_nanos() / 1000))
        }),
        ("the_clock_counts_nanoseconds", "runs a thousand times as fast", || {
            timed(|_, time| StoreTime::from_nanos(time.as_nanos() * 1000))
        }),
        ("the_clock_never_runs_backwards_over_reopening", "begins anew when opened", || {
            timed(|nth, time| if nth > 1 { earlier(time) } else { time })
        }),
        ("a_dropped_write_leaves_a_whole_record", "writes in two steps", shared::<HalfFirst>),
        ("a_dropped_write_leaves_a_whole_record", "keeps the key locked", shared::<StaysLocked>),
        (
            "a_dropped_write_leaves_a_whole_record",
            "leaves its answer to the next caller",
            apart::<LeavesItsAnswer>,
        ),
        ("a_dropped_removal_leaves_the_record_or_nothing", "empties it first", shared::<EmptiesFirst>),
        ("a_dropped_removal_leaves_the_record_or_nothing", "keeps the key locked", shared::<StaysLocked>),
        ("a_caller_that_stands_still_holds_nobody_up", "holds a lock over a call", shared::<HoldsALock>),
        ("a_write_is_hinted", "hints removals alone", shared::<HintsRemovals>),
        ("a_write_is_hinted", "hints what others write", hints_others),
        ("a_write_through_another_handle_is_hinted", "hints its own writes", apart::<HintsOwnWrites>),
        ("a_removal_is_hinted", "hints writes alone", shared::<HintsWrites>),
        ("a_hint_registered_before_a_write_is_not_lost", "registers when it is polled", shared::<LazyHints>),
    ]
}

fn earlier(time: StoreTime) -> StoreTime {
    StoreTime::from_nanos(time.as_nanos() - 3_600_000_000_000)
}

/// Reads the clock otherwise, by the number of the handle.
#[derive(Debug)]
struct Timed {
    nth: usize,
    read: fn(usize, StoreTime) -> StoreTime,
}

fn timed(read: fn(usize, StoreTime) -> StoreTime) -> Subject {
    subject(move |nth| Timed { nth, read })
}

#[async_trait]
impl Flaw for Timed {
    async fn load(&self, inner: &MemoryVault, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        let found = inner.load(key).await?;
        Ok(found.map(|found| StoredRecord { read_at: (self.read)(self.nth, found.read_at), ..found }))
    }
    async fn now(&self, inner: &MemoryVault) -> Result<StoreTime, VaultError> {
        Ok((self.read)(self.nth, inner.now().await?))
    }
}

#[derive(Debug, Default)]
struct ReadAtWriting(AtomicU64);

#[async_trait]
impl Flaw for ReadAtWriting {
    async fn load(&self, inner: &MemoryVault, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        let read_at = StoreTime::from_nanos(self.0.load(Ordering::Relaxed));
        Ok(inner.load(key).await?.map(|found| StoredRecord { read_at, ..found }))
    }
    async fn store(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        self.0.store(inner.now().await?.as_nanos(), Ordering::Relaxed);
        let revision = inner.store(key, record, when).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        revision
    }
}

#[derive(Debug, Default)]
struct ReadAtZero;

#[async_trait]
impl Flaw for ReadAtZero {
    async fn load(&self, inner: &MemoryVault, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        let read_at = StoreTime::from_nanos(0);
        Ok(inner.load(key).await?.map(|found| StoredRecord { read_at, ..found }))
    }
}

#[derive(Debug, Default)]
struct ListedEarlier;

#[async_trait]
impl Flaw for ListedEarlier {
    async fn list(
        &self,
        inner: &MemoryVault,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        let mut page = inner.list(prefix, after, limit).await?;
        page.records.iter_mut().for_each(|(_, record)| record.read_at = earlier(record.read_at));
        Ok(page)
    }
}

#[derive(Debug, Default)]
struct StepsBack(AtomicU64);

#[async_trait]
impl Flaw for StepsBack {
    async fn now(&self, inner: &MemoryVault) -> Result<StoreTime, VaultError> {
        let calls = self.0.fetch_add(1, Ordering::Relaxed);
        let now = inner.now().await?;
        Ok(if calls % 20 == 19 { earlier(now) } else { now })
    }
}

/// Writes a half, then the whole: whoever gives up in between leaves the half.
#[derive(Debug, Default)]
struct HalfFirst;

#[async_trait]
impl Flaw for HalfFirst {
    async fn store(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        let half = record.as_bytes().len() / 2;
        inner.store(key, SealedRecord::new(record.clone().into_bytes().slice(..half)), when).await?;
        yield_now().await;
        overwrite(inner, key, record).await
    }
}

/// A mark on the record that somebody writes it, taken away afterwards if somebody still is there to do it.
#[derive(Debug, Default)]
struct StaysLocked(Mutex<std::collections::HashSet<RecordKey>>);

impl StaysLocked {
    async fn enter(&self, key: &RecordKey) -> Result<(), VaultError> {
        if !self.0.lock().unwrap().insert(key.clone()) {
            return Err(VaultError::Conflict);
        }
        yield_now().await;
        Ok(())
    }
    fn leave(&self, key: &RecordKey) {
        self.0.lock().unwrap().remove(key);
    }
}

#[async_trait]
impl Flaw for StaysLocked {
    async fn store(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        self.enter(key).await?;
        let answer = inner.store(key, record, when).await;
        self.leave(key);
        answer
    }
    async fn remove(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        revision: &Revision,
    ) -> Result<(), VaultError> {
        self.enter(key).await?;
        let answer = inner.remove(key, revision).await;
        self.leave(key);
        answer
    }
}

/// A connection on which answers wait in a queue: one that nobody takes is the next caller's.
#[derive(Debug, Default)]
struct LeavesItsAnswer(Mutex<std::collections::VecDeque<Result<Revision, VaultError>>>);

#[async_trait]
impl Flaw for LeavesItsAnswer {
    async fn store(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        let answer = inner.store(key, record, when).await;
        self.0.lock().unwrap().push_back(answer);
        yield_now().await;
        self.0.lock().unwrap().pop_front().unwrap_or(Err(VaultError::Closed))
    }
}

#[derive(Debug, Default)]
struct EmptiesFirst;

#[async_trait]
impl Flaw for EmptiesFirst {
    async fn remove(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        revision: &Revision,
    ) -> Result<(), VaultError> {
        let when = Precondition::Matches(revision.clone());
        let emptied = inner.store(key, SealedRecord::new(""), when).await?;
        yield_now().await;
        inner.remove(key, &emptied).await
    }
}

#[derive(Debug, Default)]
struct HoldsALock(tokio::sync::Mutex<()>);

#[async_trait]
impl Flaw for HoldsALock {
    async fn load(&self, inner: &MemoryVault, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        let _held = self.0.lock().await;
        yield_now().await;
        inner.load(key).await
    }
}

/// Hints of its own, told of writes or of removals.
macro_rules! hints_so {
    ($name:ident, writes: $writes:literal, removals: $removals:literal, |$hints:ident, $key:ident| $registered:expr) => {
        #[derive(Debug, Default)]
        struct $name(std::sync::Arc<ChangeHints>);

        #[async_trait]
        impl Flaw for $name {
            async fn store(
                &self,
                inner: &MemoryVault,
                key: &RecordKey,
                record: SealedRecord,
                when: Precondition,
            ) -> Result<Revision, VaultError> {
                let revision = inner.store(key, record, when).await?;
                if $writes {
                    self.0.tell(key);
                }
                Ok(revision)
            }
            async fn remove(
                &self,
                inner: &MemoryVault,
                key: &RecordKey,
                revision: &Revision,
            ) -> Result<(), VaultError> {
                inner.remove(key, revision).await?;
                if $removals {
                    self.0.tell(key);
                }
                Ok(())
            }
            fn watch<'a>(&'a self, _: &'a MemoryVault) -> Option<&'a dyn Watch> {
                Some(self)
            }
        }

        impl Watch for $name {
            fn next_change(&self, $key: &RecordKey) -> ChangeHint {
                let $hints = &self.0;
                $registered
            }
        }
    };
}

hints_so!(HintsRemovals, writes: false, removals: true, |hints, key| hints.next_change(key));
hints_so!(HintsWrites, writes: true, removals: false, |hints, key| hints.next_change(key));
hints_so!(HintsOwnWrites, writes: true, removals: true, |hints, key| hints.next_change(key));
hints_so!(LazyHints, writes: true, removals: true, |hints, key| {
    let (hints, key) = (std::sync::Arc::clone(hints), key.clone());
    ChangeHint::new(async move { hints.next_change(&key).await })
});

/// Tells the other handle of what this one writes, and nobody else.
#[derive(Debug)]
struct HintsOthers {
    own: std::sync::Arc<ChangeHints>,
    others: std::sync::Arc<ChangeHints>,
}

fn hints_others() -> Subject {
    let hints = [std::sync::Arc::new(ChangeHints::default()), std::sync::Arc::default()];
    subject(move |nth| HintsOthers {
        own: std::sync::Arc::clone(&hints[nth % 2]),
        others: std::sync::Arc::clone(&hints[(nth + 1) % 2]),
    })
}

#[async_trait]
impl Flaw for HintsOthers {
    async fn store(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        let revision = inner.store(key, record, when).await?;
        self.others.tell(key);
        Ok(revision)
    }
    fn watch<'a>(&'a self, _: &'a MemoryVault) -> Option<&'a dyn Watch> {
        Some(&*self.own)
    }
}

/// Panics, or never answers.
#[derive(Debug)]
struct Lost {
    panics: bool,
}

pub(crate) fn panics() -> Subject {
    subject(|_| Lost { panics: true })
}

pub(crate) fn hangs() -> Subject {
    subject(|_| Lost { panics: false })
}

#[async_trait]
impl Flaw for Lost {
    async fn load(&self, _: &MemoryVault, _: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        assert!(!self.panics, "lost");
        std::future::pending().await
    }
}
