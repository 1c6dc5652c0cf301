//! Sealed records in a backend: read, checked against what was seen, written by compare-and-swap.

use std::fmt;
use std::sync::Arc;

use grantry_core::{Entropy, StoreTime, Timestamp};
use zeroize::Zeroizing;

use crate::GrantState;
use crate::backend::{Precondition, RecordKey, RecordKind, Revision, SealedRecord, Vault, VaultError};
use crate::keyring::TenantKeys;
use crate::keys::{Deployment, KeyError};
use crate::records::{grant_state, tombstone};
use crate::sealing::{
    Header, HighWater, LineageId, Place, RefusedRecord, Sight, Stamp, Withdrawal, open, seal,
};

/// What went wrong below the vault's own operations.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum StoreError {
    #[error(transparent)]
    Backend(#[from] VaultError),
    #[error(transparent)]
    Refused(#[from] RefusedRecord),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("the tenant was erased")]
    Erased(Timestamp),
    #[error("there is no such tenant")]
    NoTenant,
    #[error("the vault belongs to the deployment {0}")]
    OtherDeployment(String),
    #[error("the record is longer than 1 MiB")]
    TooLong,
    #[error("the keys in memory are too old to write with")]
    StaleKeys,
}

impl StoreError {
    /// Whether the same may succeed later without anybody changing anything.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Backend(error) => error.is_passing(),
            Self::Key(error) => error.is_passing(),
            Self::StaleKeys => true,
            _ => false,
        }
    }

    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Backend(VaultError::Conflict))
    }
}

/// Which state of a record a write replaces.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) stamp: Stamp,
    pub(crate) revision: Revision,
    pub(crate) read_at: StoreTime,
}

/// A record that was read and opened.
pub(crate) struct Found {
    pub(crate) standing: Standing,
    pub(crate) content: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found").field("standing", &self.standing).finish_non_exhaustive()
    }
}

/// A record that is to be written.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) lineage: LineageId,
    pub(crate) generation: u64,
    pub(crate) content: &'a [u8],
}

/// A backend, and what this process has seen of it.
#[derive(Debug)]
pub(crate) struct RecordStore {
    pub(crate) backend: Arc<dyn Vault>,
    pub(crate) deployment: Deployment,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) water: HighWater,
}

impl RecordStore {
    fn place<'a>(&'a self, key: &'a RecordKey) -> Place<'a> {
        Place::new(&self.deployment, key)
    }

    /// Reads the record, tombstone or not.
    ///
    /// # Errors
    /// [`RefusedRecord::UnknownEpoch`] also where `keys` are older than the record: have them loaded anew.
    pub(crate) async fn read(&self, key: &RecordKey, keys: &TenantKeys) -> Result<Option<Found>, StoreError> {
        let mark = self.water.mark(key);
        let Some(stored) = self.backend.load(key).await? else {
            if mark.is_some() {
                self.water.saw_nothing(mark, self.backend.now().await?)?;
            }
            return Ok(None);
        };
        let found = self.open(key, keys, stored.sealed, stored.revision, stored.read_at)?;
        if is_remembered(key) {
            let Stamp { version, lineage, .. } = found.standing.stamp;
            self.water.saw(key, mark, version, sight_of(key, lineage, &found.content), stored.read_at)?;
        }
        Ok(Some(found))
    }

    /// Reads the record though the store went back: what was lost is to be written again. The version that the next
    /// write counts on from is the newest that was seen.
    pub(crate) async fn read_rolled_back(
        &self,
        key: &RecordKey,
        keys: &TenantKeys,
    ) -> Result<Option<Found>, StoreError> {
        let Some(stored) = self.backend.load(key).await? else { return Ok(None) };
        let mut found = self.open(key, keys, stored.sealed, stored.revision, stored.read_at)?;
        let version = &mut found.standing.stamp.version;
        *version = self.water.newest(key).map_or(*version, |seen| seen.max(*version));
        Ok(Some(found))
    }

    /// Opens a record that was read or listed, without comparing it to what was seen.
    pub(crate) fn open(
        &self,
        key: &RecordKey,
        keys: &TenantKeys,
        sealed: SealedRecord,
        revision: Revision,
        read_at: StoreTime,
    ) -> Result<Found, StoreError> {
        let (header, _) = Header::read(sealed.as_bytes())?;
        let epoch = header.stamp.epoch;
        let tenant_key = keys.of_epoch(epoch).ok_or(RefusedRecord::UnknownEpoch { epoch })?;
        let opened = open(tenant_key, self.place(key), &sealed)?;
        let standing = Standing { stamp: opened.stamp, revision, read_at };
        Ok(Found { standing, content: opened.content })
    }

    /// Writes a record in place of `over`, or where there is none, under the newest key.
    ///
    /// A write whose answer was lost is looked up: it counts as done where the very bytes are there.
    ///
    /// # Errors
    /// `Conflict` where another record stands there; `InDoubt` where the store says so and the old one still stands.
    pub(crate) async fn write(
        &self,
        key: &RecordKey,
        keys: &TenantKeys,
        over: Option<&Standing>,
        draft: Draft<'_>,
    ) -> Result<Standing, StoreError> {
        let read_at = match over {
            Some(over) => over.read_at,
            None => self.backend.now().await?,
        };
        let version = over
            .map_or_else(|| HighWater::first_version(read_at), |over| over.stamp.version.saturating_add(1));
        let (epoch, tenant_key) = keys.active();
        let stamp = Stamp { epoch, lineage: draft.lineage, generation: draft.generation, version };
        let sealed = seal(tenant_key, self.place(key), stamp, draft.content, self.entropy.as_ref())
            .map_err(|_| StoreError::TooLong)?;
        if !keys.may_write() {
            return Err(StoreError::StaleKeys);
        }
        let when = over.map_or(Precondition::Absent, |over| Precondition::Matches(over.revision.clone()));
        let revision = match self.backend.store(key, sealed.clone(), when).await {
            Err(VaultError::InDoubt(fact)) => self.resolve(key, &sealed, over, fact).await?,
            other => other?,
        };
        // What was written here is the newest there is, so it is never refused.
        if is_remembered(key) {
            let _ = self.water.saw(key, None, version, sight_of(key, draft.lineage, draft.content), read_at);
        }
        Ok(Standing { stamp, revision, read_at })
    }

    /// Looks what became of a write whose answer was lost.
    async fn resolve(
        &self,
        key: &RecordKey,
        sealed: &SealedRecord,
        over: Option<&Standing>,
        fact: std::borrow::Cow<'static, str>,
    ) -> Result<Revision, VaultError> {
        let in_doubt = || VaultError::InDoubt(fact.clone());
        let stands = self.backend.load(key).await.map_err(|_| in_doubt())?;
        match stands {
            // Each write is sealed under a salt of its own, so equal bytes are this very write.
            Some(stored) if stored.sealed == *sealed => Ok(stored.revision),
            // It was not written so far, but may still be on its way.
            stored if stored.as_ref().map(|s| &s.revision) == over.map(|o| &o.revision) => Err(in_doubt()),
            _ => Err(VaultError::Conflict),
        }
    }
}

/// What is to be remembered of a record that was read or written.
fn sight_of(key: &RecordKey, lineage: LineageId, content: &[u8]) -> Sight {
    let is_grant = key.kind() == RecordKind::Grant;
    let withdrawal = if tombstone(content).is_some() {
        Some(Withdrawal::Deleted)
    } else {
        let state = grant_state(content).filter(|_| is_grant);
        let ended = state.filter(|state| matches!(state, GrantState::Revoked | GrantState::Moved));
        ended.map(Withdrawal::Ended)
    };
    Sight { line: Some(lineage), withdrawal }
}

/// Whether the newest version of a record is remembered. Batches of the audit trail are not: they are written once and
/// never again, there is no end of them, and what is missing of them the trail itself shows. Nor is what waits for a
/// person: there is no end of it either, and an old one is of no use, since its code was redeemed.
fn is_remembered(key: &RecordKey) -> bool {
    !matches!(key.kind(), RecordKind::Audit | RecordKind::Pending)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use grantry_core::{Clock, SystemClock, SystemEntropy};

    use super::*;
    use crate::MemoryVault;
    use crate::keys::TenantKey;

    #[tokio::test]
    async fn the_trail_leaves_nothing_in_memory_and_a_grant_does() {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let store = RecordStore {
            backend: Arc::new(MemoryVault::new()),
            deployment: Deployment::new("prod").unwrap(),
            entropy: Arc::new(SystemEntropy),
            water: HighWater::new(Duration::from_secs(60)),
        };
        let active = (1, TenantKey::generate(&SystemEntropy));
        let keys = TenantKeys::new(active, Vec::new(), clock.now(), Duration::from_secs(60), clock);
        for (text, is_remembered) in
            [("-/audit/-/writer/0", false), ("acme/pending/-/a", false), ("acme/grant/crm/a", true)]
        {
            let key = RecordKey::parse(text).unwrap();
            let lineage = LineageId::generate(&SystemEntropy);
            let draft = Draft { lineage, generation: 0, content: b"\x01" };
            store.write(&key, &keys, None, draft).await.unwrap();
            store.read(&key, &keys).await.unwrap().unwrap();
            assert_eq!(store.water.mark(&key).is_some(), is_remembered, "{text}");
        }
    }
}
