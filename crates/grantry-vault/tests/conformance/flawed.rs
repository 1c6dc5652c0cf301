//! The vault in memory with something wrong.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{Clock, CoarseReading, Instant, StoreTime, SystemClock, Timestamp};
use grantry_vault::conformance::Subject;
use grantry_vault::{
    MemoryVault, Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, StoredRecord, Vault,
    VaultError, Watch,
};

/// What is wrong: the calls that are done otherwise. The others are those of the vault in memory.
#[async_trait]
pub(crate) trait Flaw: fmt::Debug + Send + Sync + 'static {
    async fn load(&self, inner: &MemoryVault, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        inner.load(key).await
    }
    async fn store(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        inner.store(key, record, when).await
    }
    async fn remove(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        revision: &Revision,
    ) -> Result<(), VaultError> {
        inner.remove(key, revision).await
    }
    async fn list(
        &self,
        inner: &MemoryVault,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        inner.list(prefix, after, limit).await
    }
    async fn now(&self, inner: &MemoryVault) -> Result<StoreTime, VaultError> {
        inner.now().await
    }
    fn watch<'a>(&'a self, inner: &'a MemoryVault) -> Option<&'a dyn Watch> {
        inner.watch()
    }
}

/// Nothing is wrong.
#[derive(Debug)]
pub(crate) struct None;

impl Flaw for None {}

/// A handle of a store in memory, with a flaw.
#[derive(Debug)]
pub(crate) struct Flawed<F> {
    inner: MemoryVault,
    flaw: F,
}

impl<F> Flawed<F> {
    pub(crate) fn new(inner: MemoryVault, flaw: F) -> Self {
        Self { inner, flaw }
    }
}

#[async_trait]
impl<F: Flaw> Vault for Flawed<F> {
    async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        self.flaw.load(&self.inner, key).await
    }
    async fn store(
        &self,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        self.flaw.store(&self.inner, key, record, when).await
    }
    async fn remove(&self, key: &RecordKey, revision: &Revision) -> Result<(), VaultError> {
        self.flaw.remove(&self.inner, key, revision).await
    }
    async fn list(
        &self,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        self.flaw.list(&self.inner, prefix, after, limit).await
    }
    async fn now(&self) -> Result<StoreTime, VaultError> {
        self.flaw.now(&self.inner).await
    }
    fn watch(&self) -> Option<&dyn Watch> {
        self.flaw.watch(&self.inner)
    }
}

/// A row of the table of cases: the promise that is broken, what the flaw is, a vault that has it.
pub(crate) type Row = (&'static str, &'static str, fn() -> Subject);

/// A store with two handles, which can be opened again; the flaw of each is made from its number: 0 and 1 are the
/// first two handles, the others are opened later.
pub(crate) fn subject<F: Flaw>(flaw_of: impl Fn(usize) -> F + 'static) -> Subject {
    let inner = MemoryVault::with_clock(TokioClock::new());
    let (first, second) = (Flawed::new(inner.clone(), flaw_of(0)), Flawed::new(inner.clone(), flaw_of(1)));
    let opened = Mutex::new(1);
    Subject::new(first).with_second_handle(second).reopened_by(async move || {
        let mut opened = opened.lock().unwrap();
        *opened += 1;
        Flawed::new(inner.clone(), flaw_of(*opened))
    })
}

/// The same where every handle has the same flaw, with its state.
pub(crate) fn shared<F: Flaw + Default>() -> Subject {
    let flaw = Arc::new(F::default());
    subject(move |_| Arc::clone(&flaw))
}

/// The same where each handle has a state of its own.
pub(crate) fn apart<F: Flaw + Default>() -> Subject {
    subject(|_| F::default())
}

#[async_trait]
impl<F: Flaw> Flaw for Arc<F> {
    async fn load(&self, inner: &MemoryVault, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        (**self).load(inner, key).await
    }
    async fn store(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        (**self).store(inner, key, record, when).await
    }
    async fn remove(
        &self,
        inner: &MemoryVault,
        key: &RecordKey,
        revision: &Revision,
    ) -> Result<(), VaultError> {
        (**self).remove(inner, key, revision).await
    }
    async fn list(
        &self,
        inner: &MemoryVault,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        (**self).list(inner, prefix, after, limit).await
    }
    async fn now(&self, inner: &MemoryVault) -> Result<StoreTime, VaultError> {
        (**self).now(inner).await
    }
    fn watch<'a>(&'a self, inner: &'a MemoryVault) -> Option<&'a dyn Watch> {
        (**self).watch(inner)
    }
}

/// One thread and paused time: the flaws show without luck, and waiting in vain takes no time.
pub(crate) fn in_paused_time<T>(run: impl AsyncFnOnce() -> T) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(run())
}

/// Writes whatever is there now: the blind overwrite that no backend may have.
pub(crate) async fn overwrite(
    inner: &MemoryVault,
    key: &RecordKey,
    record: SealedRecord,
) -> Result<Revision, VaultError> {
    let when = match inner.load(key).await? {
        Some(stored) => Precondition::Matches(stored.revision),
        Option::None => Precondition::Absent,
    };
    inner.store(key, record, when).await
}

/// Removes whatever is there now.
pub(crate) async fn remove_any(inner: &MemoryVault, key: &RecordKey) -> Result<(), VaultError> {
    match inner.load(key).await? {
        Some(stored) => inner.remove(key, &stored.revision).await,
        Option::None => Ok(()),
    }
}

/// Whether the precondition holds, as somebody finds who then takes his time.
pub(crate) async fn holds(
    inner: &MemoryVault,
    key: &RecordKey,
    when: &Precondition,
) -> Result<bool, VaultError> {
    let revision = inner.load(key).await?.map(|stored| stored.revision);
    Ok(match when {
        Precondition::Absent => revision.is_none(),
        Precondition::Matches(expected) => revision.as_ref() == Some(expected),
    })
}

/// Follows the timers of tokio, which paused time moves on.
#[derive(Debug)]
struct TokioClock {
    began: tokio::time::Instant,
    system: SystemClock,
}

impl TokioClock {
    #[allow(clippy::disallowed_methods, reason = "tokio's clock is the one that it follows")]
    fn new() -> Self {
        Self { began: tokio::time::Instant::now(), system: SystemClock::new() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Instant {
        // Hours from zero, so that a flaw can go back by some.
        Instant::from_nanos(0).after(Duration::from_secs(36_000) + self.began.elapsed())
    }
    fn wall(&self) -> Timestamp {
        self.system.wall()
    }
    fn coarse(&self) -> CoarseReading {
        self.system.coarse()
    }
}
