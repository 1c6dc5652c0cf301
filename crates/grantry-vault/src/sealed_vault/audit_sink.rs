//! The audit trail in the vault's own store.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::audit::{AuditError, AuditKey, AuditLine, AuditSink};
use crate::backend::{NOBODY, RecordKey, RecordKind, RecordPrefix};
use crate::keyring::Keyring;
use crate::records::{Content, Kept, Reader, Writer};
use crate::sealing::{LineageId, RefusedRecord};
use crate::store::{Draft, Found, StoreError};

/// Keeps the lines of the audit trail as sealed records of the deployment, a record for each batch.
///
/// A record is named by the writer and the number of its first line, so that a batch whose answer was lost is found to
/// be there when it is written again.
pub(super) struct VaultAuditSink {
    keyring: Arc<Keyring>,
}

/// The name of the record with the key of the audit trail. No batch is called so.
const ROOT: &str = "root";

impl VaultAuditSink {
    pub(super) fn new(keyring: Arc<Keyring>) -> Self {
        Self { keyring }
    }

    /// The key of the audit trail, made where there is none.
    pub(super) async fn root_key(&self) -> Result<AuditKey, StoreError> {
        let record = record(ROOT);
        loop {
            if let Some(found) = self.read(&record).await? {
                return match Kept::<Root>::decode(&found.content)? {
                    Kept::Content(root) => Ok(root.0),
                    Kept::Tombstone(_) => Err(RefusedRecord::Unreadable.into()),
                };
            }
            let root = Root(AuditKey::generate(self.keyring.store.entropy.as_ref()));
            match self.write(&record, &Kept::Content(root).encode()).await {
                Err(error) if error.is_conflict() => {}
                other => other?,
            }
        }
    }

    async fn read(&self, record: &RecordKey) -> Result<Option<Found>, StoreError> {
        let keys = self.keyring.keys(None).await?;
        match self.keyring.store.read(record, &keys).await {
            Err(StoreError::Refused(RefusedRecord::UnknownEpoch { .. })) => {
                let keys = self.keyring.newer_keys(None, &keys).await?;
                self.keyring.store.read(record, &keys).await
            }
            other => other,
        }
    }

    async fn write(&self, record: &RecordKey, content: &Writer) -> Result<(), StoreError> {
        let store = &self.keyring.store;
        let keys = self.keyring.keys(None).await?;
        let lineage = LineageId::generate(store.entropy.as_ref());
        let draft = Draft { lineage, generation: 0, content: content.as_bytes() };
        store.write(record, &keys, None, draft).await.map(drop)
    }

    /// Keeps the lines, unless they are there. A batch whose answer was lost comes again, perhaps with more lines behind
    /// it: what is there already is left, and the rest gets a record of its own.
    async fn keep(&self, mut lines: &[AuditLine]) -> Result<(), StoreError> {
        while let Some(first) = lines.first() {
            let record = record(&format!("{}/{:020}", first.writer(), first.seq()));
            let batch = Batch(lines.iter().map(AuditLine::to_json).collect());
            let (texts, encoded) = (batch.0.clone(), Kept::Content(batch).encode());
            let conflict = match self.write(&record, &encoded).await {
                Err(error) if error.is_conflict() => error,
                other => return other,
            };
            let Some(found) = self.read(&record).await? else { return Err(conflict) };
            let Kept::Content(kept) = Kept::<Batch>::decode(&found.content)? else { return Err(conflict) };
            if kept.0.is_empty() || kept.0.iter().zip(&texts).any(|(kept, text)| kept != text) {
                return Err(conflict);
            }
            lines = lines.get(kept.0.len()..).unwrap_or_default();
        }
        Ok(())
    }

    /// The lines of the trail, a page of batches at a time: those after the record `after`.
    pub(super) async fn lines(
        &self,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<(Vec<String>, Option<RecordKey>), StoreError> {
        let store = &self.keyring.store;
        let page = store.backend.list(&RecordPrefix::deployment(RecordKind::Audit), after, limit).await?;
        let last = page.records.last().map(|(key, _)| key.clone()).filter(|_| page.more);
        let mut keys = self.keyring.keys(None).await?;
        let mut lines = Vec::new();
        for (record, stored) in page.records.into_iter().filter(|(key, _)| key.account() != ROOT) {
            let found = self.keyring.open_listed(None, &record, &mut keys, stored).await?;
            if let Kept::Content(batch) = Kept::<Batch>::decode(&found.content)? {
                lines.extend(batch.0);
            }
        }
        Ok((lines, last))
    }
}

fn record(name: &str) -> RecordKey {
    RecordKey::join(NOBODY, RecordKind::Audit, NOBODY, name)
}

impl fmt::Debug for VaultAuditSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultAuditSink(..)")
    }
}

#[async_trait]
impl AuditSink for VaultAuditSink {
    fn is_durable(&self) -> bool {
        true
    }

    async fn append(&self, lines: &[AuditLine]) -> Result<(), AuditError> {
        // A record is bounded, and so is what goes into one.
        for batch in lines.chunks(MOST_LINES) {
            self.keep(batch).await.map_err(|error| AuditError::unavailable(error.to_string()))?;
        }
        Ok(())
    }
}

/// Lines in one record: of at most 3 KiB each they fit into its 1 MiB.
const MOST_LINES: usize = 256;

/// Lines of the audit trail, as text.
#[derive(Debug)]
struct Batch(Vec<String>);

impl Content for Batch {
    const KIND: RecordKind = RecordKind::Audit;
    const FORMAT: u8 = 1;

    fn room(&self) -> usize {
        self.0.iter().map(|line| line.len() + 4).sum()
    }

    fn write(&self, to: &mut Writer) {
        to.list(self.0.iter(), |to, line| to.text(line));
    }

    fn read(_format: u8, from: &mut Reader<'_>) -> Option<Self> {
        from.list(|from| from.text().map(str::to_owned)).map(Self)
    }
}

/// The key of the audit trail.
struct Root(AuditKey);

impl Content for Root {
    const KIND: RecordKind = RecordKind::Audit;
    const FORMAT: u8 = 1;

    fn room(&self) -> usize {
        AuditKey::BYTES + 4
    }

    fn write(&self, to: &mut Writer) {
        to.bytes(self.0.expose());
    }

    fn read(_format: u8, from: &mut Reader<'_>) -> Option<Self> {
        AuditKey::from_slice(from.bytes()?).map(Self)
    }
}
