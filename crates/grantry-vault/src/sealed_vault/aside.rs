//! What is kept outside of the store for a while, sealed as a record is.

use std::fmt;
use std::sync::Arc;

use grantry_core::Error;
use zeroize::Zeroizing;

use super::Renewing;
use super::open::about;
use crate::backend::{RecordKey, SealedRecord};
use crate::keyring::TenantKeys;
use crate::records::{aside, read_aside};
use crate::sealing::{Header, LineageId, Place, RefusedRecord, Stamp, open, seal};
use crate::store::{RecordStore, StoreError};

/// What was kept outside of the store.
#[non_exhaustive]
pub struct Aside {
    /// The line of descent that it belongs to.
    pub lineage: LineageId,
    /// How many renewals lay behind the grant.
    pub generation: u64,
    /// What was kept, zeroized when dropped.
    pub content: Zeroizing<Vec<u8>>,
}

/// Seals for a grant's place what its renewal brought after it was over, with the keys that it had; see [`Renewing::late_seal`].
pub struct LateSeal {
    store: Arc<RecordStore>,
    record: RecordKey,
    keys: Arc<TenantKeys>,
}

impl LateSeal {
    /// Where the grant is kept.
    pub const fn record(&self) -> &RecordKey {
        &self.record
    }

    /// Seals bytes as [`Renewing::seal_aside`] does.
    ///
    /// # Errors
    /// `Configuration` for more than a record may hold.
    pub fn seal_aside(
        &self,
        lineage: LineageId,
        generation: u64,
        content: &[u8],
    ) -> Result<SealedRecord, Error> {
        let (epoch, key) = self.keys.active();
        let stamp = Stamp { epoch, lineage, generation, version: 0 };
        let place = Place::new(&self.store.deployment, &self.record);
        seal(key, place, stamp, aside(content).as_bytes(), self.store.entropy.as_ref())
            .map_err(|_| about(&self.record)(StoreError::TooLong))
    }
}

impl fmt::Debug for LateSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LateSeal").field("record", &self.record).finish_non_exhaustive()
    }
}

impl Renewing {
    /// Seals bytes for the grant's place, to be kept outside of the store until they are in it: in a lifeboat. Put into
    /// the store they would be refused. Needs no store and no key provider.
    ///
    /// # Errors
    /// `Configuration` for more than a record may hold.
    pub fn seal_aside(
        &self,
        lineage: LineageId,
        generation: u64,
        content: &[u8],
    ) -> Result<SealedRecord, Error> {
        self.late_seal().seal_aside(lineage, generation, content)
    }

    /// What seals for the grant's place when the renewal is over, too: what comes so late that nobody waits for it is in a lifeboat
    /// before the keys and the audit trail are asked for another renewal.
    pub fn late_seal(&self) -> LateSeal {
        let store = Arc::clone(&self.vault.inner.store);
        LateSeal { store, record: self.record().clone(), keys: Arc::clone(&self.keys) }
    }

    /// Opens what [`seal_aside`](Renewing::seal_aside) sealed, in this process or in another one.
    ///
    /// # Errors
    /// `Damaged` where it was changed, is of another place, or is no such thing; `KeyUnavailable` and `Storage` where
    /// the key that it names cannot be had.
    pub async fn open_aside(&self, sealed: &SealedRecord) -> Result<Aside, Error> {
        let open = async {
            let (header, _) = Header::read(sealed.as_bytes())?;
            let epoch = header.stamp.epoch;
            let inner = &self.vault.inner;
            let newer;
            let keys = match self.keys.of_epoch(epoch) {
                Some(_) => &self.keys,
                None => {
                    newer = inner.keyring.newer_keys(Some(&self.vault.tenant), &self.keys).await?;
                    &newer
                }
            };
            let key = keys.of_epoch(epoch).ok_or(RefusedRecord::UnknownEpoch { epoch })?;
            let opened = open(key, Place::new(&inner.store.deployment, self.record()), sealed)?;
            let content = read_aside(&opened.content).ok_or(RefusedRecord::Unreadable)?;
            let Stamp { lineage, generation, .. } = opened.stamp;
            Ok(Aside { lineage, generation, content: Zeroizing::new(content.to_vec()) })
        };
        open.await.map_err(about(self.record()))
    }
}

impl fmt::Debug for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aside")
            .field("lineage", &self.lineage)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}
