//! What has to hold, looked at from outside: all the while, and when everything is over.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::GrantKey;
use grantry_core::{Clock, Error, RefreshToken, Rotation, Timestamp};
use grantry_custody::{Custody, HealthState, NoLifeboat};
use grantry_testkit::{Moment, SeededEntropy};
use grantry_vault::{GrantRecord, GrantState, PrincipalVault};

use crate::caller::earliest_renewal;
use crate::keys::Keys;
use crate::process::{admin, open_vault};
use crate::store::Store;
use crate::watchtower::Withdrawn;
use crate::world::World;

/// How often the records are looked into.
const INSPECTION: Duration = Duration::from_secs(5);

/// How long an intent in the trail may be without an outcome where nothing goes wrong.
const OPEN: Duration = Duration::from_secs(60);

impl World {
    /// Looks into every record now and then, as long as the world lasts. It takes no chance from the others.
    pub(crate) fn inspect(&self) -> impl Future<Output = ()> + Send + 'static {
        let (fate, disk, keys) = (self.fate.clone(), Arc::clone(&self.disk), Arc::clone(&self.keys));
        async move {
            let entropy = SeededEntropy::new(fate.plan.seed ^ 0x1245_9ec7);
            let provider = Keys::new(&Arc::default(), &fate.trace);
            let opened = open_vault(Store::at_hand(&disk), provider, &fate.clock, entropy).await;
            let (Ok(vault), Ok(admin)) = (opened, admin()) else {
                return fate.tower.broke("the inspector could not open the vault".to_owned());
            };
            let mine = vault.as_principal(admin);
            loop {
                tokio::time::sleep(INSPECTION).await;
                for key in keys.iter() {
                    let Ok(tenant) = mine.tenant(key.tenant()) else { continue };
                    // A store that went back is refused: that is for those who write to mend.
                    let Ok(Some(grant)) = tenant.reveal_grant(key.service(), key.account()).await else {
                        continue;
                    };
                    if let Some(token) = grant.refresh_token() {
                        fate.tower.holds(key, token.expose(), fate.plan.failover);
                    }
                }
            }
        }
    }

    /// L1: nothing is in doubt for ever.
    async fn look_for_doubts(&self, mine: &PrincipalVault) -> Result<(), Error> {
        let vault = self.open_vault().await?;
        let custody = Custody::builder(&vault, NoLifeboat)
            .clock(self.fate.clock.clone())
            .entropy(self.fate.dice.entropy())
            .open()
            .await?;
        for key in self.keys.iter() {
            let tenant =
                mine.tenant(key.tenant()).map_err(|error| Error::configuration(error.to_string()))?;
            let health = custody.health(&tenant, None, 100).await?;
            let found = health.iter().find(|health| health.key == *key).map(|health| health.state);
            if let Some(state @ (HealthState::InDoubt | HealthState::Renewing | HealthState::Unreadable)) =
                found
            {
                self.fate.tower.broke(format!("L1: {key} is still {}", state.as_str()));
            }
        }
        custody.close().await;
        Ok(())
    }

    /// I8 and I14: each secret that was released has its intent, each intent its outcome, and the chain is whole.
    async fn look_at_the_trail(&self, mine: &PrincipalVault) -> Result<(), Error> {
        let (plan, tower) = (&self.fate.plan, &self.fate.tower);
        let now: Timestamp = self.fate.clock.wall();
        let report = mine.verify_audit([]).await?;
        if !report.is_intact() {
            tower.broke(format!("I14: the audit trail is broken: {:?}", report.first_break()));
        }
        if !report.stray_outcomes().is_empty() {
            tower.broke(format!("I8: {} outcomes have no intent", report.stray_outcomes().len()));
        }
        let open = report.orphans().iter().filter(|orphan| orphan.time.after(OPEN) < now).count();
        if plan.is_calm() && open > 0 {
            tower.broke(format!("I8: {open} intents have no outcome"));
        }
        Ok(())
    }

    /// A grant whose consent was withdrawn stays withdrawn; where nothing went wrong, the server knows it too.
    fn look_at_withdrawn(&self, key: &GrantKey, stored: Option<&GrantRecord>, how_far: Withdrawn) {
        let (plan, tower) = (&self.fate.plan, &self.fate.tower);
        // A store that lost its last commits may have lost the withdrawal.
        if plan.failover {
            return;
        }
        match stored.map(GrantRecord::state) {
            Some(state) if how_far == Withdrawn::Deleted => {
                tower.broke(format!("I13: {key} was deleted, and is there again: {state:?}"));
            }
            Some(GrantState::Active) if how_far == Withdrawn::Stopped => {
                tower.broke(format!("I13: {key} was stopped, and goes on"));
            }
            Some(_) if plan.is_calm() => tower.broke(format!("L4: {key} was withdrawn, and is not gone")),
            _ => {}
        }
        if plan.is_calm() {
            let alive =
                tower.refresh_tokens(key).into_iter().filter(|token| self.accepts(&RefreshToken::new(token)));
            let alive = alive.count();
            if alive > 0 {
                tower.broke(format!("L4: {key} was withdrawn, and {alive} of its tokens live on"));
            }
        }
    }

    /// Looks at everything at the end.
    pub(crate) async fn look(&self) -> Result<Vec<String>, Error> {
        let (plan, tower) = (&self.fate.plan, &self.fate.tower);
        let vault = self.open_vault().await?;
        let mine = vault.as_principal(admin()?);
        let mut unavoidable = Vec::new();
        for key in self.keys.iter() {
            let tenant =
                mine.tenant(key.tenant()).map_err(|error| Error::configuration(error.to_string()))?;
            let stored = tenant.reveal_grant(key.service(), key.account()).await?;
            if let Some(how_far) = tower.is_withdrawn(key) {
                self.look_at_withdrawn(key, stored.as_ref().map(|stored| &stored.value), how_far);
                continue;
            }
            let Some(grant) = stored else {
                tower.broke(format!("{key} is gone"));
                continue;
            };
            let held: Vec<RefreshToken> =
                grant.refresh_token().into_iter().chain(grant.alternates()).cloned().collect();
            if !plan.failover {
                tower.look_for_discarded(key, &held.iter().map(RefreshToken::expose).collect::<Vec<_>>());
            }
            let alive = held.iter().any(|token| self.accepts(token));
            if alive && grant.state() != GrantState::Active {
                tower.broke(format!("I5: a person was asked for, and {key} is alive"));
            }
            if alive {
                continue;
            }
            let window = match plan.rotation {
                Rotation::Grace { window, .. } => Some(window),
                Rotation::KeepOld => Some(Duration::MAX),
                _ => None,
            };
            match tower.reason(key, window) {
                Some(reason) => unavoidable.push(format!("{key}: {reason}")),
                None if plan.failover => unavoidable.push(format!("{key}: the store lost a commit")),
                None if plan.may_stand_still() && !plan.forgives() => {
                    unavoidable
                        .push(format!("{key}: its owner stood still for longer than lease and allowance"));
                }
                None => tower.broke(format!("{key} is lost, and nothing explains it")),
            }
        }
        let left: usize = self.places.iter().map(|place| place.machine.entries()).sum();
        if left > 0 {
            tower.broke(format!("L4: {left} entries are still in lifeboats"));
        }
        if plan.managed {
            tower.look_at_rates(plan.token_lifetime - earliest_renewal(plan));
        }
        if plan.is_calm() {
            let (requests, used_again) = tower.requests();
            if used_again > 0 {
                tower.broke(format!(
                    "I6: {used_again} of {requests} requests used a token again, without a fault"
                ));
            }
            if !unavoidable.is_empty() {
                tower.broke(format!("without a fault, {unavoidable:?}"));
            }
        }
        self.look_for_doubts(&mine).await?;
        if !plan.failover {
            self.look_at_the_trail(&mine).await?;
        }
        Ok(unavoidable)
    }

    fn accepts(&self, token: &RefreshToken) -> bool {
        self.server.with_authority(|authority, at: Moment| authority.is_live(token, at))
    }
}
