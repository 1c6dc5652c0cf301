//! Read your writes, through whichever handle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::BoxFuture;

use crate::{RecordKey, RecordPrefix, SealedRecord, Vault};

use super::Subject;
use super::checking::{
    Checked, Repetition, What, broken, create, is_absent, is_stored, key, load_existing, remove, replace,
    sealed, shown, step_aside, together, whole_listing,
};

/// How often the record is replaced at least.
const WRITES: usize = 48;
const READERS: usize = 8;

pub(super) async fn a_finished_write_is_loaded_through_every_handle(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let key = key("acme/grant/crm/user")?;
    for round in 0..6 {
        // Asked before, so that whoever remembers that nothing is there remembers it now.
        is_absent(&handles.first, &key).await?;
        is_absent(&handles.second, &key).await?;
        let mut record = sealed(format!("round {round}"));
        let mut revision = create(handles.nth(round), &key, record.clone()).await?;
        for nth in 0..4 {
            for vault in [&handles.first, &handles.second] {
                is_stored(vault, &key, &record, &revision).await?;
            }
            record = sealed(format!("round {round}, replaced {nth} times"));
            revision = replace(handles.nth(nth), &key, record.clone(), &revision).await?;
        }
        // The other handle first: it has not seen the last write yet.
        is_stored(&handles.first, &key, &record, &revision).await?;
        is_stored(&handles.second, &key, &record, &revision).await?;
        remove(handles.nth(round + 1), &key, &revision).await?;
    }
    Ok(())
}

pub(super) async fn a_finished_write_is_listed_through_every_handle(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let keys = [key("acme/grant/crm/one")?, key("acme/grant/crm/other")?];
    for round in 0..6 {
        let mut expected: Vec<(RecordKey, SealedRecord)> = Vec::new();
        are_listed(subject, &expected).await?;
        let mut revisions = Vec::new();
        for (nth, key) in keys.iter().enumerate() {
            let record = sealed(format!("{key} of round {round}"));
            revisions.push(create(handles.nth(round + nth), key, record.clone()).await?);
            expected.push((key.clone(), record));
            are_listed(subject, &expected).await?;
        }
        for (nth, (key, revision)) in keys.iter().zip(&mut revisions).enumerate() {
            let record = sealed(format!("{key} of round {round}, replaced"));
            *revision = replace(handles.nth(round + nth + 1), key, record.clone(), revision).await?;
            if let Some(entry) = expected.iter_mut().find(|(expected, _)| expected == key) {
                entry.1 = record;
            }
            are_listed(subject, &expected).await?;
        }
        for (nth, (key, revision)) in keys.iter().zip(&revisions).enumerate() {
            remove(handles.nth(round + nth), key, revision).await?;
            expected.retain(|(expected, _)| expected != key);
            are_listed(subject, &expected).await?;
        }
    }
    Ok(())
}

async fn are_listed(subject: &Subject, expected: &[(RecordKey, SealedRecord)]) -> Checked {
    let handles = subject.handles()?;
    for (nth, vault) in [&handles.first, &handles.second].into_iter().enumerate() {
        let listed = whole_listing(vault, &RecordPrefix::everything(), 10).await?;
        let listed: Vec<_> = listed.into_iter().map(|(key, stored)| (key, stored.sealed)).collect();
        if listed != expected {
            let text = |all: &[(RecordKey, SealedRecord)]| {
                all.iter().map(|(key, record)| format!("{key}: {}", shown(record))).collect::<Vec<_>>()
            };
            let which = if nth == 0 { "first" } else { "second" };
            broken!("the {which} handle lists {:?} where {:?} are stored", text(&listed), text(expected));
        }
    }
    Ok(())
}

pub(super) async fn a_read_never_falls_behind_a_finished_write(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let key = key("acme/grant/crm/user")?;
    let mut revision = create(&handles.first, &key, sealed("0")).await?;
    let finished = Arc::new(AtomicUsize::new(0));
    let ended = Arc::new(AtomicBool::new(false));
    let mut tasks: Vec<BoxFuture<'static, Checked>> = Vec::new();
    for nth in 0..READERS {
        let (vault, key) = (Arc::clone(handles.nth(nth)), key.clone());
        let (finished, ended) = (Arc::clone(&finished), Arc::clone(&ended));
        tasks.push(Box::pin(async move {
            let mut rounds = nth;
            while !ended.load(Ordering::Acquire) {
                let before = finished.load(Ordering::Acquire);
                let read = read_number(&vault, &key, nth < READERS / 2).await?;
                if read < before {
                    broken!("write {before} had returned, and a read that began then saw write {read}");
                }
                rounds += 1;
                step_aside(rounds).await;
            }
            Ok(())
        }));
    }
    tasks.push(Box::pin(async move {
        let writes = Repetition::begin();
        for nth in (1..).take_while(|nth| writes.goes_on(*nth, WRITES)) {
            revision = replace(handles.nth(nth), &key, sealed(format!("{nth}")), &revision).await?;
            finished.store(nth, Ordering::Release);
            step_aside(nth).await;
        }
        ended.store(true, Ordering::Release);
        Ok(())
    }));
    together(tasks).await.map(drop)
}

async fn read_number(vault: &Arc<dyn Vault>, key: &RecordKey, by_loading: bool) -> Checked<usize> {
    let stored = if by_loading {
        load_existing(vault, key).await?
    } else {
        let listed = whole_listing(vault, &RecordPrefix::everything(), 10).await?;
        match listed.into_iter().next() {
            Some((_, stored)) => stored,
            None => broken!("{key:?} is not listed"),
        }
    };
    let text = std::str::from_utf8(stored.sealed.as_bytes()).ok().and_then(|text| text.parse().ok());
    text.ok_or_else(|| What::new(format!("{key:?} has {}", shown(&stored.sealed))))
}
