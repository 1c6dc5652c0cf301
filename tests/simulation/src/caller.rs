//! Callers: they want tokens, present them, and withdraw what they consented to.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use grantry_core::{AccessToken, Attempt, Clock, Error, Grant, GrantKey, Token, TokenSet, TokenSource};
use grantry_custody::{CustodyGrant, Revocation};
use grantry_refresh::{ManagedSource, Profile, RefreshPolicy, Scheduler};
use grantry_testkit::{ManualClock, Moment, TestServer};
use grantry_vault::PrincipalVault;

use crate::life::{Fate, Life};
use crate::plan::Plan;
use crate::watchtower::Withdrawn;

/// How long a caller waits at most for one answer, and then some.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much later than due a renewal may begin: a look of the scheduler, a process that was busy.
const LATE: Duration = Duration::from_secs(12);

/// How long calm has to last before what is late is late.
const SETTLED: Duration = Duration::from_secs(60);

/// What the callers of one grant in one process go by.
pub(crate) struct Caller {
    pub(crate) life: Arc<Life>,
    pub(crate) clock: ManualClock,
    pub(crate) server: Arc<TestServer>,
    pub(crate) grant: Arc<CustodyGrant>,
    /// Whether it is the client's own: nobody consented to it, and nobody withdraws it.
    pub(crate) is_own: bool,
    pub(crate) vault: PrincipalVault,
}

/// What sources share in one process.
///
/// # Errors
/// None in practice.
pub(crate) fn profile(life: &Life, clock: &ManualClock) -> Result<Arc<Profile>, Error> {
    let fate = &life.fate;
    let scheduler =
        Scheduler::builder().clock(Arc::new(clock.clone())).entropy(Arc::new(fate.dice.entropy())).build();
    let policy = RefreshPolicy::builder().earliest_renewal(earliest_renewal(&fate.plan)).build()?;
    Ok(Profile::builder("token endpoint", "crm", &scheduler).policy(policy).build())
}

/// How long before its expiry the server lets a token be renewed at the earliest.
pub(crate) fn earliest_renewal(plan: &Plan) -> Duration {
    plan.token_lifetime * 3 / 5
}

impl Caller {
    fn fate(&self) -> &Fate {
        &self.life.fate
    }

    /// Pauses for a while. `false` in the evening: nobody wants anything any more.
    async fn pause(&self) -> bool {
        let fate = self.fate();
        let most = u64::try_from(fate.plan.pause.as_millis()).unwrap_or(u64::MAX);
        tokio::time::sleep(Duration::from_millis(500 + fate.dice.below(most))).await;
        if fate.is_evening.load(Ordering::Relaxed) {
            return false;
        }
        if fate.plan.removals
            && !self.is_own
            && fate.is_troubled.load(Ordering::Relaxed)
            && fate.dice.below(400) == 0
        {
            self.remove().await;
        }
        true
    }

    /// Wants a fit token every now and then, and presents it.
    pub(crate) async fn call(self) {
        let fate = self.fate();
        let mut held: Option<TokenSet> = None;
        while self.pause().await {
            let needs = held.as_ref().is_none_or(|set| {
                let soon = self.clock.now().after(Duration::from_secs(2));
                !set.token().is_fit(soon) || fate.dice.below(20) == 0
            });
            if needs {
                if let Some(set) = &held {
                    fate.note("given up", &self.grant.key().to_string());
                    fate.tower.given_up(set.token().expose());
                }
                let asked = self.grant.obtain(Attempt::replace_if_any(held.as_ref()));
                let answered = self.ask(async { asked.await.map_err(|failure| failure.error) }).await;
                if let Some(set) = answered {
                    fate.tower.handed_out(self.life.number, set.token().expose());
                    held = Some(set);
                }
            }
            if let Some(set) = &held {
                self.present(set.token());
            }
        }
        // Whoever is done with a token holds it still.
        std::future::pending::<()>().await;
    }

    /// Takes the token of a source, which renews it ahead of time, and refuses one now and then.
    pub(crate) async fn take(self, profile: Arc<Profile>) {
        let fate = self.fate();
        let grant: Arc<dyn Grant> = Arc::clone(&self.grant) as Arc<dyn Grant>;
        let source = ManagedSource::new(self.grant.key().clone(), grant, &profile);
        let mut held: Option<Token> = None;
        while self.pause().await {
            self.look_for_lateness(&source);
            // Often it is not the newest any more that is refused.
            if let Some(token) = held.as_ref().filter(|_| fate.dice.below(20) == 0) {
                fate.note("refused", &self.grant.key().to_string());
                fate.tower.given_up(token.expose());
                source.reject(token);
            }
            let wants = held.is_none() || fate.dice.below(2) == 0;
            if wants && let Some(token) = self.ask(source.token()).await {
                fate.tower.handed_out(self.life.number, token.expose());
                held = Some(token);
            }
            if let Some(token) = &held {
                self.present(token);
            }
        }
        // Nobody renews for those who are gone.
        drop(source);
        std::future::pending::<()>().await;
    }

    /// Waits for an answer. L2: one comes.
    async fn ask<T>(&self, asked: impl Future<Output = Result<T, Error>>) -> Option<T> {
        let (fate, key) = (self.fate(), self.grant.key());
        let began = fate.clock.now();
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(token)) => {
                fate.note("token", &key.to_string());
                return Some(token);
            }
            Ok(Err(error)) => {
                fate.tower.overheard(&format!("{error:?} {error}"));
                fate.note("no token", &key.to_string());
            }
            // A process that stands still answers nobody; one that does not has to.
            Err(_)
                if !self.life.is_over()
                    && !fate.tower.was_hindered(self.life.number, began, fate.clock.now()) =>
            {
                let waited = fate.clock.now().since(began);
                fate.tower.broke(format!("L2: a caller waited {waited:?} without an answer"));
            }
            Err(_) => {}
        }
        None
    }

    /// L3: a renewal that is due has begun.
    fn look_for_lateness(&self, source: &ManagedSource) {
        let (fate, health) = (self.fate(), source.health());
        if fate.tower.calm_for() < SETTLED || health.renewing {
            return;
        }
        // While its machine sleeps, a process renews nothing; only the caller here wakes.
        if !self.life.is_steady(SETTLED) {
            return;
        }
        // After a failure there are retries, and then the next demand tries again: that is for L2.
        if health.last_error.is_some() {
            return;
        }
        let due = (fate.plan.token_lifetime / 2).saturating_sub(LATE);
        if health.fit_for.is_some_and(|left| left < due) {
            let life = self.life.number;
            fate.tower.broke(format!("L3: process {life} does not renew: {health:?}"));
        }
    }

    /// A person withdraws what it consented to.
    async fn remove(&self) {
        let (fate, key) = (self.fate(), self.grant.key());
        let Ok(by) = self.vault.tenant(key.tenant()) else { return };
        let asked = fate.clock.now();
        fate.trace.fault("removal");
        fate.tower.withdrawn(key, Withdrawn::Asked, asked);
        let is_here_only = fate.plan.here_only && fate.dice.below(3) == 0;
        let how = if is_here_only {
            fate.tower.left_at_the_server(key);
            fate.trace.fault("removal here only");
            Revocation::HereOnly
        } else {
            Revocation::AtServerThenHere
        };
        let revoked = self.grant.revoke(&by, how);
        if let Ok(Ok(report)) = tokio::time::timeout(PATIENCE, revoked).await {
            let withdrawn = if report.deleted { Withdrawn::Deleted } else { Withdrawn::Stopped };
            if is_here_only && !report.deleted {
                fate.tower.not_left_at_the_server(key);
            }
            fate.note("withdrawn", &format!("{key} {withdrawn:?}"));
            fate.tower.withdrawn(key, withdrawn, asked);
        }
    }

    /// I7: a token reaches only callers of the very grant that it belongs to.
    fn present(&self, token: &Token) {
        let (fate, key): (_, &GrantKey) = (self.fate(), self.grant.key());
        let token = AccessToken::new(token.expose());
        let facts = self.server.with_authority(|authority, at: Moment| authority.check(&token, at));
        let subject = if self.is_own { "crm".to_owned() } else { key.to_string() };
        if let Some(facts) = facts.filter(|facts| facts.subject != subject) {
            fate.tower.broke(format!("I7: the token of {} reached a caller of {key}", facts.subject));
        }
    }
}
