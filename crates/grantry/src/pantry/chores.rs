//! What a pantry does by itself while it lives.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use grantry_core::{Clock, Error, TenantId};
use grantry_vault::access::Principal;
use grantry_vault::{RotationReport, RotationTask};
use tokio::task::JoinHandle;

use super::entry::State;
use super::house::House;

/// How often uses are told to custody.
const TELL_USES: Duration = Duration::from_secs(60);
/// When unused grants are looked for first, so that a process that is replaced each day looks, too.
const FIRST_REAP: Duration = Duration::from_secs(3600);
/// How often after that.
const REAP: Duration = Duration::from_secs(24 * 3600);
/// How long a source that no handle holds and nobody uses stays open.
const IDLE: Duration = Duration::from_secs(3600);
/// How many tenants are listed at once.
const PAGE: usize = 256;

/// Grants that nobody uses are revoked.
#[derive(Debug)]
pub(super) struct Reaper {
    pub(super) unused_for: Duration,
    pub(super) by: Principal,
}

/// What goes on in the background, besides custody and the scheduler.
pub(super) struct Chores {
    tasks: Mutex<Vec<JoinHandle<()>>>,
    rotation: Mutex<Option<RotationTask>>,
}

impl Chores {
    pub(super) fn begin(house: &Arc<House>, reaper: Option<Reaper>, rotation: Option<RotationTask>) -> Self {
        let mut tasks = vec![tokio::spawn(tell_uses(Arc::downgrade(house)))];
        tasks.extend(reaper.map(|reaper| tokio::spawn(reap(Arc::downgrade(house), reaper))));
        Self { tasks: Mutex::new(tasks), rotation: Mutex::new(rotation) }
    }

    /// How the last rotation of keys ended.
    pub(super) fn last_rotation(&self) -> Option<Result<RotationReport, Error>> {
        self.rotation.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.last()
    }

    /// Stops everything, and waits until nothing of it runs any more.
    pub(super) async fn end(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            task.abort();
            let _ = task.await;
        }
        let rotation = self.rotation.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(rotation) = rotation {
            rotation.stop().await;
        }
    }
}

impl Drop for Chores {
    fn drop(&mut self) {
        self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner).iter().for_each(JoinHandle::abort);
    }
}

async fn tell_uses(house: Weak<House>) {
    loop {
        tokio::time::sleep(TELL_USES).await;
        let Some(house) = house.upgrade() else { return };
        house.tell_uses();
        house.close_idle();
    }
}

async fn reap(house: Weak<House>, reaper: Reaper) {
    // Not at once: sources that were opened just now have not told what they are used for.
    let mut pause = FIRST_REAP;
    loop {
        tokio::time::sleep(pause).await;
        pause = REAP;
        let Some(house) = house.upgrade() else { return };
        house.tell_uses();
        if let Err(error) = reap_all(&house, &reaper).await {
            tracing::warn!(
                error.type = error.kind().as_str(),
                exception.message = %error,
                "unused grants cannot be looked for"
            );
        }
    }
}

async fn reap_all(house: &House, reaper: &Reaper) -> Result<(), Error> {
    let by = house.vault.as_principal(reaper.by.clone());
    let mut after: Option<TenantId> = None;
    loop {
        let tenants = by.tenants(after.as_ref(), PAGE).await?;
        for tenant in &tenants {
            let Ok(vault) = by.tenant(tenant.as_str()) else { continue };
            match house.custody.reap(&vault, reaper.unused_for, false).await {
                Ok(reaped) if reaped.is_empty() => {}
                Ok(reaped) => tracing::info!(
                    grantry.tenant = tenant.as_str(),
                    grantry.grants = reaped.len(),
                    "unused grants were looked at"
                ),
                Err(error) => tracing::warn!(
                    grantry.tenant = tenant.as_str(),
                    error.type = error.kind().as_str(),
                    exception.message = %error,
                    "unused grants cannot be looked for"
                ),
            }
        }
        match tenants.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => return Ok(()),
        }
    }
}

impl House {
    /// Tells custody how often tokens were handed out, so that the next renewals write it down.
    pub(super) fn tell_uses(&self) {
        for entry in self.all_entries() {
            if let State::Live(live) = &**entry.state.load() {
                live.report_use();
            }
        }
    }

    /// Closes sources that no handle holds and nobody used for an hour: the next who asks opens them again.
    fn close_idle(&self) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, entry| {
            let is_idle = match &**entry.state.load() {
                State::Live(live) => {
                    let health = live.source.health();
                    !health.renewing
                        && health.last_used.unwrap_or_else(|| self.clock.now().since(live.opened)) >= IDLE
                }
                State::Gone(..) => true,
            };
            Arc::strong_count(entry) > 1 || !is_idle
        });
        drop(entries);
        self.forget_idle(IDLE);
    }
}

impl fmt::Debug for Chores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chores").finish_non_exhaustive()
    }
}
