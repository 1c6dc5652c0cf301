//! Revisions never repeat.

use std::collections::HashSet;

use crate::{Precondition, RecordKey, RecordPrefix, Revision};

use super::Subject;
use super::checking::{
    Answer, Checked, broken, create, is_stored, key, load_existing, remove, replace, sealed, whole_listing,
};

pub(super) async fn a_write_returns_the_revision_that_is_read(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let key = key("acme/grant/crm/user")?;
    let mut revision = create(&handles.first, &key, sealed("0")).await?;
    for nth in 1..8 {
        for vault in [&handles.first, &handles.second] {
            let loaded = load_existing(vault, &key).await?.revision;
            let listed = whole_listing(vault, &RecordPrefix::everything(), 10).await?;
            let listed = listed.first().map(|(_, stored)| stored.revision.clone());
            if loaded != revision || listed.as_ref() != Some(&revision) {
                broken!("{key:?} was written as {revision:?}, loaded as {loaded:?} and listed as {listed:?}");
            }
        }
        // What was loaded is worth what was returned.
        let loaded = load_existing(handles.nth(nth), &key).await?.revision;
        revision = replace(handles.nth(nth), &key, sealed(format!("{nth}")), &loaded).await?;
    }
    Ok(())
}

pub(super) async fn each_write_changes_the_revision(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let key = key("acme/grant/crm/user")?;
    let mut revision = create(&handles.first, &key, sealed("same")).await?;
    for nth in 0..8 {
        let next = replace(handles.nth(nth), &key, sealed("same"), &revision).await?;
        if next == revision {
            broken!("{key:?} was replaced by the same bytes and still has {revision:?}");
        }
        is_stored(handles.nth(nth + 1), &key, &sealed("same"), &next).await?;
        revision = next;
    }
    Ok(())
}

pub(super) async fn revisions_never_repeat(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let keys = [key("acme/grant/crm/one")?, key("acme/grant/crm/other")?];
    let mut seen: HashSet<(RecordKey, Revision)> = HashSet::new();
    for round in 0..12 {
        for key in &keys {
            // The same bytes each time, so that a revision made from them repeats.
            let mut revision = create(handles.nth(round), key, sealed("0")).await?;
            is_new(&mut seen, key, &revision)?;
            for nth in 1..4 {
                revision =
                    replace(handles.nth(round + nth), key, sealed(format!("{}", nth % 2)), &revision).await?;
                is_new(&mut seen, key, &revision)?;
            }
            remove(handles.nth(round + 1), key, &revision).await?;
        }
    }
    Ok(())
}

fn is_new(seen: &mut HashSet<(RecordKey, Revision)>, key: &RecordKey, revision: &Revision) -> Checked {
    if seen.insert((key.clone(), revision.clone())) {
        return Ok(());
    }
    broken!("{key:?} was given {revision:?} again")
}

pub(super) async fn an_old_revision_is_worth_nothing_after_a_removal(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let key = key("acme/grant/crm/user")?;
    let record = sealed("the same bytes");
    let mut old = vec![create(&handles.first, &key, record.clone()).await?];
    for round in 0..6 {
        let Some(current) = old.last() else { break };
        remove(handles.nth(round), &key, current).await?;
        // As many writes as before the removal, so that a count that began anew is where it was.
        let next = create(handles.nth(round + 1), &key, record.clone()).await?;
        for stale in &old {
            let when = Precondition::Matches(stale.clone());
            let answer = handles.nth(round).store(&key, sealed("intruder"), when).await;
            answer.conflicts(&format!("replacing {key:?} at {stale:?}, from before its removal,"))?;
            let answer = handles.nth(round + 1).remove(&key, stale).await;
            answer.conflicts(&format!("removing {key:?} at {stale:?}, from before its removal,"))?;
        }
        is_stored(&handles.first, &key, &record, &next).await?;
        is_stored(&handles.second, &key, &record, &next).await?;
        old.push(next);
    }
    Ok(())
}
