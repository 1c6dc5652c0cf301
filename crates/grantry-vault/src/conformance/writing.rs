//! Compare-and-swap is the only write.

use crate::{Precondition, RecordKey, RecordPrefix, Revision, SealedRecord};

use super::Subject;
use super::checking::{
    Answer, Checked, broken, create, is_absent, is_stored, key, listed_keys, remove, replace, sealed,
};
use super::subject::Handles;

pub(super) async fn creating_what_exists_is_a_conflict(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let key = key("acme/grant/crm/user")?;
    let record = sealed("the first");
    let revision = create(&handles.first, &key, record.clone()).await?;
    for nth in 0..4 {
        // Also with the same bytes: a conflict is about the record, not about what is in it.
        for again in [sealed("the second"), record.clone(), sealed("")] {
            let answer = handles.nth(nth).store(&key, again, Precondition::Absent).await;
            answer.conflicts(&format!("creating {key:?}, which exists,"))?;
            is_stored(handles.nth(nth + 1), &key, &record, &revision).await?;
        }
    }
    Ok(())
}

pub(super) async fn replacing_what_is_absent_is_a_conflict(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let (never, removed) = (key("acme/grant/crm/never")?, key("acme/grant/crm/removed")?);
    let elsewhere = create(&handles.first, &key("acme/grant/crm/other")?, sealed("other")).await?;
    let old = create(&handles.first, &removed, sealed("removed")).await?;
    remove(&handles.first, &removed, &old).await?;
    for (nth, revision) in [elsewhere, old, Revision::number(0), Revision::number(1)].iter().enumerate() {
        for key in [&never, &removed] {
            let when = Precondition::Matches(revision.clone());
            let answer = handles.nth(nth).store(key, sealed("new"), when).await;
            answer.conflicts(&format!("replacing {key:?}, which is absent, at {revision:?}"))?;
            is_absent(handles.nth(nth + 1), key).await?;
        }
    }
    let listed = listed_keys(&handles.first, &RecordPrefix::everything(), 10).await?;
    if listed.len() != 1 {
        broken!("one record is there, and {listed:?} are listed");
    }
    Ok(())
}

pub(super) async fn a_stale_revision_is_a_conflict(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let key = key("acme/grant/crm/user")?;
    let mut revisions = vec![create(&handles.first, &key, sealed("0")).await?];
    for nth in 1..6 {
        let Some(current) = revisions.last() else { break };
        let record = sealed(format!("{nth}"));
        let next = replace(handles.nth(nth), &key, record.clone(), current).await?;
        for stale in &revisions {
            refuses(&handles, nth, &key, &record, &next, stale).await?;
        }
        revisions.push(next);
    }
    Ok(())
}

pub(super) async fn the_revision_of_another_record_is_a_conflict(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let (here, elsewhere) = (key("acme/grant/crm/here")?, key("acme/grant/crm/elsewhere")?);
    let record = sealed("here");
    // A store may count for each key, so both go through the same history but for one write more.
    let mut foreign = create(&handles.first, &elsewhere, record.clone()).await?;
    let mut current = create(&handles.first, &here, record.clone()).await?;
    for nth in 0..4 {
        foreign = replace(handles.nth(nth), &elsewhere, record.clone(), &foreign).await?;
        if foreign != current {
            refuses(&handles, nth, &here, &record, &current, &foreign).await?;
        }
        current = replace(handles.nth(nth), &here, record.clone(), &current).await?;
    }
    Ok(())
}

pub(super) async fn a_revision_of_another_form_is_a_conflict(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let key = key("acme/grant/crm/user")?;
    let record = sealed("record");
    let created = create(&handles.first, &key, record.clone()).await?;
    let current = replace(&handles.first, &key, record.clone(), &created).await?;
    for (nth, wrong) in other_forms(&current).iter().filter(|wrong| **wrong != current).enumerate() {
        refuses(&handles, nth, &key, &record, &current, wrong).await?;
    }
    Ok(())
}

/// What looks like the revision where a store is careless about types, ranges or quotes, and what matches anything
/// in some languages.
fn other_forms(current: &Revision) -> Vec<Revision> {
    let mut forms: Vec<_> =
        ["", "*", "\"*\"", "%", "null", "0", "-1", "W/\"1\"", "' OR 1=1 --", "a\0b", "\u{1f600}"]
            .map(Revision::text)
            .into();
    forms.extend(
        [0, 1, u64::from(u32::MAX), u64::MAX >> 1, 1 << 63, u64::MAX - 1, u64::MAX].map(Revision::number),
    );
    if let Some(number) = current.as_number() {
        // One bit more than fits into a narrower or a signed number.
        forms.extend([1 << 31, 1 << 32, 1 << 53, 1 << 63].map(|bit| Revision::number(number ^ bit)));
        forms.extend(
            [number.wrapping_add(1), number.wrapping_sub(1), number.wrapping_neg()].map(Revision::number),
        );
        forms.extend([format!("{number}"), format!(" {number}"), format!("{number}.0")].map(Revision::text));
    }
    if let Some(text) = current.as_text() {
        forms.extend(text.parse().ok().map(Revision::number));
        forms.extend(
            [text.to_uppercase(), text.to_lowercase(), format!("{text} "), format!("W/{text}")]
                .map(Revision::text),
        );
        forms.extend([format!("\"{text}\""), text.trim_matches('"').to_owned()].map(Revision::text));
    }
    forms
}

/// A replacement and a removal at this revision have to be conflicts that change nothing.
async fn refuses(
    handles: &Handles,
    nth: usize,
    key: &RecordKey,
    record: &SealedRecord,
    current: &Revision,
    wrong: &Revision,
) -> Checked {
    let when = Precondition::Matches(wrong.clone());
    let answer = handles.nth(nth).store(key, sealed("intruder"), when).await;
    answer.conflicts(&format!("replacing {key:?}, which has {current:?}, at {wrong:?}"))?;
    let answer = handles.nth(nth).remove(key, wrong).await;
    answer.conflicts(&format!("removing {key:?}, which has {current:?}, at {wrong:?}"))?;
    is_stored(handles.nth(nth + 1), key, record, current).await
}
