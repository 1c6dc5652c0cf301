//! Paging: every limit, every `after`, and others who write meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;

use crate::{Precondition, RecordKey, RecordPrefix, Vault, VaultError};

use super::Subject;
use super::checking::{
    Checked, broken, create, key, listed_keys, load, page, patiently, sealed, step_aside, together,
    whole_listing,
};
use super::listing::{prefixes, store_model};

const STANDING: usize = 40;
const WRITERS: usize = 3;

pub(super) async fn paging_meets_each_record_once(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let keys = store_model(&handles.first).await?;
    for (nth, prefix) in prefixes()?.iter().enumerate() {
        let expected: Vec<_> = keys.iter().filter(|key| prefix.covers(key)).cloned().collect();
        // The largest number too: one more than it is nothing, and nobody has room for as many.
        for limit in (1..=expected.len() + 1).chain([usize::MAX]) {
            let listed = listed_keys(handles.nth(nth ^ limit), prefix, limit).await?;
            if let Some(missing) = expected.iter().find(|key| !listed.contains(key)) {
                broken!("paging through {prefix:?} with limit {limit} missed {missing:?}");
            }
            if listed != expected {
                broken!("paging through {prefix:?} with limit {limit} met {listed:?}, not {expected:?}");
            }
        }
    }
    Ok(())
}

pub(super) async fn a_listing_begins_behind_after(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let keys = store_model(&handles.first).await?;
    let mut afters = keys.clone();
    // Keys that are not there: beside those that are, and at the far ends.
    for text in
        ["-/access/-/!", "0/grant/c/x", "a/grant/c/a!", "a/grant/c0/zzz", "a/grant/d/x", "a/keys/-/zz"]
    {
        afters.push(key(text)?);
    }
    for text in ["a-/pending/zz/x", "a0/access/-/x", "zz/pending/zz/\u{10ffff}", "a/grant/c/\u{10ffff}"] {
        afters.push(key(text)?);
    }
    for (nth, prefix) in prefixes()?.iter().enumerate() {
        for (mth, after) in afters.iter().enumerate() {
            let mut expected = keys.iter().filter(|key| prefix.covers(key) && *key > after);
            let limit = 1 + (nth + mth) % 3;
            let page = page(handles.nth(nth + mth), prefix, Some(after), limit).await?;
            for (listed, _) in &page.records {
                let right = expected.next();
                if Some(listed) != right {
                    broken!("{prefix:?} after {after:?} has {listed:?} where {right:?} should be");
                }
            }
            if let (Some(next), false) = (expected.next(), page.more) {
                broken!("{prefix:?} after {after:?} with limit {limit} says that it ends before {next:?}");
            }
        }
    }
    Ok(())
}

pub(super) async fn an_empty_page_has_no_more(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    for prefix in &prefixes()? {
        for limit in [0, 1, usize::MAX] {
            is_empty(&handles.first, prefix, None, limit).await?;
        }
    }
    let keys = store_model(&handles.first).await?;
    let (first, last) = (keys.first(), keys.last());
    for (nth, prefix) in prefixes()?.iter().enumerate() {
        for after in [None, first, last] {
            is_empty(handles.nth(nth), prefix, after, 0).await?;
        }
        for limit in [1, 1000, usize::MAX] {
            is_empty(handles.nth(nth), prefix, Some(&key("zz/pending/zz/zz")?), limit).await?;
        }
        let last = keys.iter().rfind(|key| prefix.covers(key));
        is_empty(handles.nth(nth), prefix, last, if last.is_some() { 1000 } else { 0 }).await?;
    }
    Ok(())
}

async fn is_empty(
    vault: &dyn Vault,
    prefix: &RecordPrefix,
    after: Option<&RecordKey>,
    limit: usize,
) -> Checked {
    let page = page(vault, prefix, after, limit).await?;
    match page.records.first() {
        None => Ok(()),
        Some((key, _)) => broken!("{prefix:?} after {after:?} with limit {limit} has {key:?}"),
    }
}

pub(super) async fn paging_misses_nothing_while_others_write(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let mut standing = Vec::new();
    for nth in 0..STANDING {
        let key = key(&format!("acme/grant/crm/{nth:02}"))?;
        create(&handles.first, &key, sealed("standing")).await?;
        standing.push(key);
    }
    let ended = Arc::new(AtomicBool::new(false));
    let mut tasks: Vec<BoxFuture<'static, Checked>> = Vec::new();
    for nth in 0..WRITERS {
        let (vault, ended) = (Arc::clone(handles.nth(nth)), Arc::clone(&ended));
        tasks.push(Box::pin(async move {
            let mut round = nth;
            while !ended.load(Ordering::Acquire) {
                disturb(&vault, round).await?;
                round += WRITERS;
                step_aside(round).await;
            }
            Ok(())
        }));
    }
    tasks.push(Box::pin(async move {
        let found = page_through(&handles.first, &handles.second, &standing).await;
        ended.store(true, Ordering::Release);
        found
    }));
    together(tasks).await.map(drop)
}

/// Replaces a record that stands, and creates or removes one beside it. Who loses a race tries the next.
async fn disturb(vault: &Arc<dyn Vault>, round: usize) -> Checked {
    let place = round * 7 % STANDING;
    let standing = key(&format!("acme/grant/crm/{place:02}"))?;
    if let Some(stored) = load(vault, &standing).await? {
        let when = Precondition::Matches(stored.revision);
        settled(patiently(|| vault.store(&standing, sealed("replaced"), when.clone())).await)?;
    }
    let beside = key(&format!("acme/grant/crm/{place:02} {}", round % 3))?;
    match load(vault, &beside).await? {
        Some(stored) => settled(patiently(|| vault.remove(&beside, &stored.revision)).await),
        None => settled(patiently(|| vault.store(&beside, sealed("beside"), Precondition::Absent)).await),
    }
}

fn settled<T>(answer: Result<T, VaultError>) -> Checked {
    match answer {
        Ok(_) | Err(VaultError::Conflict) => Ok(()),
        Err(error) => broken!("a write beside a listing failed: {error} ({error:?})"),
    }
}

async fn page_through(first: &Arc<dyn Vault>, second: &Arc<dyn Vault>, standing: &[RecordKey]) -> Checked {
    for limit in [1, 2, 3, 7, 1000, 1, 5] {
        for vault in [first, second] {
            let listed = whole_listing(vault, &RecordPrefix::everything(), limit).await?;
            // The order was checked with each page, so whatever is there is there once.
            let missing =
                standing.iter().find(|key| listed.binary_search_by_key(key, |(listed, _)| listed).is_err());
            if let Some(missing) = missing {
                broken!("{missing:?} was there all the time, and paging with limit {limit} missed it");
            }
            step_aside(limit).await;
        }
    }
    Ok(())
}
