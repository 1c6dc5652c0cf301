//! Rotation by itself, in the background.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use grantry_core::{Error, Event, Observer, TenantId};
use tokio::task::JoinHandle;

use super::{PrincipalVault, SealedVault};
use crate::access::Principal;
use crate::rotation::{KeyAge, KeyAgeState, RotationPolicy, RotationReport};

/// How often it is looked whether something is due.
const EVERY: Duration = Duration::from_secs(3600);
/// After a failure, and while another process is at it.
const AGAIN: Duration = Duration::from_secs(60);
/// How many tenants' keys are looked at a time.
const PAGE: usize = 256;

/// Rotates keys in the background until it is stopped or dropped. Being cut off does no harm: the next run goes on.
#[derive(Debug)]
pub struct RotationTask {
    task: JoinHandle<()>,
    last: Arc<Mutex<Option<Result<RotationReport, Error>>>>,
}

impl SealedVault {
    /// Rotates whatever is due, from now on: once at the start, then every hour. It acts as `system:rotation`. Every
    /// process may do so; one at a time works.
    ///
    /// Keys that are due soon or overdue are told to the observer and logged.
    ///
    /// # Errors
    /// `Configuration` for a hold time shorter than twice the time that unwrapped keys may be in memory.
    ///
    /// # Panics
    /// Where it is called outside of a tokio runtime.
    pub fn keep_rotating(&self, policy: RotationPolicy) -> Result<RotationTask, Error> {
        policy.check(self.0.keyring.most_age())?;
        let last = Arc::new(Mutex::new(None));
        let (noted, vault) = (Arc::clone(&last), self.clone());
        let task = tokio::spawn(async move {
            let own = vault.as_principal(Principal::system_rotation());
            loop {
                let done = own.rotate(&policy, |_| {}).await;
                if let Err(error) = &done {
                    tracing::warn!(
                        error.type = error.kind().as_str(),
                        exception.message = %error,
                        "keys could not be rotated"
                    );
                }
                let is_done = matches!(&done, Ok(report) if !report.busy_elsewhere);
                *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
                if is_done {
                    tell_ages(&vault, &own, &policy).await;
                }
                tokio::time::sleep(if is_done { EVERY } else { AGAIN }).await;
            }
        });
        Ok(RotationTask { task, last })
    }
}

impl RotationTask {
    /// How the last run ended, if one has.
    pub fn last(&self) -> Option<Result<RotationReport, Error>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops it, and waits until it does nothing any more.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for RotationTask {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Tells of keys that are due: after a run that did all it could, something keeps them from being exchanged.
async fn tell_ages(vault: &SealedVault, own: &PrincipalVault, policy: &RotationPolicy) {
    let mut after: Option<TenantId> = None;
    loop {
        let Ok(ages) = own.key_ages(policy, after.as_ref(), PAGE).await else { return };
        for age in ages.iter().filter(|age| age.state != KeyAgeState::Fresh) {
            tell(vault, age);
        }
        // Not by the ages: a tenant that was erased has none.
        let Ok(names) = vault.0.tenant_names(after.as_ref(), PAGE).await else { return };
        match names.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => return,
        }
    }
}

fn tell(vault: &SealedVault, age: &KeyAge) {
    let is_overdue = matches!(age.state, KeyAgeState::Overdue | KeyAgeState::Unknown);
    let days = age.age.as_secs() / (24 * 3600);
    let tenant = age.tenant.as_ref().map(TenantId::as_str);
    tracing::warn!(
        grantry.tenant = tenant,
        grantry.age_days = days,
        grantry.overdue = is_overdue,
        "a key is to be rotated"
    );
    vault.0.observer.on(&Event::key_due(age.tenant.clone(), age.age, is_overdue));
}
