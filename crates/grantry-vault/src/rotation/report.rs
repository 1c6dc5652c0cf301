//! What a rotation does, and what it did.

use grantry_core::TenantId;

use crate::backend::RecordKey;
use crate::keys::KeyId;
use crate::sealing::RefusedRecord;

/// The steps of a rotation, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RotationPhase {
    /// The provider's key is exchanged.
    ProviderKey,
    /// The tenants' keys are wrapped anew, and get new epochs.
    TenantKeys,
    /// Records are sealed anew.
    Records,
    /// Keys that nothing names are retired.
    Retirement,
}

/// How far a rotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RotationProgress {
    /// The step.
    pub phase: RotationPhase,
    /// How many tenants or records were looked at in this step, by this run.
    pub seen: u64,
    /// How many this run will have looked at in this step, roughly: others write meanwhile. Only of records, and only
    /// where [`counts_first`](super::RotationPolicy::counts_first) asks for it.
    pub of: Option<u64>,
    /// How many of them were changed.
    pub changed: u64,
}

/// What a rotation did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RotationReport {
    /// Another process is at it; nothing was done here.
    pub busy_elsewhere: bool,
    /// The version of the provider's key that was promoted, if one was.
    pub promoted: Option<KeyId>,
    /// How many sets of keys were wrapped anew.
    pub rewrapped: u64,
    /// How many tenants got a new epoch, the deployment itself included.
    pub new_epochs: u64,
    /// How many records were looked at.
    pub seen: u64,
    /// How many records were sealed anew.
    pub resealed: u64,
    /// How many tombstones past their time, and records of erased tenants, were removed.
    pub removed: u64,
    /// How many epochs of tenants were retired.
    pub retired_epochs: u64,
    /// The versions of the provider's key that were retired.
    pub retired_keys: Vec<KeyId>,
    /// Versions that still have to wait: something names them, or their hold time is not over.
    pub waiting_keys: Vec<KeyId>,
    /// Tenants whose keys cannot be had, with what went wrong. Their keys and records were left as they are.
    pub failed: Vec<(TenantId, String)>,
    /// Records that could not be opened, with the reason; of more than a hundred the first. They were left as they are,
    /// and the keys that they name stay.
    pub refused: Vec<(RecordKey, RefusedRecord)>,
}

impl RotationReport {
    const MOST_REFUSED: usize = 100;

    pub(super) fn refuse(&mut self, key: &RecordKey, why: RefusedRecord) {
        if self.refused.len() < Self::MOST_REFUSED {
            self.refused.push((key.clone(), why));
        }
    }
}
