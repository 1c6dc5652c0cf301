//! The records in Redis: what each call sends, and what it makes of the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use grantry_core::StoreTime;
use grantry_vault::{Precondition, RecordKey, Revision, SealedRecord, VaultError};
use redis::Cmd;

use crate::answer;
use crate::link::Target;
use crate::links::Links;
use crate::live::{Failure, Live};
use crate::names::Names;
use crate::replicas::Wait;
use crate::revision;
use crate::scripts::{Call, FORMAT, READ, REMOVE, STORE};

/// The latest reading that is named to the server: beyond it numbers lose their last digits there.
const LATEST: u64 = 9_000_000_000_000_000;

/// The store behind a handle.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) names: Names,
    target: Arc<Target>,
    readings: Arc<Links>,
    /// The same, or some of its own where writes wait for replicas: waiting holds a connection up.
    writes: Arc<Links>,
    wait: Wait,
    /// The latest reading of the store's clock, in microseconds: a new primary may not know it.
    seen: AtomicU64,
}

/// What one call read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) at: StoreTime,
    /// For each key that was looked at, in turn.
    pub(crate) records: Vec<Option<(Revision, SealedRecord)>>,
}

impl Store {
    pub(crate) fn new(names: Names, target: Arc<Target>, replicas: u32) -> Self {
        let readings = Arc::new(Links::new(&target));
        let writes = if replicas == 0 { Arc::clone(&readings) } else { Arc::new(Links::new(&target)) };
        let wait = Wait { replicas, patience: target.command_patience };
        Self { names, target, readings, writes, wait, seen: AtomicU64::new(0) }
    }

    /// Connects, and sees that the namespace can be read.
    pub(crate) async fn prove(&self) -> Result<(), VaultError> {
        self.read(&[], 0).await?;
        self.writes.least_used().live().await.map(drop)
    }

    /// Lets go of the connections.
    pub(crate) fn close(&self) {
        self.readings.close();
        self.writes.close();
    }

    /// Reads the clock and the records under the keys, at least one if there are any, until `most_bytes` are read.
    pub(crate) async fn read(&self, keys: &[RecordKey], most_bytes: usize) -> Result<Read, VaultError> {
        let names: Vec<String> = std::iter::once(self.names.state())
            .chain(keys.iter().map(|key| self.names.record(key)))
            .collect();
        let (seen, most) = (self.seen.load(Ordering::Acquire).to_string(), most_bytes.to_string());
        let arguments = [FORMAT.as_bytes(), seen.as_bytes(), most.as_bytes()];
        let call = Call { script: &READ, keys: &names, arguments: &arguments };
        let mut parts = answer::parts(self.readings.least_used().run_reading(&call).await?)?.into_iter();
        let (status, detail) = (parts.next().unwrap_or_default(), parts.next());
        if status != b"ok" {
            return Err(answer::told(&status, detail.as_ref()));
        }
        let micros: u64 = answer::text(detail.unwrap_or_default())?.parse().map_err(|_| answer::strange())?;
        self.seen.fetch_max(micros.min(LATEST), Ordering::AcqRel);
        let mut records = Vec::new();
        while let (Some(revision), Some(sealed)) = (parts.next(), parts.next()) {
            let revision = answer::text(revision)?;
            let is_there = !revision.is_empty();
            records.push(is_there.then(|| (Revision::text(revision), SealedRecord::new(sealed))));
        }
        Ok(Read { at: StoreTime::from_nanos(micros.saturating_mul(1000)), records })
    }

    /// Runs a command that reads texts.
    pub(crate) async fn ask(&self, command: &Cmd) -> Result<Vec<Vec<u8>>, VaultError> {
        answer::parts(self.readings.least_used().ask(command).await?)
    }

    /// Writes a record if it is as expected.
    pub(crate) async fn store(
        &self,
        key: &RecordKey,
        record: &SealedRecord,
        when: &Precondition,
    ) -> Result<Revision, VaultError> {
        let expected = revision::precondition(when).ok_or(VaultError::Conflict)?;
        let (drawn, channel) = (revision::drawn(), self.names.channel(key.tenant_part()));
        let keys = self.keys(key);
        let link = self.writes.least_used();
        let live = link.live().await?;
        for is_registered in ["0", "1"] {
            let arguments = [
                FORMAT.as_bytes(),
                key.as_str().as_bytes(),
                expected.as_bytes(),
                record.as_bytes(),
                drawn.as_bytes(),
                channel.as_bytes(),
                is_registered.as_bytes(),
            ];
            let call = Call { script: &STORE, keys: &keys, arguments: &arguments };
            let mut parts = self.run_writing(&live, &call).await?.into_iter();
            let (status, detail) = (parts.next().unwrap_or_default(), parts.next());
            match status.as_slice() {
                b"ok" => {
                    let revision = answer::text(detail.unwrap_or_default()).map_err(|_| unreadable())?;
                    self.wait.on(&live).await?;
                    return Ok(Revision::text(revision));
                }
                b"register" => self.register(&live, key.tenant_part()).await?,
                _ => return Err(answer::told(&status, detail.as_ref())),
            }
        }
        Err(answer::strange())
    }

    /// Removes a record if it is as expected.
    pub(crate) async fn remove(&self, key: &RecordKey, revision: &Revision) -> Result<(), VaultError> {
        let expected = revision::matching(revision).ok_or(VaultError::Conflict)?;
        let channel = self.names.channel(key.tenant_part());
        let arguments = [FORMAT.as_bytes(), key.as_str().as_bytes(), expected.as_bytes(), channel.as_bytes()];
        let link = self.writes.least_used();
        let live = link.live().await?;
        let keys = self.keys(key);
        let parts =
            self.run_writing(&live, &Call { script: &REMOVE, keys: &keys, arguments: &arguments }).await?;
        match parts.first().map(Vec::as_slice) {
            Some(b"ok") => self.wait.on(&live).await,
            status => Err(answer::told(status.unwrap_or_default(), parts.get(1))),
        }
    }

    /// Runs a script that may write, exactly once.
    async fn run_writing(&self, live: &Live, call: &Call<'_>) -> Result<Vec<Vec<u8>>, VaultError> {
        let answered = live.run(call, self.target.command_patience).await;
        answer::parts(answered.map_err(Failure::of_a_write)?).map_err(|_| unreadable())
    }

    /// Puts a tenant on the list, before its first record: so that there is no record of a tenant that is not on it.
    /// It stays there. Whatever goes wrong here, no record was written.
    async fn register(&self, live: &Live, tenant: &str) -> Result<(), VaultError> {
        let mut command = redis::cmd("ZADD");
        command.arg(self.names.tenants()).arg(0).arg(format!("{tenant}/"));
        live.send(&command, self.target.command_patience).await.map(drop).map_err(Failure::of_a_reading)
    }

    fn keys(&self, key: &RecordKey) -> [String; 3] {
        [self.names.state(), self.names.record(key), self.names.index(key.tenant_part())]
    }
}

fn unreadable() -> VaultError {
    VaultError::in_doubt("Redis answered with something else than the script returns")
}
