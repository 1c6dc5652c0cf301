//! What outlives the handles of a store.

use std::collections::HashSet;

use crate::{Precondition, RecordPrefix, StoredRecord, Vault};

use super::Subject;
use super::checking::{
    Answer, Checked, broken, create, is_absent, is_stored, key, load_existing, remove, replace, sealed,
    whole_listing,
};

const RECORDS: usize = 16;
const OPENINGS: usize = 3;

pub(super) async fn what_was_written_outlives_its_handles(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let removed = key("acme/grant/crm/removed")?;
    let mut records = Vec::new();
    for nth in 0..RECORDS {
        let key = key(&format!("acme/grant/crm/{nth:02}"))?;
        let created = create(handles.nth(nth), &key, sealed("before")).await?;
        let record = sealed(format!("record {nth}"));
        let revision = replace(handles.nth(nth + 1), &key, record.clone(), &created).await?;
        records.push((key, record, revision));
    }
    let revision = create(&handles.first, &removed, sealed("removed")).await?;
    remove(&handles.second, &removed, &revision).await?;
    drop(handles);
    for opening in 0..OPENINGS {
        let vault = subject.reopened().await?;
        is_absent(&vault, &removed).await?;
        let listed = whole_listing(&vault, &RecordPrefix::everything(), 5).await?;
        if listed.len() != records.len() {
            broken!(
                "{} records were there before the store was reopened, {} after",
                records.len(),
                listed.len()
            );
        }
        for (key, record, revision) in &mut records {
            is_stored(&vault, key, record, revision).await?;
            // A revision from before is worth as much as ever.
            *record = sealed(format!("{key} of opening {opening}"));
            *revision = replace(&vault, key, record.clone(), revision).await?;
        }
    }
    Ok(())
}

pub(super) async fn revisions_never_repeat_over_reopening(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let (standing, coming) = (key("acme/grant/crm/standing")?, key("acme/grant/crm/coming")?);
    let mut revision = create(&handles.first, &standing, sealed("same")).await?;
    let gone = create(&handles.second, &coming, sealed("same")).await?;
    remove(&handles.first, &coming, &gone).await?;
    drop(handles);
    let (mut of_standing, mut of_coming) = (HashSet::from([revision.clone()]), HashSet::from([gone]));
    for _ in 0..OPENINGS {
        let vault = subject.reopened().await?;
        for _ in 0..2 {
            revision = replace(&vault, &standing, sealed("same"), &revision).await?;
            if !of_standing.insert(revision.clone()) {
                broken!("{standing:?} was given {revision:?} again after the store was reopened");
            }
        }
        let created = create(&vault, &coming, sealed("same")).await?;
        for old in &of_coming {
            let when = Precondition::Matches(old.clone());
            let answer = vault.store(&coming, sealed("intruder"), when).await;
            answer.conflicts(&format!("replacing {coming:?} at {old:?}, from before its removal,"))?;
        }
        if !of_coming.insert(created.clone()) {
            broken!("{coming:?} was given {created:?} again after the store was reopened");
        }
        remove(&vault, &coming, &created).await?;
    }
    Ok(())
}

pub(super) async fn the_clock_never_runs_backwards_over_reopening(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let key = key("acme/lease/crm/work")?;
    create(&handles.first, &key, sealed("lease")).await?;
    let mut last = handles.second.now().await.succeeds("reading the clock")?;
    drop(handles);
    for _ in 0..OPENINGS {
        let vault = subject.reopened().await?;
        let StoredRecord { read_at, .. } = load_existing(&vault, &key).await?;
        let now = vault.now().await.succeeds("reading the clock")?;
        if read_at < last || now < read_at {
            broken!(
                "the clock was at {last:?} before the store was reopened, then at {read_at:?} and {now:?}"
            );
        }
        last = now;
    }
    Ok(())
}
