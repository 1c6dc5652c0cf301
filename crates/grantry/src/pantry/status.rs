//! How everything is, as data: one form for an application's health endpoint and for the command.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Weak;
use std::time::Duration;

use grantry_core::{Clock, Error, ErrorKind, GrantKey, Party, Retry, TenantId, Timestamp};
use grantry_custody::{GrantHealth, HealthState};
use grantry_refresh::{Condition, Health};
use grantry_vault::RotationReport;

use super::Grantry;
use super::entry::State;
use super::handles::{PrincipalPantry, TenantPantry};
use super::house::{House, named};

/// How many records are read at a time.
const PAGE: usize = 256;

/// How a pantry, or one tenant's part of it, is at a moment: plain data, without anything secret.
///
/// [`Grantry::status`] reads it from memory, [`TenantPantry::status`] and [`PrincipalPantry::status`] from the vault, too. Its serialised form is versioned,
/// and it is the one that `grantry auth status --json` prints:
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let folder = tempfile::tempdir()?;
/// # use grantry::vault::access::{AccessPolicy, Principal};
/// # let me = Principal::workload("billing")?;
/// # let pantry = grantry::Grantry::builder()
/// #     .vault(grantry::SqliteVault::open(folder.path().join("grantry.db")).await?)
/// #     .keys(grantry::vault::LocalKey::generate(folder.path().join("grantry.key"))?)
/// #     .lifeboat(grantry::custody::NoLifeboat)
/// #     .access(AccessPolicy::sole(&me))
/// #     .open()
/// #     .await?;
/// let status = pantry.status();
/// assert!(status.is_well());
/// let json = serde_json::to_value(&status)?;
/// assert_eq!(json["version"], 1);
/// assert_eq!(json["process"]["closed"], false);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Fields are added to it without a new version; whoever reads it passes over those that it does not know.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// When it was taken.
    pub at: Timestamp,
    /// Whose grants these are; `None` for those of all tenants.
    pub tenant: Option<TenantId>,
    /// What this process tells of itself; `None` where it is not worth telling, as of a command that ends at once.
    pub process: Option<ProcessStatus>,
    /// The grants, by tenant, service and account.
    pub grants: Vec<GrantStatus>,
}

/// What a process tells of itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProcessStatus {
    /// Whether the pantry was shut down.
    pub is_closed: bool,
    /// How many renewals run now.
    pub renewals_in_flight: usize,
    /// How the last rotation of keys ended, if one was made here.
    pub keys: Option<KeysStatus>,
}

/// A grant: what the vault tells of it, and, where it is open here, the process.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GrantStatus {
    /// Whose.
    pub key: GrantKey,
    /// What the vault tells; `None` where it was not asked, or has none.
    pub stored: Option<GrantHealth>,
    /// What this process tells; `None` where it is not open here.
    pub open: Option<OpenGrant>,
}

/// A grant that is open in this process.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OpenGrant {
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

impl Status {
    /// Whether nothing here needs anybody: the pantry is open, no grant needs a person, and every open one has a token or
    /// has not tried to get one. What only the vault knows counts where it was asked.
    pub fn is_well(&self) -> bool {
        let is_closed = self.process.as_ref().is_some_and(|process| process.is_closed);
        !is_closed && !self.grants.iter().any(|grant| grant.needs_person() || grant.is_without_token())
    }

    /// Whether a person has to consent again to any of the grants.
    pub fn needs_person(&self) -> bool {
        self.grants.iter().any(GrantStatus::needs_person)
    }
}

impl GrantStatus {
    /// When a person will be needed if the grant stays in use, as far as it is known.
    pub fn person_needed(&self) -> Option<Timestamp> {
        self.stored.as_ref().and_then(GrantHealth::person_needed)
    }

    /// Whether a person has to consent again, by what the vault or this process knows.
    pub fn needs_person(&self) -> bool {
        let stored = self.stored.as_ref().is_some_and(|stored| stored.state == HealthState::PersonNeeded);
        let trouble = self.open.as_ref().and_then(|open| open.trouble.as_ref());
        stored || trouble.is_some_and(|trouble| trouble.party == Party::ResourceOwner)
    }

    /// Whether it is open here, and what is tried brings no token.
    pub fn is_without_token(&self) -> bool {
        self.open.as_ref().is_some_and(|open| {
            let has_token = matches!(open.condition, Some(Condition::Fresh | Condition::Due));
            open.trouble.is_some() && !has_token
        })
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
    /// How everything that is open here is, by what this process knows: for a health endpoint. It is read from memory; no
    /// store, no server is asked. What the vault tells besides, [`TenantPantry::status`] asks.
    pub fn status(&self) -> Status {
        let house = &self.house;
        Status {
            at: house.clock.wall(),
            tenant: None,
            process: Some(house.process_status()),
            grants: house.open_grants(None),
        }
    }
}

impl PrincipalPantry {
    /// How all grants of all tenants are, by what the vault and this process know. Needs `grant.read` for all tenants. No
    /// token is given out, and no server asked; the vault reads every record of a grant.
    ///
    /// # Errors
    /// Those of every call of the vault.
    pub async fn status(&self) -> Result<Status, Error> {
        let mut grants = Vec::new();
        let mut after: Option<TenantId> = None;
        loop {
            let tenants = self.vault().tenants(after.as_ref(), PAGE).await?;
            for tenant in &tenants {
                let part = self.tenant(tenant.as_str()).map_err(named)?;
                match part.all_grants().await {
                    // Its name is left, and nothing else.
                    Err(error) if error.kind() == ErrorKind::Erased => {}
                    own => grants.extend(own?),
                }
            }
            after = tenants.into_iter().next_back();
            if after.is_none() {
                return Ok(self.house.status_with(None, grants));
            }
        }
    }
}

impl TenantPantry {
    /// How all of the tenant's grants are, by what the vault and this process know. Needs `grant.read` for the tenant. No
    /// token is given out, and no server asked; the vault reads every record of the tenant's grants.
    ///
    /// # Errors
    /// Those of every call of the vault.
    pub async fn status(&self) -> Result<Status, Error> {
        let tenant = self.vault.tenant();
        Ok(self.house.status_with(Some(tenant), self.all_grants().await?))
    }

    async fn all_grants(&self) -> Result<Vec<GrantStatus>, Error> {
        let mut grants: Vec<GrantStatus> = Vec::new();
        loop {
            let page = self.grants(grants.last().map(|grant| &grant.key), PAGE).await?;
            let is_last = page.len() < PAGE;
            grants.extend(page);
            if is_last {
                return Ok(grants);
            }
        }
    }

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
            let open = entry.map(|entry| open_grant(&entry.state.load(), &*house.clock));
            GrantStatus { key: health.key.clone(), stored: Some(health), open }
        });
        Ok(status.collect())
    }
}

impl House {
    /// With what is open here and has no record any more.
    fn status_with(&self, tenant: Option<&TenantId>, mut grants: Vec<GrantStatus>) -> Status {
        let stored: HashSet<GrantKey> = grants.iter().map(|grant| grant.key.clone()).collect();
        let open = self.open_grants(tenant);
        grants.extend(open.into_iter().filter(|grant| !stored.contains(&grant.key)));
        grants.sort_by(by_name);
        let process = Some(self.process_status());
        Status { at: self.clock.wall(), tenant: tenant.cloned(), process, grants }
    }

    fn process_status(&self) -> ProcessStatus {
        let last = self.chores.get().and_then(Weak::upgrade).and_then(|chores| chores.last_rotation());
        ProcessStatus {
            is_closed: self.is_closed(),
            renewals_in_flight: self.scheduler.renewals_in_flight(),
            keys: last.map(|last| match last {
                Ok(report) => KeysStatus::Done(report),
                Err(error) => KeysStatus::Failed(Trouble::of(&error)),
            }),
        }
    }

    fn open_grants(&self, tenant: Option<&TenantId>) -> Vec<GrantStatus> {
        let entries = self.all_entries();
        let wanted = entries.iter().filter(|entry| tenant.is_none_or(|t| t.as_str() == entry.key.tenant()));
        let open = wanted.map(|entry| GrantStatus {
            key: entry.key.clone(),
            stored: None,
            open: Some(open_grant(&entry.state.load(), &*self.clock)),
        });
        let mut open: Vec<GrantStatus> = open.collect();
        open.sort_by(by_name);
        open
    }
}

fn by_name(one: &GrantStatus, other: &GrantStatus) -> Ordering {
    fn names(grant: &GrantStatus) -> (&str, &str, &str) {
        (grant.key.tenant(), grant.key.service(), grant.key.account())
    }
    names(one).cmp(&names(other))
}

fn open_grant(state: &State, clock: &dyn Clock) -> OpenGrant {
    let (wall, now) = (clock.wall(), clock.now());
    match state {
        State::Gone(why, _) => OpenGrant {
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
