//! Flaws of listings.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use grantry_vault::conformance::Subject;
use grantry_vault::{MemoryVault, Page, RecordKey, RecordPrefix, Revision, StoredRecord, Vault, VaultError};
use tokio::task::yield_now;

use crate::flawed::{Flaw, Row, shared, subject};

pub(crate) fn cases() -> Vec<Row> {
    vec![
        ("a_listing_is_in_the_order_of_bytes", "in the order of UTF-16", || {
            ordered(|one, other| one.as_str().encode_utf16().cmp(other.as_str().encode_utf16()))
        }),
        ("a_listing_is_in_the_order_of_bytes", "upper case beside lower case", || {
            ordered(|one, other| {
                let folded = |key: &RecordKey| key.as_str().to_lowercase();
                folded(one).cmp(&folded(other)).then(one.cmp(other))
            })
        }),
        ("a_listing_is_in_the_order_of_bytes", "tenants by their names", || {
            ordered(|one, other| {
                let parts = |key: &RecordKey| key.as_str().split('/').map(str::to_owned).collect::<Vec<_>>();
                parts(one).cmp(&parts(other))
            })
        }),
        ("a_prefix_ends_where_its_name_ends", "without the slash", || {
            chosen(|prefix, key| key.as_str().starts_with(prefix.as_str().trim_end_matches('/')))
        }),
        ("a_prefix_ends_where_its_name_ends", "with wildcards", || {
            chosen(|prefix, key| {
                let mut chars = key.as_str().chars();
                prefix
                    .as_str()
                    .chars()
                    .all(|wanted| chars.next().is_some_and(|char| char == wanted || wanted == '_'))
            })
        }),
        ("a_prefix_ends_where_its_name_ends", "its end is a name too far", || {
            chosen(|prefix, key| {
                let end = prefix.end().map(|end| format!("{end}~"));
                key.as_str() >= prefix.as_str() && end.is_none_or(|end| *key.as_str() < *end)
            })
        }),
        ("a_prefix_ends_where_its_name_ends", "everything is but the tenants'", || {
            chosen(|prefix, key| {
                prefix.covers(key) && (prefix.tenant_part().is_some() || key.tenant().is_some())
            })
        }),
        ("a_listed_record_is_the_stored_one", "revisions of its own", || {
            listed(|_, record| {
                record.revision = Revision::number(0);
            })
        }),
        ("a_listed_record_is_the_stored_one", "keys alone", || {
            listed(|_, record| {
                record.sealed = grantry_vault::SealedRecord::new("");
            })
        }),
        ("paging_meets_each_record_once", "misses the last of a page", shared::<MissesTheLast>),
        ("paging_meets_each_record_once", "begins with the last of the page before", shared::<Inclusive>),
        ("paging_meets_each_record_once", "a full page is the last", shared::<FullIsLast>),
        ("paging_meets_each_record_once", "one more than the largest number", shared::<Overflows>),
        ("a_listing_begins_behind_after", "an unknown key is the beginning", shared::<UnknownIsNone>),
        ("a_listing_begins_behind_after", "begins with the key itself", shared::<Inclusive>),
        ("a_listing_begins_behind_after", "leaves the prefix by after", shared::<AfterBeatsPrefix>),
        ("a_listing_begins_behind_after", "has to be within the prefix", shared::<AfterWithin>),
        ("an_empty_page_has_no_more", "nothing at most is everything", shared::<ZeroIsAll>),
        ("an_empty_page_has_no_more", "there is always more", shared::<AlwaysMore>),
        ("paging_misses_nothing_while_others_write", "pages by numbers", shared::<ByNumbers>),
        ("paging_misses_nothing_while_others_write", "looks twice", shared::<LooksTwice>),
    ]
}

/// Lists in an order of its own.
#[derive(Debug)]
struct Ordered(fn(&RecordKey, &RecordKey) -> Ordering);

fn ordered(order: fn(&RecordKey, &RecordKey) -> Ordering) -> Subject {
    subject(move |_| Ordered(order))
}

#[async_trait]
impl Flaw for Ordered {
    async fn list(
        &self,
        inner: &MemoryVault,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        let mut records = inner.list(prefix, None, usize::MAX).await?.records;
        records.sort_by(|(one, _), (other, _)| (self.0)(one, other));
        records.retain(|(key, _)| after.is_none_or(|after| (self.0)(key, after) == Ordering::Greater));
        Ok(cut(records, limit))
    }
}

/// At most so many of the records.
fn cut(mut records: Vec<(RecordKey, StoredRecord)>, limit: usize) -> Page {
    let more = records.len() > limit && limit > 0;
    records.truncate(limit);
    Page { records, more }
}

/// Lists what it takes for the prefix's.
#[derive(Debug)]
struct Chosen(fn(&RecordPrefix, &RecordKey) -> bool);

fn chosen(choice: fn(&RecordPrefix, &RecordKey) -> bool) -> Subject {
    subject(move |_| Chosen(choice))
}

#[async_trait]
impl Flaw for Chosen {
    async fn list(
        &self,
        inner: &MemoryVault,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        let mut records = inner.list(&RecordPrefix::everything(), after, usize::MAX).await?.records;
        records.retain(|(key, _)| (self.0)(prefix, key));
        Ok(cut(records, limit))
    }
}

/// Changes the records that it lists.
#[derive(Debug)]
struct Listed(fn(&RecordKey, &mut StoredRecord));

fn listed(change: fn(&RecordKey, &mut StoredRecord)) -> Subject {
    subject(move |_| Listed(change))
}

#[async_trait]
impl Flaw for Listed {
    async fn list(
        &self,
        inner: &MemoryVault,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        let mut page = inner.list(prefix, after, limit).await?;
        page.records.iter_mut().for_each(|(key, record)| (self.0)(key, record));
        Ok(page)
    }
}

macro_rules! lists_so {
    ($name:ident, |$inner:ident, $prefix:ident, $after:ident, $limit:ident| $body:expr) => {
        #[derive(Debug, Default)]
        struct $name;

        #[async_trait]
        impl Flaw for $name {
            async fn list(
                &self,
                $inner: &MemoryVault,
                $prefix: &RecordPrefix,
                $after: Option<&RecordKey>,
                $limit: usize,
            ) -> Result<Page, VaultError> {
                $body
            }
        }
    };
}

lists_so!(MissesTheLast, |inner, prefix, after, limit| {
    // Fetches one more to see whether there is more, and goes on behind that one.
    let mut page = inner.list(prefix, after, limit).await?;
    if page.more && page.records.len() > 1 {
        page.records.remove(page.records.len() - 2);
    }
    Ok(page)
});

lists_so!(Inclusive, |inner, prefix, after, limit| {
    let mut records = inner.list(prefix, None, usize::MAX).await?.records;
    records.retain(|(key, _)| after.is_none_or(|after| key >= after));
    Ok(cut(records, limit))
});

lists_so!(FullIsLast, |inner, prefix, after, limit| {
    let page = inner.list(prefix, after, limit).await?;
    // Right but for a single record behind a full page.
    let behind = inner.list(prefix, page.records.last().map(|(key, _)| key), 2).await?;
    Ok(Page { more: page.more && behind.records.len() > 1, ..page })
});

lists_so!(Overflows, |inner, prefix, after, limit| {
    let mut page = inner.list(prefix, after, limit.wrapping_add(1)).await?;
    page.more = page.records.len() > limit;
    page.records.truncate(limit);
    page.more &= limit > 0;
    Ok(page)
});

lists_so!(UnknownIsNone, |inner, prefix, after, limit| {
    let is_known = match after {
        Some(after) => inner.load(after).await?.is_some(),
        None => false,
    };
    inner.list(prefix, after.filter(|_| is_known), limit).await
});

lists_so!(AfterBeatsPrefix, |inner, prefix, after, limit| {
    let mut records = inner.list(&RecordPrefix::everything(), after, usize::MAX).await?.records;
    if after.is_none_or(|after| prefix.covers(after)) {
        records.retain(|(key, _)| prefix.covers(key));
    }
    Ok(cut(records, limit))
});

lists_so!(AfterWithin, |inner, prefix, after, limit| {
    if after.is_some_and(|after| !prefix.covers(after)) {
        return Ok(Page::default());
    }
    inner.list(prefix, after, limit).await
});

lists_so!(ZeroIsAll, |inner, prefix, after, limit| {
    inner.list(prefix, after, if limit == 0 { usize::MAX } else { limit }).await
});

lists_so!(AlwaysMore, |inner, prefix, after, limit| {
    Ok(Page { more: true, ..inner.list(prefix, after, limit).await? })
});

lists_so!(LooksTwice, |inner, prefix, after, limit| {
    // The keys first, then each record; one that was replaced in between is left out.
    let mut page = inner.list(prefix, after, limit).await?;
    let mut kept = Vec::new();
    for (key, record) in std::mem::take(&mut page.records) {
        yield_now().await;
        let is_same = inner.load(&key).await?.is_some_and(|now| now.revision == record.revision);
        kept.extend(is_same.then_some((key, record)));
    }
    Ok(Page { more: page.more && !kept.is_empty(), records: kept })
});

/// Remembers how many records were before the last of a page, instead of which it was.
#[derive(Debug, Default)]
struct ByNumbers(Mutex<HashMap<RecordKey, usize>>);

#[async_trait]
impl Flaw for ByNumbers {
    async fn list(
        &self,
        inner: &MemoryVault,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        let all = inner.list(prefix, None, usize::MAX).await?.records;
        let before = after.and_then(|after| self.0.lock().unwrap().get(after).copied()).unwrap_or_default();
        let page = cut(all.into_iter().skip(before).collect(), limit);
        let last = page.records.last().map(|(key, _)| (key.clone(), before + page.records.len()));
        self.0.lock().unwrap().extend(last);
        Ok(page)
    }
}
