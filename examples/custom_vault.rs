//! A vault backend of one's own: all records in one JSON file, which several processes may share.
//!
//! The manual walks through it (`grantry::manual::vault`). `cargo run --example custom_vault` shows it at work, and
//! `cargo test --example custom_vault` runs the conformance suite against it.

#![allow(clippy::print_stdout, reason = "an example talks to a person")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use grantry::vault::access::{AccessPolicy, Principal};
use grantry::vault::{
    GrantRecord, LocalKey, Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, SealedVault,
    StoredRecord, Vault, VaultError, Watch,
};
use grantry::{Clock, RefreshToken, StoreTime, SystemClock};
use serde::{Deserialize, Serialize};

/// A folder with a lock and a file.
#[derive(Debug)]
struct FileVault(PathBuf);

/// What the file says: the highest time that was given out, and each record with its revision, the time of its write.
#[derive(Default, Serialize, Deserialize)]
struct Content {
    now: u64,
    records: BTreeMap<String, (u64, String)>,
}

impl FileVault {
    /// Does `work` while no other handle and no other process does anything, and keeps what it leaves.
    fn locked<T>(&self, work: impl FnOnce(&mut Content) -> Result<T, VaultError>) -> Result<T, VaultError> {
        let failed = |error: io::Error| VaultError::unavailable(error.kind().to_string());
        let lock = File::options().create(true).append(true).open(self.0.join("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut content = match fs::read(self.0.join("records")) {
            Ok(text) => serde_json::from_slice(&text).map_err(|_| VaultError::damaged("no vault's file"))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Content::default(),
            Err(error) => return Err(failed(error)),
        };
        let wall = u64::try_from(SystemClock::new().wall().as_unix_nanos()).unwrap_or(0);
        content.now = wall.max(content.now + 1);
        let done = work(&mut content)?;
        self.replace(&content).map_err(failed)?;
        Ok(done)
    }

    /// Durably; and the new file takes the place of the old one whole, or not at all.
    fn replace(&self, content: &Content) -> io::Result<()> {
        let mut file = File::create(self.0.join("next"))?;
        file.write_all(&serde_json::to_vec(content)?)?;
        file.sync_all()?;
        fs::rename(self.0.join("next"), self.0.join("records"))?;
        File::open(&self.0)?.sync_all()
    }
}

impl Content {
    fn stored(&self, key: &RecordKey) -> Option<StoredRecord> {
        let (revision, sealed) = self.records.get(key.as_str())?;
        let (sealed, revision) =
            (SealedRecord::new(STANDARD.decode(sealed).ok()?), Revision::number(*revision));
        Some(StoredRecord { sealed, revision, read_at: StoreTime::from_nanos(self.now) })
    }

    fn check(&self, key: &RecordKey, when: &Precondition) -> Result<(), VaultError> {
        let stands = self.records.get(key.as_str()).map(|(revision, _)| Revision::number(*revision));
        let wanted = match when {
            Precondition::Absent => None,
            Precondition::Matches(revision) => Some(revision.clone()),
        };
        if stands == wanted { Ok(()) } else { Err(VaultError::Conflict) }
    }
}

#[async_trait]
impl Vault for FileVault {
    async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        self.locked(|content| Ok(content.stored(key)))
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
        self.locked(|content| {
            content.check(key, &when)?;
            content.records.insert(key.to_string(), (content.now, STANDARD.encode(record.as_bytes())));
            Ok(Revision::number(content.now))
        })
    }

    async fn remove(&self, key: &RecordKey, revision: &Revision) -> Result<(), VaultError> {
        self.locked(|content| {
            content.check(key, &Precondition::Matches(revision.clone()))?;
            content.records.remove(key.as_str());
            Ok(())
        })
    }

    async fn list(
        &self,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        self.locked(|content| {
            let keys = content.records.keys().filter_map(|key| RecordKey::parse(key).ok());
            let mut found = keys.filter(|key| prefix.covers(key) && after.is_none_or(|after| key > after));
            let some = found.by_ref().take(limit);
            let records: Vec<_> = some.filter_map(|key| Some((key.clone(), content.stored(&key)?))).collect();
            Ok(Page { more: !records.is_empty() && found.next().is_some(), records })
        })
    }

    async fn now(&self) -> Result<StoreTime, VaultError> {
        self.locked(|content| Ok(StoreTime::from_nanos(content.now)))
    }

    fn watch(&self) -> Option<&dyn Watch> {
        None
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let me = Principal::workload("billing")?;
    let open = || {
        let key = LocalKey::from_file(folder.path().join("grantry.key"))?;
        let backend = FileVault(folder.path().to_owned());
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
    let text = fs::read_to_string(folder.path().join("records"))?;
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
        move || FileVault(path.clone())
    };
    let reopen = open.clone();
    grantry::vault::conformance::Subject::new(open())
        .with_second_handle(open())
        .reopened_by(async move || reopen())
        .keeping(folder)
}

grantry::vault::conformance!(subject());
