//! One run of a rotation.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Instant, TenantId};

use super::lease::Lease;
use super::{RotationPhase, RotationPolicy, RotationProgress, RotationReport};
use crate::backend::{RecordKey, RecordKind, RecordPrefix};
use crate::keyring::Keyring;
use crate::keys::KeyRotation;
use crate::store::StoreError;

/// How many records or tenants are read at a time: what bounds the memory of a run.
pub(super) const PAGE: usize = 256;

/// Rotates the keys of a vault.
pub(crate) struct Rotator<'a> {
    pub(crate) keyring: &'a Keyring,
    pub(crate) rotation: Option<Arc<dyn KeyRotation>>,
    pub(crate) policy: &'a RotationPolicy,
    pub(crate) tombstones_stand: Duration,
    pub(crate) on_progress: &'a (dyn Fn(RotationProgress) + Send + Sync),
}

impl fmt::Debug for Rotator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotator").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// What a run carries from step to step.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) lease: Lease<'a>,
    pub(super) report: RotationReport,
    pub(super) renewed: Instant,
}

impl<'a> Rotator<'a> {
    /// Does whatever is due, from where an earlier run was cut off.
    pub(crate) async fn run(&self) -> Result<RotationReport, StoreError> {
        let Some(lease) = Lease::take(self.keyring, self.policy.lease).await? else {
            return Ok(RotationReport { busy_elsewhere: true, ..RotationReport::default() });
        };
        let renewed = self.keyring.clock.now();
        let mut run = Run { lease, report: RotationReport::default(), renewed };
        let done = self.steps(&mut run).await;
        // Also after a failure: the next run goes on from here, and need not wait for the lease to end.
        let released = run.lease.release().await;
        done.and(released).map(|()| run.report)
    }

    async fn steps(&self, run: &mut Run<'a>) -> Result<(), StoreError> {
        self.exchange_provider_key(run).await?;
        self.exchange_tenant_keys(run).await?;
        self.sweep(run).await?;
        self.retire_epochs(run).await?;
        self.retire_provider_keys(run).await
    }

    pub(super) fn tell(&self, phase: RotationPhase, seen: u64, changed: u64) {
        (self.on_progress)(RotationProgress { phase, seen, of: None, changed });
    }

    /// Renews the lease if it is time to.
    pub(super) async fn keep_lease(&self, run: &mut Run<'a>) -> Result<(), StoreError> {
        let now = self.keyring.clock.now();
        // Long before it ends.
        if now.since(run.renewed) >= self.policy.lease / 4 {
            run.lease.renew().await?;
            run.renewed = now;
        }
        Ok(())
    }

    /// A page of the tenants that have keys, after `after`; the deployment's own set is none of them.
    pub(super) async fn tenants(
        &self,
        after: Option<&RecordKey>,
    ) -> Result<(Vec<(RecordKey, TenantId)>, bool), StoreError> {
        let prefix = RecordPrefix::deployment(RecordKind::Keys);
        let page = self.keyring.store.backend.list(&prefix, after, PAGE).await?;
        let named = |key: &RecordKey| TenantId::new(key.account()).ok();
        let tenants = page.records.iter().filter_map(|(key, _)| Some((key.clone(), named(key)?))).collect();
        Ok((tenants, page.more))
    }
}
