//! The provider's key: a new version when the active one is old, and the tenants' keys wrapped anew under it.

use std::collections::BTreeSet;

use grantry_core::{StoreTime, TenantId};

use super::RotationPhase;
use super::rotator::{Rotator, Run};
use crate::keyring::{KeySet, StandingSet, Wrap};
use crate::keys::{KeyContext, KeyError, KeyId, KeyRotation, KeyVersion, KeyVersionState};
use crate::store::StoreError;

impl<'a> Rotator<'a> {
    /// Creates and promotes a new version, if the active one is due. Each half may be all that a run gets done.
    pub(super) async fn exchange_provider_key(&self, run: &mut Run<'a>) -> Result<(), StoreError> {
        let Some(provider) = self.rotation.as_deref() else { return Ok(()) };
        let versions = provider.versions().await?;
        let now = self.keyring.clock.wall();
        let active = versions.iter().find(|version| version.state == KeyVersionState::Active);
        let is_due = active
            .and_then(|version| version.created)
            .is_some_and(|created| now.since(created) >= self.policy.every);
        if is_due && let Some(next) = self.next_version(provider, &versions).await? {
            provider.promote(&next).await?;
            run.report.promoted = Some(next);
        }
        self.tell(RotationPhase::ProviderKey, versions.len() as u64, u64::from(is_due));
        Ok(())
    }

    /// The version to promote: one that waits already, or a new one; none while it is being brought to all machines.
    async fn next_version(
        &self,
        provider: &dyn KeyRotation,
        versions: &[KeyVersion],
    ) -> Result<Option<KeyId>, StoreError> {
        let waiting = versions.iter().rfind(|version| version.state == KeyVersionState::Waiting);
        let Some(waiting) = waiting else {
            let created = provider.create().await?;
            return Ok(self.policy.distribution.is_zero().then_some(created));
        };
        let waited = waiting.created.map(|created| self.keyring.clock.wall().since(created));
        let is_everywhere = waited.is_none_or(|waited| waited >= self.policy.distribution);
        Ok(is_everywhere.then(|| waiting.id.clone()))
    }

    /// Wraps a set anew if another key than the active one of a provider wrapped it. Says whether it did.
    pub(super) async fn rewrap(&self, tenant: Option<&TenantId>) -> Result<bool, StoreError> {
        let StandingSet { mut set, over } = self.keyring.standing(tenant).await?;
        let providers = &self.keyring.providers;
        let mut is_changed = false;
        for (slot, provider) in providers.slots() {
            let active = provider.active().await?;
            let lacks = set.epochs().iter().any(|e| e.wraps.iter().all(|wrap| wrap.slot != slot));
            if !lacks && !set.names_another(slot, &active) {
                continue;
            }
            for epoch in set.epochs_mut() {
                let context = KeyContext::new(&self.keyring.store.deployment, tenant, epoch.number);
                let key = providers.unwrap(&epoch.wraps, &context).await?;
                let wrapped = provider.wrap_key(&key, &context).await?;
                epoch.wraps.retain(|wrap| wrap.slot != slot);
                epoch.wraps.push(Wrap { slot, wrapped });
            }
            is_changed = true;
        }
        if is_changed {
            self.keyring.replace(tenant, &over, set).await?;
        }
        Ok(is_changed)
    }

    /// Retires the versions that no wrap has named for the hold time. A version that anything names, or that a record
    /// which cannot be read might name, stays.
    pub(super) async fn retire_provider_keys(&self, run: &mut Run<'a>) -> Result<(), StoreError> {
        let Some(provider) = self.rotation.as_deref() else { return Ok(()) };
        let old: Vec<_> = provider
            .versions()
            .await?
            .into_iter()
            .filter(|v| v.state == KeyVersionState::Unwrapping)
            .collect();
        if old.is_empty() {
            run.lease.notes.unnamed.clear();
            return Ok(());
        }
        let began = self.keyring.store.backend.now().await?;
        let Some(named) = self.named_keys(run).await? else {
            run.report.waiting_keys.extend(old.into_iter().map(|version| version.id));
            return Ok(());
        };
        let notes = &mut run.lease.notes;
        notes.unnamed.retain(|(key, _)| !named.contains(key) && old.iter().any(|version| version.id == *key));
        for version in old {
            let since = notes.unnamed.iter().find(|(key, _)| *key == version.id).map(|(_, since)| *since);
            match since {
                _ if named.contains(&version.id) => run.report.waiting_keys.push(version.id),
                Some(since) if self.is_over(since, began) => match provider.retire(&version.id).await {
                    Ok(()) => run.report.retired_keys.push(version.id),
                    // One that lets go of the oldest only, which something names.
                    Err(KeyError::Refused(why)) => {
                        tracing::info!(
                            grantry.key = %version.id,
                            exception.message = %why,
                            "a key cannot be retired yet"
                        );
                        run.report.waiting_keys.push(version.id);
                    }
                    Err(error) => return Err(error.into()),
                },
                Some(_) => run.report.waiting_keys.push(version.id),
                None => {
                    notes.unnamed.push((version.id.clone(), began));
                    run.report.waiting_keys.push(version.id);
                }
            }
        }
        Ok(())
    }

    pub(super) fn is_over(&self, since: StoreTime, now: StoreTime) -> bool {
        now.since(since) >= self.policy.hold
    }

    /// Every key that a wrap of any set names; `None` where a set cannot be read, which might name any.
    async fn named_keys(&self, run: &mut Run<'a>) -> Result<Option<BTreeSet<KeyId>>, StoreError> {
        let add = |named: &mut BTreeSet<KeyId>, set: &KeySet| {
            named.extend(set.wraps().map(|wrap: &Wrap| wrap.wrapped.key_id().clone()));
        };
        let mut named = BTreeSet::new();
        add(&mut named, &self.keyring.standing(None).await?.set);
        let mut after = None;
        loop {
            let (tenants, more) = self.tenants(after.as_ref()).await?;
            for (_, tenant) in &tenants {
                match self.keyring.standing(Some(tenant)).await {
                    Ok(standing) => add(&mut named, &standing.set),
                    Err(error) if error.is_passing() => return Err(error),
                    Err(_) => return Ok(None),
                }
            }
            self.keep_lease(run).await?;
            match tenants.into_iter().next_back() {
                Some((last, _)) if more => after = Some(last),
                _ => return Ok(Some(named)),
            }
        }
    }
}
