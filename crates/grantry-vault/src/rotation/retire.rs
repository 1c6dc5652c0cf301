//! Epochs of tenants are retired when no record names them.

use std::collections::BTreeSet;

use grantry_core::TenantId;

use super::RotationPhase;
use super::rotator::{PAGE, Rotator, Run};
use crate::backend::{RecordKind, RecordPrefix};
use crate::keyring::{EpochState, StandingSet, keys_record};
use crate::sealing::Header;
use crate::store::StoreError;

impl<'a> Rotator<'a> {
    /// Goes through the deployment's own keys and those of each tenant.
    pub(super) async fn retire_epochs(&self, run: &mut Run<'a>) -> Result<(), StoreError> {
        self.retire_epochs_of(None, run).await?;
        let mut after = None;
        loop {
            let (tenants, more) = self.tenants(after.as_ref()).await?;
            for (_, tenant) in &tenants {
                match self.retire_epochs_of(Some(tenant), run).await {
                    // It was reported when its keys were to be exchanged.
                    Err(error) if !error.is_passing() => {}
                    other => other?,
                }
            }
            self.keep_lease(run).await?;
            self.tell(RotationPhase::Retirement, tenants.len() as u64, run.report.retired_epochs);
            match tenants.into_iter().next_back() {
                Some((last, _)) if more => after = Some(last),
                _ => return Ok(()),
            }
        }
    }

    /// Retires those epochs that have not sealed for the hold time, and that a full look at the tenant's records, begun
    /// after that, does not find named. Whatever cannot be read might name any of them, so it keeps them all.
    async fn retire_epochs_of(&self, tenant: Option<&TenantId>, run: &mut Run<'a>) -> Result<(), StoreError> {
        let StandingSet { set, over } = self.keyring.standing(tenant).await?;
        let now = over.read_at();
        let is_idle = |state| matches!(state, EpochState::Opening(since) if self.is_over(since, now));
        let idle: Vec<u32> =
            set.epochs().iter().filter(|epoch| is_idle(epoch.state)).map(|epoch| epoch.number).collect();
        if idle.is_empty() {
            return Ok(());
        }
        let Some(named) = self.named_epochs(tenant, run).await? else { return Ok(()) };
        let unnamed: Vec<u32> = idle.into_iter().filter(|number| !named.contains(number)).collect();
        if unnamed.is_empty() {
            return Ok(());
        }
        let count = unnamed.len() as u64;
        let left = unnamed.into_iter().fold(set, crate::keyring::KeySet::without);
        match self.keyring.replace(tenant, &over, left).await {
            Ok(()) => run.report.retired_epochs += count,
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The epochs that a tenant's records name; `None` where one of them is no record.
    async fn named_epochs(
        &self,
        tenant: Option<&TenantId>,
        run: &mut Run<'a>,
    ) -> Result<Option<BTreeSet<u32>>, StoreError> {
        let mut named = BTreeSet::new();
        let prefixes: Vec<RecordPrefix> = match tenant {
            Some(tenant) => vec![RecordPrefix::tenant(tenant)],
            None => RecordKind::ALL.iter().map(|kind| RecordPrefix::deployment(*kind)).collect(),
        };
        for prefix in prefixes {
            let mut after = None;
            loop {
                let page = self.keyring.store.backend.list(&prefix, after.as_ref(), PAGE).await?;
                for (key, stored) in page.records.iter().filter(|(key, _)| *key != keys_record(None)) {
                    let Ok((header, _)) = Header::read(stored.sealed.as_bytes()) else {
                        tracing::warn!(grantry.record = %key, "not a record: no key of its tenant is retired");
                        return Ok(None);
                    };
                    named.insert(header.stamp.epoch);
                }
                self.keep_lease(run).await?;
                match page.records.into_iter().next_back() {
                    Some((last, _)) if page.more => after = Some(last),
                    _ => break,
                }
            }
        }
        Ok(Some(named))
    }
}
