//! What has to hold, looked at from outside: all the while, and when everything is over.

use std::time::Duration;

use grantry_core::GrantKey;
use grantry_core::{Error, RefreshToken, Rotation};
use grantry_custody::{Custody, HealthState, NoLifeboat};
use grantry_testkit::Moment;
use grantry_vault::{GrantRecord, GrantState, PrincipalVault};

use crate::caller::earliest_renewal;
use crate::process::admin;
use crate::watchtower::Withdrawn;
use crate::world::{EVENING, World};

/// In so many worlds the whole audit trail is verified each minute in one, and in the others at the end: that takes as long as
/// the world itself. What is written is looked at each time.
const TRAIL_IN: u64 = 16;

/// How long a record may be in doubt once nothing goes wrong, beyond the life of the access token that is used meanwhile.
const UNSETTLED: Duration = Duration::from_secs(60);

/// How long a machine may still sleep that fell asleep before.
const ASLEEP: Duration = Duration::from_secs(90);

/// How long an intent in the trail may be without an outcome where nothing goes wrong.
const OPEN: Duration = Duration::from_secs(60);

impl World {
    /// Looks at what is in doubt, and now and then at the whole audit trail, as long as the world lasts: L1 and I14. It takes no
    /// chance from the others.
    pub(crate) fn inspect(&self) -> impl Future<Output = ()> + Send + 'static {
        let fate = self.fate.clone();
        let most =
            fate.plan.token_lifetime + UNSETTLED + if fate.plan.sleeps { ASLEEP } else { Duration::ZERO };
        async move {
            for second in 1.. {
                tokio::time::sleep(Duration::from_secs(1)).await;
                fate.tower.look_at_doubts(most);
                let is_time = fate.plan.seed % TRAIL_IN == 1 && second % 60 == 0;
                let Some(records) = fate.records.get().filter(|_| is_time) else { continue };
                match records.verify().await {
                    Ok(report) if report.is_intact() || fate.plan.failover => {}
                    Ok(report) => {
                        let first = report.first_break();
                        fate.tower.broke(format!("I14: the audit trail is broken: {first:?}"));
                    }
                    Err(error) => fate.tower.broke(format!("I14: the audit trail cannot be read: {error:?}")),
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
        for key in self.keys.iter().chain(self.own.iter()) {
            let tenant =
                mine.tenant(key.tenant()).map_err(|error| Error::configuration(error.to_string()))?;
            let health = custody.health(&tenant, None, 100).await?;
            let found = health.iter().find(|health| health.key == *key).map(|health| health.state);
            if let Some(state @ (HealthState::InDoubt | HealthState::Renewing | HealthState::Unreadable)) =
                found
            {
                self.fate.tower.broke(format!("L1: {key} is still {}", state.as_str()));
            }
            let needs_nobody = self.own.contains(key);
            if needs_nobody && found.is_none_or(|state| state == HealthState::PersonNeeded) {
                self.fate.tower.broke(format!("I5: {key} is the client's own, and is {found:?}"));
            }
        }
        custody.close().await;
        Ok(())
    }

    /// The renewals that the audit trail tells of, by writer and number.
    async fn renewals(&self) -> Result<Vec<(String, u64, GrantKey)>, Error> {
        let (mut renewals, mut after) = (Vec::new(), None);
        let Some(records) = self.fate.records.get() else { return Ok(renewals) };
        loop {
            let (lines, next) = records.lines(after.as_ref()).await?;
            renewals.extend(lines.iter().filter_map(|line| renewal(line)));
            match next {
                Some(_) => after = next,
                None => return Ok(renewals),
            }
        }
    }

    /// I8 and I14: each renewal had its intent, durable before anything left; each outcome has its intent, and each intent its outcome
    /// unless its process died; and the chain is whole. What a store lost that failed over is put back before: it was written.
    async fn look_at_the_trail(&self, mine: &PrincipalVault) -> Result<(), Error> {
        let tower = &self.fate.tower;
        self.disk.recover_trail();
        let report = mine.verify_audit([]).await?;
        if !report.is_intact() {
            tower.broke(format!("I14: the audit trail is broken: {:?}", report.first_break()));
        }
        if !report.stray_outcomes().is_empty() {
            tower.broke(format!("I8: {} outcomes have no intent", report.stray_outcomes().len()));
        }
        for orphan in report.orphans() {
            let (writer, number) = (orphan.attempt.writer().to_string(), orphan.attempt.seq());
            if !tower.is_open_for_long(&writer, number, OPEN) {
                continue;
            }
            tower.broke(format!("I8: an intent has no outcome: {}", orphan.line.to_json()));
        }
        if self.fate.records.get().is_some() {
            tower.look_at_intents(&self.renewals().await?);
        }
        Ok(())
    }

    /// A grant whose consent was withdrawn stays withdrawn; where nothing went wrong, the server knows it too.
    fn look_at_withdrawn(&self, key: &GrantKey, stored: Option<&GrantRecord>, how_far: Withdrawn) {
        let (plan, tower) = (&self.fate.plan, &self.fate.tower);
        // Who withdrew it was told so, and the store has forgotten it.
        let is_forgotten = tower.has_forgotten(key);
        match stored.map(GrantRecord::state) {
            Some(state) if how_far == Withdrawn::Deleted => {
                tower.broke(format!("I13: {key} was deleted, and is there again: {state:?}"));
            }
            // What waits for a person may be revived by a successor that comes late: that is not stopped either.
            Some(state) if how_far == Withdrawn::Stopped && state != GrantState::Revoked => {
                tower.broke(format!("I13: {key} was stopped, and goes on: {state:?}"));
            }
            Some(_) if plan.is_calm() || (!is_forgotten && how_far >= Withdrawn::Stopped) => {
                tower.broke(format!("L4: {key} was withdrawn, and is not gone"));
            }
            _ => {}
        }
        let is_over = plan.is_calm() || (!is_forgotten && how_far == Withdrawn::Deleted);
        if is_over && !tower.is_left_at_the_server(key) {
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
            if !tower.has_forgotten(key) {
                tower.look_for_discarded(key, &held.iter().map(RefreshToken::expose).collect::<Vec<_>>());
            }
            let alive = held.iter().any(|token| self.accepts(token));
            if alive && grant.state() != GrantState::Active {
                tower.broke(format!("I5: a person was asked for, and {key} is alive"));
            }
            if alive {
                // Callers want tokens all the while.
                let served_within = plan.token_lifetime * 2 + plan.pause * 3 + EVENING;
                if served_within < plan.calm {
                    tower.look_for_unserved(key, served_within);
                }
                continue;
            }
            let window = match plan.rotation {
                Rotation::Grace { window, .. } => Some(window),
                Rotation::None | Rotation::KeepOld => Some(Duration::MAX),
                _ => None,
            };
            match tower.reason(key, window) {
                Some(reason) => unavoidable.push(format!("{key}: {reason}")),
                None if tower.is_lost_by_the_store(key) => {
                    unavoidable.push(format!("{key}: the store lost a commit"));
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
            if used_again > 0 && plan.rotation != Rotation::None {
                tower.broke(format!(
                    "I6: {used_again} of {requests} requests used a token again, without a fault"
                ));
            }
            if !unavoidable.is_empty() {
                tower.broke(format!("without a fault, {unavoidable:?}"));
            }
        }
        tower.look_at_own(&self.own);
        self.look_for_doubts(&mine).await?;
        self.look_at_the_trail(&mine).await?;
        Ok(unavoidable)
    }

    fn accepts(&self, token: &RefreshToken) -> bool {
        self.server.with_authority(|authority, at: Moment| authority.is_live(token, at))
    }
}

/// The renewal that a line of the audit trail announces, if it is one. The names of this world have nothing in them that JSON
/// writes in another way, and there are many lines: they are not read as JSON.
fn renewal(line: &str) -> Option<(String, u64, GrantKey)> {
    let (_, intent) = line.split_once(r#""action":"grant.renew""#)?;
    let name = |of: &str, name: &str| Some(of.split_once(name)?.1.split_once('"')?.0.to_owned());
    let (tenant, service) = (name(intent, r#""tenant":""#)?, name(intent, r#""service":""#)?);
    let number = line.split_once(r#""seq":"#)?.1.split_once(',')?.0.parse().ok()?;
    let key = GrantKey::new(tenant, service, name(intent, r#""account":""#)?).ok()?;
    Some((name(line, r#""writer":""#)?, number, key))
}
