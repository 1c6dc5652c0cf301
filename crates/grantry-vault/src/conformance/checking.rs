//! The words that checks are written with.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use grantry_core::{Clock, Instant, SystemClock};
use tokio::task::JoinSet;

use crate::{
    Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, StoredRecord, Vault, VaultError,
};

/// How long a check waits for what a vault may be slow to do.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// How often a call that found the store unavailable is made again, and after what pause.
const TRIES: usize = 300;
const PAUSE: Duration = Duration::from_millis(10);

/// What a check found.
pub(super) type Checked<T = ()> = Result<T, What>;

/// What a vault did instead of what it promises.
#[derive(Debug)]
pub(super) struct What(String);

impl What {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// Ends a check that found something.
macro_rules! broken {
    ($($what:tt)+) => { return Err($crate::conformance::checking::What::new(format!($($what)+))) };
}
pub(super) use broken;

/// Judges the answer of a call.
pub(super) trait Answer<T> {
    /// It has to be `Ok`.
    fn succeeds(self, call: &str) -> Checked<T>;

    /// It has to be a conflict.
    fn conflicts(self, call: &str) -> Checked;
}

impl<T> Answer<T> for Result<T, VaultError> {
    fn succeeds(self, call: &str) -> Checked<T> {
        self.map_err(|error| What(format!("{call} failed: {error} ({error:?})")))
    }

    fn conflicts(self, call: &str) -> Checked {
        match self {
            Err(VaultError::Conflict) => Ok(()),
            Err(error) => broken!("{call} is not a conflict but: {error} ({error:?})"),
            Ok(_) => broken!("{call} succeeded, and should have been a conflict"),
        }
    }
}

/// A key of the suite.
pub(super) fn key(text: &str) -> Checked<RecordKey> {
    RecordKey::parse(text).map_err(|error| What(format!("the suite itself is wrong, {text:?}: {error}")))
}

/// A record with a text in it.
pub(super) fn sealed(text: impl Into<String>) -> SealedRecord {
    SealedRecord::new(text.into().into_bytes())
}

/// Shows bytes that may be many: their number and the first of them.
pub(super) fn shown(record: &SealedRecord) -> String {
    let bytes = record.as_bytes();
    let head = bytes.get(..bytes.len().min(24)).unwrap_or_default();
    format!("{} bytes \"{}\"", bytes.len(), head.escape_ascii())
}

/// Creates a record that is not there yet.
pub(super) async fn create(vault: &dyn Vault, key: &RecordKey, record: SealedRecord) -> Checked<Revision> {
    let created = patiently(|| vault.store(key, record.clone(), Precondition::Absent)).await;
    created.succeeds(&format!("creating {key:?}"))
}

/// Replaces a record by its current revision.
pub(super) async fn replace(
    vault: &dyn Vault,
    key: &RecordKey,
    record: SealedRecord,
    revision: &Revision,
) -> Checked<Revision> {
    let when = Precondition::Matches(revision.clone());
    let replaced = patiently(|| vault.store(key, record.clone(), when.clone())).await;
    replaced.succeeds(&format!("replacing {key:?} at its {revision:?}"))
}

/// Removes a record by its current revision.
pub(super) async fn remove(vault: &dyn Vault, key: &RecordKey, revision: &Revision) -> Checked {
    let removed = patiently(|| vault.remove(key, revision)).await;
    removed.succeeds(&format!("removing {key:?} at its {revision:?}"))
}

/// Loads a record, if it is there.
pub(super) async fn load(vault: &dyn Vault, key: &RecordKey) -> Checked<Option<StoredRecord>> {
    patiently(|| vault.load(key)).await.succeeds(&format!("loading {key:?}"))
}

/// Loads a record that is there.
pub(super) async fn load_existing(vault: &dyn Vault, key: &RecordKey) -> Checked<StoredRecord> {
    match load(vault, key).await? {
        Some(stored) => Ok(stored),
        None => broken!("{key:?} was stored and is not there"),
    }
}

/// The record under the key has to be this one, with this revision.
pub(super) async fn is_stored(
    vault: &dyn Vault,
    key: &RecordKey,
    record: &SealedRecord,
    revision: &Revision,
) -> Checked {
    let stored = load_existing(vault, key).await?;
    if stored.sealed != *record {
        broken!("{key:?} has {} where {} were stored", shown(&stored.sealed), shown(record));
    }
    if stored.revision != *revision {
        broken!("{key:?} has {:?} where its last write returned {revision:?}", stored.revision);
    }
    Ok(())
}

/// There has to be no record under the key.
pub(super) async fn is_absent(vault: &dyn Vault, key: &RecordKey) -> Checked {
    match load(vault, key).await? {
        None => Ok(()),
        Some(stored) => broken!("{key:?} is there with {} and should not be", shown(&stored.sealed)),
    }
}

/// One page of a listing.
pub(super) async fn page(
    vault: &dyn Vault,
    prefix: &RecordPrefix,
    after: Option<&RecordKey>,
    limit: usize,
) -> Checked<Page> {
    let page = patiently(|| vault.list(prefix, after, limit)).await;
    let page = page.succeeds(&format!("listing {prefix:?} after {after:?} with limit {limit}"))?;
    if page.records.len() > limit {
        broken!("{prefix:?} after {after:?} with limit {limit} gave {} records", page.records.len());
    }
    if page.records.is_empty() && page.more {
        broken!("{prefix:?} after {after:?} with limit {limit} gave an empty page that has more behind it");
    }
    Ok(page)
}

/// Every record of a listing, page by page. The keys have to rise, or it might never end.
pub(super) async fn whole_listing(
    vault: &dyn Vault,
    prefix: &RecordPrefix,
    limit: usize,
) -> Checked<Vec<(RecordKey, StoredRecord)>> {
    let mut all: Vec<(RecordKey, StoredRecord)> = Vec::new();
    loop {
        let after = all.last().map(|(key, _)| key.clone());
        let page = page(vault, prefix, after.as_ref(), limit).await?;
        for (key, stored) in page.records {
            if let Some((last, _)) = all.last()
                && *last >= key
            {
                broken!("{prefix:?} with limit {limit} gave {key:?} after {last:?}");
            }
            all.push((key, stored));
        }
        if !page.more {
            return Ok(all);
        }
        step_aside(all.len()).await;
    }
}

/// The same for the keys alone.
pub(super) async fn listed_keys(
    vault: &dyn Vault,
    prefix: &RecordPrefix,
    limit: usize,
) -> Checked<Vec<RecordKey>> {
    Ok(whole_listing(vault, prefix, limit).await?.into_iter().map(|(key, _)| key).collect())
}

/// Makes a call again while the store is too busy for it: that breaks no promise, since nothing was written.
pub(super) async fn patiently<T, F>(call: impl Fn() -> F) -> Result<T, VaultError>
where
    F: Future<Output = Result<T, VaultError>>,
{
    for _ in 1..TRIES {
        match call().await {
            Err(VaultError::Unavailable(_)) => tokio::time::sleep(PAUSE).await,
            answer => return answer,
        }
    }
    call().await
}

/// Where callers wait for each other, awake: they begin in the same microsecond on as many threads as there are.
#[derive(Debug)]
pub(super) struct StartLine {
    missing: AtomicUsize,
}

impl StartLine {
    pub(super) fn of(callers: usize) -> Arc<Self> {
        Arc::new(Self { missing: AtomicUsize::new(callers) })
    }

    /// Waits for the last. Each caller calls it once.
    pub(super) async fn wait(&self) {
        self.missing.fetch_sub(1, Ordering::AcqRel);
        while self.missing.load(Ordering::Acquire) > 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// Whether to race once more: for a fifth of a second, since on a fast store two calls meet seldom.
#[derive(Debug)]
pub(super) struct Repetition {
    clock: SystemClock,
    end: Instant,
}

impl Repetition {
    pub(super) fn begin() -> Self {
        let clock = SystemClock::new();
        Self { end: clock.now().after(Duration::from_millis(200)), clock }
    }

    /// Always for the first `least` rounds.
    pub(super) fn goes_on(&self, round: usize, least: usize) -> bool {
        round < least || self.clock.now() < self.end
    }
}

/// Lets other tasks go on, one to three times: by turns of equal length two tasks would always meet at the same step.
pub(super) async fn step_aside(nth: usize) {
    for _ in 0..=nth * 7 / 3 % 3 {
        tokio::task::yield_now().await;
    }
}

/// Runs tasks at the same time and returns what they found, in no order. The first that fails ends the others.
pub(super) async fn together<T: Send + 'static>(
    tasks: impl IntoIterator<Item = impl Future<Output = Checked<T>> + Send + 'static>,
) -> Checked<Vec<T>> {
    let mut running = JoinSet::new();
    for task in tasks {
        running.spawn(task);
    }
    let mut found = Vec::with_capacity(running.len());
    while let Some(ended) = running.join_next().await {
        found.push(ended.map_err(|error| What(format!("a call of the vault panicked: {error}")))??);
    }
    Ok(found)
}
