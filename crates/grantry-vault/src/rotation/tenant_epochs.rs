//! The tenants' keys: wrapped anew, and a new epoch where the active one is old.

use grantry_core::TenantId;

use super::RotationPhase;
use super::rotator::{Rotator, Run};
use crate::keyring::{KeySet, StandingSet};
use crate::keys::KeyContext;
use crate::store::StoreError;

impl<'a> Rotator<'a> {
    /// Goes through the deployment's own keys and those of each tenant.
    pub(super) async fn exchange_tenant_keys(&self, run: &mut Run<'a>) -> Result<(), StoreError> {
        let mut seen = 1;
        self.exchange_keys_of(None, run).await?;
        let mut after = None;
        loop {
            let (tenants, more) = self.tenants(after.as_ref()).await?;
            for (_, tenant) in &tenants {
                seen += 1;
                self.exchange_keys_of(Some(tenant), run).await?;
            }
            self.keep_lease(run).await?;
            self.tell(RotationPhase::TenantKeys, seen, run.report.rewrapped + run.report.new_epochs);
            match tenants.into_iter().next_back() {
                Some((last, _)) if more => after = Some(last),
                _ => return Ok(()),
            }
        }
    }

    async fn exchange_keys_of(&self, tenant: Option<&TenantId>, run: &mut Run<'a>) -> Result<(), StoreError> {
        let rewrapped = self.rewrap(tenant).await;
        run.report.rewrapped += u64::from(self.done(tenant, rewrapped, run)?);
        let begun = self.begin_epoch(tenant).await;
        run.report.new_epochs += u64::from(self.done(tenant, begun, run)?);
        Ok(())
    }

    /// One tenant whose keys cannot be had does not keep those of the others from being exchanged.
    fn done(
        &self,
        tenant: Option<&TenantId>,
        result: Result<bool, StoreError>,
        run: &mut Run<'a>,
    ) -> Result<bool, StoreError> {
        match result {
            // Somebody else changed the set; the next run looks again.
            Err(error) if error.is_conflict() => Ok(false),
            Err(error) if !error.is_passing() && tenant.is_some() => {
                run.report.failed.extend(tenant.cloned().map(|tenant| (tenant, error.to_string())));
                Ok(false)
            }
            other => other,
        }
    }

    /// Gives the tenant a new key, if its active one is due.
    async fn begin_epoch(&self, tenant: Option<&TenantId>) -> Result<bool, StoreError> {
        let StandingSet { set, over } = self.keyring.standing(tenant).await?;
        let now = self.keyring.clock.wall();
        let Some(active) = set.active() else { return Ok(false) };
        if now.since(active.created) < self.policy.every {
            return Ok(false);
        }
        let number = highest(&set).saturating_add(1);
        let store = &self.keyring.store;
        let context = KeyContext::new(&store.deployment, tenant, number);
        let (epoch, _key) = self.keyring.providers.generate(&context, now, store.entropy.as_ref()).await?;
        self.keyring.replace(tenant, &over, set.with_active(epoch, over.read_at())).await?;
        Ok(true)
    }
}

fn highest(set: &KeySet) -> u32 {
    set.epochs().iter().map(|epoch| epoch.number).max().unwrap_or(0)
}
