//! What a process remembers of a grant, for a store that forgets: one that fails over may lose what it had confirmed.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use grantry_core::Target;
use grantry_vault::{LineageId, RecordVersion, Renewing, SealedRecord};

use crate::brought::Brought;
use crate::protocol::Standing;
use crate::stored_grant::StoredGrant;

/// The newest successor that a record held when this process read or wrote it, sealed as in a lifeboat; and how it stood.
#[derive(Default)]
pub(crate) struct Keepsake {
    successor: Mutex<Option<Kept>>,
    standing: Mutex<Option<(LineageId, u64, Standing)>>,
}

#[derive(Clone)]
struct Kept {
    lineage: LineageId,
    generation: u64,
    sealed: SealedRecord,
}

impl Keepsake {
    /// Remembers what the record holds. A grant that was never rotated has nothing that could be lost.
    pub(crate) fn keep(&self, stored: &StoredGrant, target: &Target, renewing: &Renewing) {
        let (lineage, generation) = (stored.stored.version.lineage(), stored.stored.version.generation());
        let mut kept = self.successor.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known =
            kept.as_ref().is_some_and(|kept| kept.lineage == lineage && kept.generation >= generation);
        if is_known {
            return;
        }
        *kept = stored.as_brought(target).and_then(|brought| {
            let sealed = renewing.seal_aside(lineage, generation, &brought.encode()).ok()?;
            Some(Kept { lineage, generation, sealed })
        });
    }

    /// Remembers how the record stands in this version.
    pub(crate) fn note(&self, version: &RecordVersion, standing: &Standing) {
        let (lineage, number) = (version.lineage(), version.number());
        let mut noted = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.as_ref().is_none_or(|(of, known, _)| *of != lineage || *known <= number) {
            *noted = Some((lineage, number, standing.clone()));
        }
    }

    /// How the record stood in the newest version that this process has seen, where it remembers that.
    pub(crate) fn noted(&self, newest: &RecordVersion) -> Option<Standing> {
        let noted = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let (.., standing) =
            noted.as_ref().filter(|(of, number, _)| *of == newest.lineage() && *number >= newest.number())?;
        Some(standing.clone())
    }

    /// The lineage and generation of what is remembered. Whatever is read from now on is at least as new, or the store went back.
    pub(crate) fn newest(&self) -> Option<(LineageId, u64)> {
        let kept = self.successor.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().map(|kept| (kept.lineage, kept.generation))
    }

    /// What was remembered is written again: from now on the record says what there is.
    pub(crate) fn is_written_again(&self) {
        *self.successor.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether a record is behind what was remembered.
    pub(crate) fn is_ahead_of(&self, version: &RecordVersion) -> bool {
        self.newer_than(version).is_some()
    }

    /// What was remembered, where the record is behind it.
    pub(crate) async fn lost_by(&self, stored: &StoredGrant, renewing: &Renewing) -> Option<Brought> {
        let kept = self.newer_than(&stored.stored.version)?;
        let aside = renewing.open_aside(&kept.sealed).await.ok()?;
        Brought::decode(aside.lineage, &aside.content)
    }

    fn newer_than(&self, version: &RecordVersion) -> Option<Kept> {
        let kept = self.successor.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        (kept.lineage == version.lineage() && kept.generation > version.generation()).then_some(kept)
    }
}

impl fmt::Debug for Keepsake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keepsake").finish_non_exhaustive()
    }
}
