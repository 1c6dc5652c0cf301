//! Futures that are dropped, or not polled any more.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::{Precondition, RecordKey, Revision, SealedRecord, Vault, VaultError};

use super::Subject;
use super::checking::{
    Answer, Checked, PATIENCE, What, broken, create, is_stored, key, load, load_existing, patiently, replace,
    sealed, shown,
};
use super::subject::Handles;

/// After how many polls a future is dropped at most, and after how long.
const POLLS: usize = 8;
const PAUSES: usize = 8;

/// Long enough that it does not go over a connection in one piece.
const LONG: usize = 64 * 1024;

pub(super) async fn a_dropped_write_leaves_a_whole_record(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let (at, bystander) = (key("acme/grant/crm/user")?, Bystander::new(&handles).await?);
    let mut revision = create(&handles.first, &at, filled(0)).await?;
    for round in 0..2 * (POLLS + PAUSES) {
        let vault = handles.nth(round);
        let before = load_existing(vault, &at).await?.sealed;
        let dropped = filled(2 * round + 1);
        let when = Precondition::Matches(revision.clone());
        drop_midway(vault.store(&at, dropped.clone(), when), round / 2).await;
        bystander.is_served(&handles, round).await?;
        let one_of = [&before, &dropped];
        revision = write_on(&handles, round, &at, &one_of, filled(2 * round + 2)).await?;
    }
    // A creation too: nothing or the whole record is there.
    for round in 0..POLLS + PAUSES {
        let fresh = key(&format!("acme/grant/crm/fresh {round}"))?;
        let dropped = filled(round);
        drop_midway(handles.nth(round).store(&fresh, dropped.clone(), Precondition::Absent), round).await;
        bystander.is_served(&handles, round).await?;
        write_on(&handles, round, &fresh, &[&dropped], filled(round + 1)).await?;
    }
    Ok(())
}

pub(super) async fn a_dropped_removal_leaves_the_record_or_nothing(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let bystander = Bystander::new(&handles).await?;
    for round in 0..POLLS + PAUSES {
        let at = key(&format!("acme/grant/crm/user {round}"))?;
        let record = filled(round);
        let revision = create(handles.nth(round), &at, record.clone()).await?;
        drop_midway(handles.nth(round).remove(&at, &revision), round).await;
        bystander.is_served(&handles, round).await?;
        write_on(&handles, round, &at, &[&record], filled(round + 1)).await?;
    }
    Ok(())
}

pub(super) async fn a_caller_that_stands_still_holds_nobody_up(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let (at, other) = (key("acme/grant/crm/user")?, key("acme/grant/crm/other")?);
    let mut revision = create(&handles.first, &at, sealed("0")).await?;
    let mut others = create(&handles.first, &other, sealed("0")).await?;
    for round in 0..POLLS {
        let vault = Arc::clone(handles.nth(round));
        let mut call: Pin<Box<dyn Future<Output = ()> + Send>> = match round / 2 % 4 {
            0 => Box::pin(async { drop(vault.load(&at).await) }),
            1 => Box::pin(async { drop(vault.now().await) }),
            _ => {
                let when = Precondition::Matches(revision.clone());
                Box::pin(async { drop(vault.store(&at, sealed("slow"), when).await) })
            }
        };
        for _ in 0..=round / 4 {
            if poll_once(call.as_mut()).await {
                break;
            }
        }
        // From here on nobody polls the call, and it is still alive.
        let served = tokio::time::timeout(PATIENCE, async {
            for nth in 0..4 {
                others = replace(handles.nth(nth), &other, sealed(format!("{round}.{nth}")), &others).await?;
                load_existing(handles.nth(nth), &other).await?;
                load_existing(handles.nth(nth), &at).await?;
            }
            Ok(())
        });
        match served.await {
            Ok(served) => served?,
            Err(_) => {
                broken!("a caller polls its future no more, and others wait for longer than {PATIENCE:?}")
            }
        }
        drop(call);
        let stored = load_existing(&handles.first, &at).await?;
        revision = stored.revision;
    }
    Ok(())
}

fn filled(nth: usize) -> SealedRecord {
    let text = format!("{nth:08}");
    SealedRecord::new(text.repeat(LONG / text.len()).into_bytes())
}

/// Polls a call some times, or for some milliseconds, then drops it.
async fn drop_midway<T>(call: impl Future<Output = Result<T, VaultError>>, nth: usize) {
    let mut call = pin!(call);
    match u64::try_from(nth.saturating_sub(POLLS)) {
        Ok(millis) if nth >= POLLS => {
            drop(tokio::time::timeout(Duration::from_millis(millis + 1), call).await);
        }
        _ => {
            for _ in 0..nth {
                if poll_once(call.as_mut()).await {
                    return;
                }
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Whether the future was ready.
async fn poll_once<F: Future + ?Sized>(mut call: Pin<&mut F>) -> bool {
    poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await
}

/// Writes from whatever is there, as after an answer that was lost. What was there is one of these records.
async fn write_on(
    handles: &Handles,
    nth: usize,
    key: &RecordKey,
    one_of: &[&SealedRecord],
    next: SealedRecord,
) -> Checked<Revision> {
    // The dropped call may arrive between the reading and the writing, once.
    for vault in [handles.nth(nth), handles.nth(nth + 1), handles.nth(nth)] {
        let when = match load(vault, key).await? {
            None => Precondition::Absent,
            Some(stored) if one_of.contains(&&stored.sealed) => Precondition::Matches(stored.revision),
            Some(stored) => broken!("a call for {key:?} was dropped, and left {}", shown(&stored.sealed)),
        };
        match patiently(|| vault.store(key, next.clone(), when.clone())).await {
            Ok(revision) => {
                tokio::task::yield_now().await;
                // The dropped call comes too late for its precondition, if it comes now.
                is_stored(handles.nth(nth + 1), key, &next, &revision).await?;
                is_stored(handles.nth(nth), key, &next, &revision).await?;
                return Ok(revision);
            }
            Err(VaultError::Conflict) => {}
            Err(error) => broken!("writing {key:?} after a dropped call failed: {error} ({error:?})"),
        }
    }
    Err(What::new(format!("a call for {key:?} was dropped, and every write after it is a conflict")))
}

/// Another record, by which one sees whether answers still go to those who asked.
struct Bystander(RecordKey, SealedRecord, Revision);

impl Bystander {
    async fn new(handles: &Handles) -> Checked<Self> {
        let (key, record) = (key("acme/grant/crm/bystander")?, sealed("bystander"));
        let revision = create(&handles.first, &key, record.clone()).await?;
        Ok(Self(key, record, revision))
    }

    async fn is_served(&self, handles: &Handles, nth: usize) -> Checked {
        let Self(key, record, revision) = self;
        is_stored(handles.nth(nth), key, record, revision).await?;
        let again = || handles.nth(nth).store(key, sealed("again"), Precondition::Absent);
        patiently(again).await.conflicts("creating what exists, after a dropped call,")
    }
}
