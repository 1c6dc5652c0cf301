//! A removal needs the revision, and leaves nothing.

use crate::{RecordPrefix, Revision};

use super::Subject;
use super::checking::{
    Answer, Checked, broken, create, is_absent, is_stored, key, listed_keys, remove, replace, sealed,
};

pub(super) async fn removing_needs_the_revision(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let key = key("acme/grant/crm/user")?;
    let mut stale = vec![create(&handles.first, &key, sealed("0")).await?];
    for nth in 1..5 {
        let Some(last) = stale.last() else { break };
        let record = sealed(format!("{nth}"));
        let current = replace(handles.nth(nth), &key, record.clone(), last).await?;
        let wrong =
            [Revision::number(0), Revision::number(u64::MAX), Revision::text(""), Revision::text("*")];
        for wrong in stale.iter().chain(&wrong).filter(|wrong| **wrong != current) {
            let answer = handles.nth(nth).remove(&key, wrong).await;
            answer.conflicts(&format!("removing {key:?}, which has {current:?}, at {wrong:?}"))?;
            is_stored(handles.nth(nth + 1), &key, &record, &current).await?;
        }
        stale.push(current);
    }
    Ok(())
}

pub(super) async fn removing_what_is_absent_is_a_conflict(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let (never, removed) = (key("acme/grant/crm/never")?, key("acme/grant/crm/removed")?);
    let other = key("acme/grant/crm/other")?;
    let elsewhere = create(&handles.first, &other, sealed("other")).await?;
    let old = create(&handles.first, &removed, sealed("removed")).await?;
    remove(&handles.first, &removed, &old).await?;
    for (nth, revision) in
        [&elsewhere, &old, &Revision::number(1), &Revision::text("")].into_iter().enumerate()
    {
        for key in [&never, &removed] {
            let answer = handles.nth(nth).remove(key, revision).await;
            answer.conflicts(&format!("removing {key:?}, which is absent, at {revision:?}"))?;
        }
    }
    is_stored(&handles.second, &other, &sealed("other"), &elsewhere).await
}

pub(super) async fn what_was_removed_is_gone(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let everything = RecordPrefix::everything();
    let (removed, kept) = (key("acme/grant/crm/m")?, [key("acme/grant/crm/l")?, key("acme/grant/crm/m2")?]);
    let mut revisions = Vec::new();
    for key in &kept {
        revisions.push(create(&handles.first, key, sealed("kept")).await?);
    }
    for nth in 0..4 {
        let record = sealed(format!("{nth}"));
        let revision = create(handles.nth(nth), &removed, record.clone()).await?;
        is_stored(handles.nth(nth + 1), &removed, &record, &revision).await?;
        remove(handles.nth(nth), &removed, &revision).await?;
        for vault in [&handles.first, &handles.second] {
            is_absent(vault, &removed).await?;
            let listed = listed_keys(vault, &everything, 10).await?;
            if listed != kept {
                broken!("{removed:?} was removed, and {listed:?} are listed where {kept:?} should be");
            }
            for (key, revision) in kept.iter().zip(&revisions) {
                is_stored(vault, key, &sealed("kept"), revision).await?;
            }
        }
    }
    Ok(())
}
