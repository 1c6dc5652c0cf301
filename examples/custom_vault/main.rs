//! A vault backend of one's own, over a store that a program has already (`store.rs`).
//!
//! The manual walks through it (`grantry::manual::backends`). `cargo run --example custom_vault` shows it at work, and
//! `cargo test --example custom_vault` runs the conformance suite against it.

#![allow(clippy::print_stdout, reason = "an example talks to a person")]

mod store;

use std::io;

use async_trait::async_trait;
use grantry::vault::access::{AccessPolicy, Principal};
use grantry::vault::{
    GrantRecord, LocalKey, Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, SealedVault,
    StoredRecord, Vault, VaultError, Watch,
};
use grantry::{Clock, RefreshToken, StoreTime, SystemClock};

use store::{Blob, Store};

/// A record is a blob under its key; its revision is the time at which it was written, which never comes back.
#[derive(Debug)]
struct OwnVault(Store);

#[async_trait]
impl Vault for OwnVault {
    async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        Ok(self.0.get(key.as_str()).map_err(unread)?.map(stored))
    }

    async fn store(
        &self,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        if record.as_bytes().len() > SealedRecord::MOST_BYTES {
            return Err(VaultError::refused("the record is longer than 1 MiB"));
        }
        let stands = match when {
            Precondition::Absent => None,
            Precondition::Matches(revision) => Some(revision.as_number().ok_or(VaultError::Conflict)?),
        };
        let written = self.0.put_if(key.as_str(), stands, record.as_bytes()).map_err(unknown)?;
        written.map(Revision::number).ok_or(VaultError::Conflict)
    }

    async fn remove(&self, key: &RecordKey, revision: &Revision) -> Result<(), VaultError> {
        let stands = revision.as_number().ok_or(VaultError::Conflict)?;
        let is_gone = self.0.delete_if(key.as_str(), stands).map_err(unknown)?;
        if is_gone { Ok(()) } else { Err(VaultError::Conflict) }
    }

    async fn list(
        &self,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        // One more than asked for says whether there is more.
        let after = after.map_or("", RecordKey::as_str);
        let mut blobs = self.0.range(prefix.as_str(), after, limit.saturating_add(1)).map_err(unread)?;
        let more = limit > 0 && blobs.len() > limit;
        blobs.truncate(limit);
        let records =
            blobs.into_iter().filter_map(|blob| Some((RecordKey::parse(&blob.name).ok()?, stored(blob))));
        Ok(Page { records: records.collect(), more })
    }

    async fn now(&self) -> Result<StoreTime, VaultError> {
        self.0.now().map(StoreTime::from_nanos).map_err(unread)
    }

    fn watch(&self) -> Option<&dyn Watch> {
        None
    }
}

fn stored(blob: Blob) -> StoredRecord {
    let (sealed, revision) = (SealedRecord::new(blob.bytes), Revision::number(blob.written));
    StoredRecord { sealed, revision, read_at: StoreTime::from_nanos(blob.now) }
}

/// Whatever kept a blob from being read.
fn unread(error: io::Error) -> VaultError {
    VaultError::unavailable(error.kind().to_string())
}

/// The store does not tell whether it wrote before it failed. One that can tell says so.
fn unknown(error: io::Error) -> VaultError {
    VaultError::in_doubt(error.kind().to_string())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let me = Principal::workload("billing")?;
    let open = || {
        let key = LocalKey::from_file(folder.path().join("grantry.key"))?;
        let backend = OwnVault(Store::open(folder.path()));
        Ok::<_, grantry::vault::KeyError>(SealedVault::builder(backend, key, AccessPolicy::sole(&me)).open())
    };
    LocalKey::generate(folder.path().join("grantry.key"))?;

    let vault = open()?.await?;
    let mine = vault.as_principal(me.clone());
    mine.create_tenant("acme").await?;
    let now = SystemClock::new().wall();
    let grant = GrantRecord::new(now).with_refresh_token(RefreshToken::new("r3fresh"), now);
    mine.tenant("acme")?.create_grant("crm", "user-17", grant).await?;
    vault.close().await?;

    // Another process, as it were.
    let vault = open()?.await?;
    let acme = vault.as_principal(me.clone()).tenant("acme")?;
    let found = acme.grant("crm", "user-17").await?.ok_or("the grant is gone")?;
    println!("{}: {:?}, can be renewed: {}", found.key, found.state, found.has_refresh_token);
    let text = std::fs::read_to_string(folder.path().join("blobs"))?;
    println!("the file has {} bytes, and the refresh token is not among them", text.len());
    assert!(!text.contains("r3fresh"));
    vault.close().await?;
    Ok(())
}

#[cfg(test)]
async fn subject() -> grantry::vault::conformance::Subject {
    let folder = tempfile::tempdir().unwrap();
    let open = {
        let path = folder.path().to_owned();
        move || OwnVault(Store::open(path.clone()))
    };
    let reopen = open.clone();
    grantry::vault::conformance::Subject::new(open())
        .with_second_handle(open())
        .reopened_by(async move || reopen())
        .keeping(folder)
}

grantry::vault::conformance!(subject());
