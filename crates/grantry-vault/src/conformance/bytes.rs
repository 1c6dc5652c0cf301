//! Bytes are bytes.

use crate::{Precondition, RecordPrefix, SealedRecord, VaultError};

use super::Subject;
use super::checking::{Checked, broken, create, is_absent, is_stored, key, listed_keys, replace, sealed};

/// Lengths at which stores change their ways: nothing, one byte, a length byte's limit, a page, the longest.
const LENGTHS: &[usize] = &[0, 1, 255, 256, 4096, 65_535, 65_536, SealedRecord::MOST_BYTES];

pub(super) async fn an_absent_record_loads_as_none(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let (stored, absent) = (key("acme/grant/crm/here")?, key("acme/grant/crm/nowhere")?);
    is_absent(&handles.first, &absent).await?;
    is_absent(&handles.second, &absent).await?;
    create(&handles.first, &stored, sealed("here")).await?;
    for text in ["acme/grant/crm/her", "acme/grant/crm/here2", "acme/client/crm/here", "acm/grant/crm/here"] {
        is_absent(&handles.first, &key(text)?).await?;
        is_absent(&handles.second, &key(text)?).await?;
    }
    Ok(())
}

pub(super) async fn bytes_come_back_unchanged(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let all_values: Vec<u8> = (0..=u8::MAX).collect();
    let mut records: Vec<(String, Vec<u8>)> = vec![
        ("every value".into(), all_values.clone()),
        ("every value backwards".into(), all_values.iter().rev().copied().collect()),
        ("nul in the middle".into(), b"before\0after".to_vec()),
        ("nul at the ends".into(), b"\0inside\0\0".to_vec()),
        ("spaces and line ends".into(), b" \t\r\n text \r\n\n\r ".to_vec()),
        ("digits".into(), b"0012.50e3".to_vec()),
        ("json".into(), br#"{"a": "\u0000", "b": null}"#.to_vec()),
        ("hex".into(), br"\x6162".to_vec()),
        ("base64".into(), b"YWJj==".to_vec()),
        ("statement".into(), b"'); DROP TABLE records; --".to_vec()),
        ("byte order mark".into(), b"\xef\xbb\xbftext".to_vec()),
        ("broken utf-8".into(), b"\xc3\x28 \xed\xa0\x80 \xff\xfe".to_vec()),
        ("null".into(), b"NULL".to_vec()),
    ];
    for &length in LENGTHS {
        // 251 is prime, so that no two blocks of a power of two are equal.
        let bytes = all_values.iter().take(251).cycle().take(length).copied().collect();
        records.push((format!("{length} bytes"), bytes));
    }
    for (nth, (name, bytes)) in records.into_iter().enumerate() {
        let (at, twin) =
            (key(&format!("acme/grant/crm/{name}"))?, key(&format!("acme/grant/crm/{name}, created"))?);
        let record = SealedRecord::new(bytes);
        // Created in one way and replaced in another: both have to be right.
        let placeholder = create(handles.nth(nth), &at, sealed("placeholder")).await?;
        let replaced = replace(handles.nth(nth), &at, record.clone(), &placeholder).await?;
        is_stored(handles.nth(nth + 1), &at, &record, &replaced).await?;
        let created = create(handles.nth(nth), &twin, record.clone()).await?;
        is_stored(handles.nth(nth + 1), &twin, &record, &created).await?;
        is_stored(handles.nth(nth), &twin, &record, &created).await?;
    }
    Ok(())
}

pub(super) async fn a_record_that_is_too_long_is_refused(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let (standing, fresh) = (key("acme/grant/crm/standing")?, key("acme/grant/crm/fresh")?);
    let record = sealed("standing");
    let revision = create(&handles.first, &standing, record.clone()).await?;
    for length in [SealedRecord::MOST_BYTES + 1, 2 * SealedRecord::MOST_BYTES] {
        let long = SealedRecord::new(vec![7; length]);
        let writes = [(&fresh, Precondition::Absent), (&standing, Precondition::Matches(revision.clone()))];
        for (key, when) in writes {
            match handles.first.store(key, long.clone(), when).await {
                Err(VaultError::Refused(_)) => {}
                Err(error) => broken!("{length} bytes are not Refused but: {error} ({error:?})"),
                Ok(_) => broken!("{length} bytes were taken, {} more than is allowed", length - (1 << 20)),
            }
        }
        is_absent(&handles.second, &fresh).await?;
        is_stored(&handles.second, &standing, &record, &revision).await?;
    }
    let listed = listed_keys(&handles.second, &RecordPrefix::everything(), 100).await?;
    if listed != [standing.clone()] {
        broken!("a record was refused and yet the listing has {listed:?}");
    }
    let longest = SealedRecord::new(vec![7; SealedRecord::MOST_BYTES]);
    replace(&handles.first, &standing, longest, &revision).await.map(drop)
}
