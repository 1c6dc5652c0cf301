//! A listing has the records of its prefix, in the order of their keys' bytes.

use grantry_core::{ServiceName, TenantId};

use crate::{RecordKey, RecordKind, RecordPrefix, Vault};

use super::Subject;
use super::checking::{
    Checked, What, broken, create, is_stored, key, listed_keys, load_existing, replace, sealed, shown,
    whole_listing,
};

/// Names that begin with one another, differ where patterns have wildcards, and lie on both sides of `/`.
const TENANTS: &[&str] = &["a", "a-", "a.", "a.b", "a0", "a_", "a_b", "aa", "axb", "b"];
const SERVICES: &[&str] = &["c", "c-", "c.d", "c_d", "cxd", "c0"];

/// The records of most checks of listings, in order: 40, of several tenants, kinds and services.
pub(super) fn model() -> Checked<Vec<RecordKey>> {
    let mut texts: Vec<String> = Vec::new();
    texts.extend(TENANTS.iter().map(|tenant| format!("{tenant}/grant/c/x")));
    texts.extend(SERVICES.iter().map(|service| format!("a/grant/{service}/y")));
    texts.extend(RecordKind::ALL.iter().map(|kind| format!("a/{kind}/-/z")));
    texts.extend(RecordKind::ALL.iter().map(|kind| format!("-/{kind}/-/a")));
    let accounts = ["A", "B", "Z", "a", "a/b", "a0", "\u{e9}", "e\u{301}", "\u{ff5e}", "\u{1f600}"];
    texts.extend(accounts.iter().map(|account| format!("a/grant/c/{account}")));
    let mut keys = texts.iter().map(|text| key(text)).collect::<Checked<Vec<_>>>()?;
    keys.sort();
    Ok(keys)
}

/// One prefix of every kind, and those whose neighbours are near.
pub(super) fn prefixes() -> Checked<Vec<RecordPrefix>> {
    let wrong = |error: grantry_core::InvalidName| What::new(format!("the suite itself is wrong: {error}"));
    let (a, absent) = (TenantId::new("a").map_err(wrong)?, TenantId::new("a.a").map_err(wrong)?);
    let mut prefixes = vec![RecordPrefix::everything(), RecordPrefix::tenant(&absent)];
    for kind in RecordKind::ALL {
        prefixes.push(RecordPrefix::deployment(*kind));
        prefixes.push(RecordPrefix::kind(&a, *kind));
    }
    for tenant in TENANTS {
        prefixes.push(RecordPrefix::tenant(&TenantId::new(tenant).map_err(wrong)?));
    }
    for service in SERVICES.iter().chain(&["cd"]) {
        let service = ServiceName::new(service).map_err(wrong)?;
        prefixes.push(RecordPrefix::service(&a, RecordKind::Grant, &service));
    }
    Ok(prefixes)
}

/// Stores the records of the model, in another order than theirs: that of their texts read backwards.
pub(super) async fn store_model(vault: &dyn Vault) -> Checked<Vec<RecordKey>> {
    let keys = model()?;
    let mut shuffled = keys.clone();
    shuffled.sort_by_cached_key(|key| key.as_str().chars().rev().collect::<String>());
    for key in &shuffled {
        create(vault, key, sealed(key.as_str())).await?;
    }
    Ok(keys)
}

pub(super) async fn a_listing_is_in_the_order_of_bytes(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let keys = store_model(&handles.first).await?;
    for vault in [&handles.first, &handles.second] {
        for limit in [1000, 3] {
            let listed = listed_keys(vault, &RecordPrefix::everything(), limit).await?;
            if let Some((wrong, right)) = listed.iter().zip(&keys).find(|(listed, stored)| listed != stored) {
                broken!("the listing has {wrong:?} where {right:?} should be");
            }
            if listed.len() != keys.len() {
                broken!("{} records are stored and {} are listed", keys.len(), listed.len());
            }
        }
    }
    Ok(())
}

pub(super) async fn a_prefix_ends_where_its_name_ends(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let keys = store_model(&handles.first).await?;
    for (nth, prefix) in prefixes()?.iter().enumerate() {
        let expected: Vec<_> = keys.iter().filter(|key| prefix.covers(key)).cloned().collect();
        let listed = listed_keys(handles.nth(nth), prefix, 1000).await?;
        if let Some(foreign) = listed.iter().find(|key| !expected.contains(key)) {
            broken!("the listing of {prefix:?} has {foreign:?}");
        }
        if let Some(missing) = expected.iter().find(|key| !listed.contains(key)) {
            broken!("the listing of {prefix:?} is without {missing:?}");
        }
    }
    Ok(())
}

pub(super) async fn a_listed_record_is_the_stored_one(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let keys = store_model(&handles.first).await?;
    for (nth, limit) in [1000, 7].into_iter().enumerate() {
        let listed = whole_listing(handles.nth(nth), &RecordPrefix::everything(), limit).await?;
        if listed.len() != keys.len() {
            broken!("{} records are stored and {} are listed", keys.len(), listed.len());
        }
        for (key, record) in listed {
            let stored = load_existing(handles.nth(nth + 1), &key).await?;
            if record.sealed != stored.sealed || record.revision != stored.revision {
                let (listed, loaded) = (shown(&record.sealed), shown(&stored.sealed));
                let (at, is_at) = (record.revision, stored.revision);
                broken!("{key:?} is listed at {at:?} with {listed}, and loaded at {is_at:?} with {loaded}");
            }
            let next = sealed(format!("{key}, listed with limit {limit}"));
            let revision = replace(handles.nth(nth), &key, next.clone(), &record.revision).await?;
            is_stored(handles.nth(nth + 1), &key, &next, &revision).await?;
        }
    }
    Ok(())
}
