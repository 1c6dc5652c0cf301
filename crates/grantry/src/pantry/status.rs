//! How everything is, as data.

use std::time::Duration;

use grantry_core::{Clock, Error, GrantKey, Party, Retry, Timestamp};
use grantry_custody::GrantHealth;
use grantry_refresh::{Condition, Health};
use grantry_vault::RotationReport;

use super::Grantry;
use super::entry::State;
use super::handles::TenantPantry;

/// How a pantry is at a moment: plain data, without anything secret. It is read from memory: no store, no server is asked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// When it was taken.
    pub at: Timestamp,
    /// Whether it was shut down.
    pub is_closed: bool,
    /// How many renewals run now.
    pub renewals_in_flight: usize,
    /// The grants that are open here, by tenant, service and account.
    pub open: Vec<OpenGrant>,
    /// How the last rotation of keys ended, if one was made here.
    pub keys: Option<KeysStatus>,
}

/// A grant that is open in this process.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OpenGrant {
    /// Whose.
    pub key: GrantKey,
    /// The condition of its token; `None` where the service is gone.
    pub condition: Option<Condition>,
    /// When the token expires, on the wall clock.
    pub expires: Option<Timestamp>,
    /// When it is renewed next, on the wall clock.
    pub next_renewal: Option<Timestamp>,
    /// Whether it is being renewed.
    pub renewing: bool,
    /// How many callers wait for it.
    pub waiting: u32,
    /// How often a token was handed out.
    pub hits: u64,
    /// How many renewals succeeded, and how many attempts failed.
    pub renewals: (u32, u32),
    /// Why there is no newer token.
    pub trouble: Option<Trouble>,
}

/// What went wrong, and whose move it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trouble {
    /// The kind of error, as [`ErrorKind::as_str`](grantry_core::ErrorKind::as_str) gives it.
    pub kind: &'static str,
    /// What happened, in a sentence.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
    /// The likely causes.
    pub causes: Vec<String>,
    /// Whose move it is.
    pub party: Party,
    /// When it is worth trying again; `None` until somebody has changed something.
    pub again_in: Option<Duration>,
    /// The server's error code, where it gave one.
    pub code: Option<String>,
}

/// How a rotation of keys ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum KeysStatus {
    /// It did this.
    Done(RotationReport),
    /// It could not be made.
    Failed(Trouble),
}

/// A stored grant: what the vault tells of it, and, where it is open here, the process.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GrantStatus {
    /// What the vault tells.
    pub health: GrantHealth,
    /// What this process tells.
    pub open: Option<OpenGrant>,
}

impl GrantStatus {
    /// Whose.
    pub fn key(&self) -> &GrantKey {
        &self.health.key
    }

    /// When a person will be needed if the grant stays in use, as far as it is known.
    pub fn person_needed(&self) -> Option<Timestamp> {
        self.health.person_needed()
    }
}

impl Trouble {
    /// That of an error.
    pub fn of(error: &Error) -> Self {
        let diagnosis = error.diagnosis();
        Self {
            kind: error.kind().as_str(),
            message: error.to_string(),
            remedy: diagnosis.remedy().to_owned(),
            causes: diagnosis.causes().map(str::to_owned).collect(),
            party: diagnosis.party(),
            again_in: match diagnosis.retry() {
                Retry::Now => Some(Duration::ZERO),
                Retry::After(wait) => Some(wait),
                _ => None,
            },
            code: error.provider_code().or(error.oauth_code()).map(str::to_owned),
        }
    }
}

impl Grantry {
    /// How everything is, by what this process knows: for a health endpoint.
    pub fn status(&self) -> Status {
        let house = &self.house;
        let mut open: Vec<OpenGrant> = house
            .all_entries()
            .iter()
            .map(|entry| open_grant(&entry.key, &entry.state.load(), &*house.clock))
            .collect();
        open.sort_by(|one, other| one.key.as_str().cmp(other.key.as_str()));
        Status {
            at: house.clock.wall(),
            is_closed: house.is_closed(),
            renewals_in_flight: house.scheduler.renewals_in_flight(),
            open,
            keys: self.chores.last_rotation().map(|last| match last {
                Ok(report) => KeysStatus::Done(report),
                Err(error) => KeysStatus::Failed(Trouble::of(&error)),
            }),
        }
    }
}

impl TenantPantry {
    /// How the tenant's stored grants are, at most `limit`, in the order of service and account, after `after`. Needs
    /// `grant.read` for the tenant. No token is given out, and no server asked.
    ///
    /// # Errors
    /// Those of every call of the vault.
    pub async fn grants(&self, after: Option<&GrantKey>, limit: usize) -> Result<Vec<GrantStatus>, Error> {
        let house = &self.house;
        let mut health = house.custody.health(&self.vault, after, limit).await?;
        let mut learned = Vec::<String>::new();
        let mut was_new = false;
        for grant in &health {
            let (tenant, service) = (grant.key.tenant(), grant.key.service());
            if learned.iter().any(|name| name == service) {
                continue;
            }
            learned.push(service.to_owned());
            // Custody learns from it how long this service's tokens live. One that cannot be used has none to tell.
            if let Ok(ready) = house.ready(tenant, service).await {
                was_new |= house.custody_grant(&ready, &grant.key).is_ok();
            }
        }
        if was_new {
            health = house.custody.health(&self.vault, after, limit).await?;
        }
        let status = health.into_iter().map(|health| {
            let entry = house.entry(&health.key);
            let open = entry.map(|entry| open_grant(&entry.key, &entry.state.load(), &*house.clock));
            GrantStatus { health, open }
        });
        Ok(status.collect())
    }
}

fn open_grant(key: &GrantKey, state: &State, clock: &dyn Clock) -> OpenGrant {
    let (wall, now) = (clock.wall(), clock.now());
    match state {
        State::Gone(why, _) => OpenGrant {
            key: key.clone(),
            condition: None,
            expires: None,
            next_renewal: None,
            renewing: false,
            waiting: 0,
            hits: 0,
            renewals: (0, 0),
            trouble: Some(Trouble::of(why)),
        },
        State::Live(live) => {
            let Health {
                key,
                condition,
                fit_for,
                renewal_at,
                renewing,
                waiting,
                last_error,
                hits,
                renewals,
                failures,
                ..
            } = live.source.health();
            OpenGrant {
                key,
                condition: Some(condition),
                expires: fit_for.map(|left| wall.after(left)),
                next_renewal: renewal_at.map(|at| wall.after(at.since(now))),
                renewing,
                waiting,
                hits,
                renewals: (renewals, failures),
                trouble: last_error.as_ref().map(Trouble::of),
            }
        }
    }
}
