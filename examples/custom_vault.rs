//! A vault backend of one's own: all records in one text file, which several processes may share.
//!
//! The manual walks through it (`grantry::manual::vault`). `cargo run --example custom_vault` shows it at work, and
//! `cargo test --example custom_vault` runs the conformance suite against it.
#![allow(clippy::print_stdout, reason = "an example talks to a person")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use async_trait::async_trait;
use grantry::vault::access::{AccessPolicy, Principal};
use grantry::vault::{
    GrantRecord, LocalKey, Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, SealedVault,
    StoredRecord, Vault, VaultError, Watch,
};
use grantry::{Clock, RefreshToken, StoreTime, SystemClock};

/// A folder with a lock and a file: the highest time that was given out, then a line for each record.
#[derive(Debug)]
struct FileVault(PathBuf);

/// What the file says: records with their revisions, by key. A revision is the time of its write.
#[derive(Default)]
struct Content {
    now: u64,
    records: BTreeMap<String, (u64, Vec<u8>)>,
}

impl FileVault {
    /// Does `work` while no other handle and no other process does anything, and keeps what it leaves, durably.
    fn locked<T>(
        &self,
        durably: bool,
        work: impl FnOnce(&mut Content) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let failed = |error: io::Error| VaultError::unavailable(error.kind().to_string());
        let lock = File::options().create(true).append(true).open(self.0.join("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut content = self.read().map_err(failed)?;
        let wall = u64::try_from(SystemClock::new().wall().as_unix_nanos()).unwrap_or(0);
        content.now = wall.max(content.now + 1);
        let done = work(&mut content)?;
        // The time is kept after a reading, too, so that it never goes back; only a write has to outlive the machine.
        self.replace(&content, durably).map_err(failed)?;
        Ok(done)
    }

    fn read(&self) -> io::Result<Content> {
        let text = match fs::read_to_string(self.0.join("records")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Content::default()),
            text => text?,
        };
        let mut lines = text.lines();
        let now = lines.next().and_then(|line| line.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        let records = lines.map(|line| {
            // No key holds a control character, so a tab ends it.
            let mut parts = line.split('\t');
            let (key, revision, bytes) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
            Some((key.to_owned(), (revision, from_hex(bytes)?)))
        });
        Ok(Content { now, records: records.collect::<Option<_>>().ok_or(io::ErrorKind::InvalidData)? })
    }

    /// The new file takes the place of the old one whole, or not at all.
    fn replace(&self, content: &Content, durably: bool) -> io::Result<()> {
        let mut text = format!("{}\n", content.now);
        for (key, (revision, bytes)) in &content.records {
            text += &format!("{key}\t{revision}\t{}\n", to_hex(bytes));
        }
        let mut file = File::create(self.0.join("next"))?;
        file.write_all(text.as_bytes())?;
        if durably {
            file.sync_all()?;
        }
        fs::rename(self.0.join("next"), self.0.join("records"))?;
        if durably { File::open(&self.0)?.sync_all() } else { Ok(()) }
    }
}

impl Content {
    fn stored(&self, key: &str) -> Option<StoredRecord> {
        let (revision, bytes) = self.records.get(key)?;
        let sealed = SealedRecord::new(bytes.clone());
        Some(StoredRecord {
            sealed,
            revision: Revision::number(*revision),
            read_at: StoreTime::from_nanos(self.now),
        })
    }

    fn check(&self, key: &RecordKey, when: &Precondition) -> Result<(), VaultError> {
        let stands = self.records.get(key.as_str()).map(|(revision, _)| Revision::number(*revision));
        let holds = match when {
            Precondition::Absent => stands.is_none(),
            Precondition::Matches(revision) => stands.as_ref() == Some(revision),
        };
        if holds { Ok(()) } else { Err(VaultError::Conflict) }
    }
}

#[async_trait]
impl Vault for FileVault {
    async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        self.locked(false, |content| Ok(content.stored(key.as_str())))
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
        self.locked(true, |content| {
            content.check(key, &when)?;
            content.records.insert(key.to_string(), (content.now, record.as_bytes().to_vec()));
            Ok(Revision::number(content.now))
        })
    }

    async fn remove(&self, key: &RecordKey, revision: &Revision) -> Result<(), VaultError> {
        self.locked(true, |content| {
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
        self.locked(false, |content| {
            let keys = content.records.keys().filter_map(|key| RecordKey::parse(key).ok());
            let mut found = keys.filter(|key| prefix.covers(key) && after.is_none_or(|after| key > after));
            let page = found
                .by_ref()
                .take(limit)
                .filter_map(|key| Some((key.clone(), content.stored(key.as_str())?)));
            let records: Vec<_> = page.collect();
            Ok(Page { more: !records.is_empty() && found.next().is_some(), records })
        })
    }

    async fn now(&self) -> Result<StoreTime, VaultError> {
        self.locked(false, |content| Ok(StoreTime::from_nanos(content.now)))
    }

    fn watch(&self) -> Option<&dyn Watch> {
        None
    }
}

fn to_hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
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
    println!("the file has {} lines, and none with the refresh token in it", text.lines().count());
    assert!(!text.contains("r3fresh") && !text.contains(&to_hex(b"r3fresh")));
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
