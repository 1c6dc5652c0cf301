//! Listing: the keys from the tenants' indexes, then the records.

use grantry_vault::{Page, RecordKey, RecordPrefix, StoredRecord, VaultError};
use redis::Cmd;

use crate::answer;
use crate::store::Store;

/// The most records that one call of a script reads, and the bytes after which it stops.
const CHUNK: usize = 128;
const CHUNK_BYTES: usize = 1024 * 1024;

/// The bytes after which a page is long enough.
const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// How many tenants are asked for at a time.
const TENANTS: usize = 256;

/// One page. A record that is removed between the two steps is left out; one that was there all the time is in the
/// index throughout.
pub(crate) async fn page(
    store: &Store,
    prefix: &RecordPrefix,
    after: Option<&RecordKey>,
    limit: usize,
) -> Result<Page, VaultError> {
    let mut page = Page::default();
    if limit == 0 {
        return Ok(page);
    }
    let mut last = after.cloned();
    let mut bytes = 0;
    loop {
        let room = CHUNK.min(limit - page.records.len());
        // One more than fits shows whether there is more.
        let keys = keys_after(store, prefix, last.as_ref(), room + 1).await?;
        let wanted = keys.get(..room.min(keys.len())).unwrap_or_default();
        if wanted.is_empty() {
            return Ok(page);
        }
        let read = store.read(wanted, CHUNK_BYTES).await?;
        let looked_at = read.records.len();
        for (key, found) in wanted.iter().zip(read.records) {
            if let Some((revision, sealed)) = found {
                bytes += sealed.as_bytes().len();
                page.records.push((key.clone(), StoredRecord { sealed, revision, read_at: read.at }));
            }
        }
        if looked_at == keys.len() {
            return Ok(page);
        }
        if page.records.len() == limit || (bytes >= PAGE_BYTES && !page.records.is_empty()) {
            page.more = true;
            return Ok(page);
        }
        last = looked_at.checked_sub(1).and_then(|at| wanted.get(at)).cloned();
        if last.is_none() {
            return Err(answer::strange());
        }
    }
}

/// At most `most` keys in their order.
async fn keys_after(
    store: &Store,
    prefix: &RecordPrefix,
    after: Option<&RecordKey>,
    most: usize,
) -> Result<Vec<RecordKey>, VaultError> {
    let after = after.filter(|after| after.as_str() >= prefix.as_str());
    let low = after.map_or(format!("[{prefix}", prefix = prefix.as_str()), |after| format!("({after}"));
    let high = prefix.end().map_or("+".to_owned(), |end| format!("({end}"));
    if let Some(tenant) = prefix.tenant_part() {
        return keys_of(store, tenant, &low, &high, most).await;
    }
    let mut keys = Vec::new();
    let mut tenant = None;
    if let Some(after) = after {
        keys = keys_of(store, after.tenant_part(), &low, &high, most).await?;
        tenant = Some(after.tenant_part().to_owned());
    }
    while keys.len() < most {
        let tenants = tenants_after(store, tenant.as_deref()).await?;
        let Some(last) = tenants.last() else { break };
        tenant = Some(last.clone());
        for tenant in &tenants {
            let room = most - keys.len();
            if room == 0 {
                break;
            }
            keys.extend(keys_of(store, tenant, "-", "+", room).await?);
        }
    }
    Ok(keys)
}

async fn keys_of(
    store: &Store,
    tenant: &str,
    low: &str,
    high: &str,
    most: usize,
) -> Result<Vec<RecordKey>, VaultError> {
    let texts = store.ask(&range(&store.names.index(tenant), low, high, most)).await?;
    let foreign = || VaultError::damaged("the index of a tenant holds what is no key of a record of it");
    texts
        .into_iter()
        .map(|text| RecordKey::parse(&answer::text(text)?).map_err(|_| foreign()))
        .map(|key| key.and_then(|key| if key.tenant_part() == tenant { Ok(key) } else { Err(foreign()) }))
        .collect()
}

/// Some of the tenants behind one, in the order of their keys: with its `/`, no tenant begins like another.
async fn tenants_after(store: &Store, after: Option<&str>) -> Result<Vec<String>, VaultError> {
    let low = after.map_or("-".to_owned(), |after| format!("({after}/"));
    let texts = store.ask(&range(&store.names.tenants(), &low, "+", TENANTS)).await?;
    let foreign = || VaultError::damaged("the list of tenants holds what is no tenant");
    texts
        .into_iter()
        .map(|text| answer::text(text)?.strip_suffix('/').map(str::to_owned).ok_or_else(foreign))
        .collect()
}

fn range(key: &str, low: &str, high: &str, most: usize) -> Cmd {
    let mut command = redis::cmd("ZRANGE");
    command.arg(key).arg(low).arg(high).arg("BYLEX").arg("LIMIT").arg(0).arg(most);
    command
}
