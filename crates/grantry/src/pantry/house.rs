//! What everything of one pantry shares.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use grantry_core::{
    ClientSecret, Clock, Diagnosis, Entropy, Error, ErrorKind, GrantKey, Observer, Party, Retry, Stage,
};
use grantry_custody::{Custody, CustodyGrant};
use grantry_endpoint::TokenEndpoint;
use grantry_refresh::Scheduler;
use grantry_vault::access::Principal;
use grantry_vault::{PrincipalVault, SealedVault};

use super::chores::Chores;
use super::described::Described;
use super::entry::{Entry, State, closed};
use super::registration::{Name, Ready, Registration};
use super::resolved::Resolved;
use super::service::Flow;
use super::transports::Reach;

/// What everything of one pantry shares.
pub(super) struct House {
    pub(super) vault: SealedVault,
    /// Whom the process itself speaks for, where that is said.
    pub(super) itself: Option<Principal>,
    /// The vault as `system:renewal`.
    pub(super) renewal: PrincipalVault,
    pub(super) custody: Custody,
    pub(super) scheduler: Scheduler,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) reach: Reach,
    pub(super) most_patience: Option<Duration>,
    pub(super) services: Mutex<Services>,
    pub(super) entries: Mutex<HashMap<GrantKey, Arc<Entry>>>,
    pub(super) registrations: Mutex<HashMap<Name, Arc<Registration>>>,
    pub(super) closed: AtomicBool,
    /// Whether it is being shut down, for those who wait for a person.
    pub(super) ending: tokio::sync::watch::Sender<bool>,
    /// Held shared while a consent is on its way into the vault.
    pub(super) consenting: Arc<tokio::sync::RwLock<()>>,
    /// What goes on in the background, as long as somebody holds the pantry.
    pub(super) chores: OnceLock<Weak<Chores>>,
}

/// The services that are described, not those of the vault.
#[derive(Debug, Default)]
pub(super) struct Services {
    by_name: HashMap<ServiceKey, Arc<Described>>,
    /// Those that were described once.
    removed: HashSet<ServiceKey>,
}

/// Tenant, if it is for one, and service.
type ServiceKey = (Option<String>, String);

impl Services {
    /// # Errors
    /// `Configuration` for two of one name.
    pub(super) fn new(services: impl IntoIterator<Item = Described>) -> Result<Self, Error> {
        let mut all = Self::default();
        for service in services {
            let key = (service.tenant().map(|tenant| tenant.as_str().to_owned()), service.name().to_owned());
            if let Some(other) = all.by_name.get(&key) {
                return Err(Error::configuration(format!(
                    "the service {} is described twice: in {} and in {}",
                    key.1,
                    other.place(),
                    service.place()
                )));
            }
            all.by_name.insert(key, Arc::new(service));
        }
        Ok(all)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Described> {
        self.by_name.values().map(|service| &**service)
    }

    /// Has custody look in time for what other processes leave of their grants.
    pub(super) fn have_looked_after(&self, custody: &Custody) {
        for service in self.all() {
            // One that lacks something says so to whoever asks for it.
            if let Ok(Some(service)) = service.by_itself() {
                custody.look_in_time_for(service.server().rotation());
            }
        }
    }

    /// Takes the place of `before`.
    pub(super) fn after(mut self, before: Self) -> Self {
        let gone = before.removed.into_iter().chain(before.by_name.into_keys());
        self.removed = gone.filter(|key| !self.by_name.contains_key(key)).collect();
        self
    }

    fn find(&self, tenant: &str, service: &str) -> Option<Arc<Described>> {
        let of = |tenant: Option<&str>| self.by_name.get(&(tenant.map(str::to_owned), service.to_owned()));
        of(Some(tenant)).or_else(|| of(None)).cloned()
    }

    fn was_removed(&self, tenant: &str, service: &str) -> bool {
        let had =
            |tenant: Option<&str>| self.removed.contains(&(tenant.map(str::to_owned), service.to_owned()));
        had(Some(tenant)) || had(None)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl House {
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// The open grant of that key, opened if it is not.
    pub(super) async fn open(self: &Arc<Self>, key: &GrantKey) -> Result<Arc<Entry>, Error> {
        if self.is_closed() {
            return Err(closed());
        }
        let open = locked(&self.entries).get(key).cloned();
        if let Some(entry) = open.filter(|entry| matches!(&**entry.state.load(), State::Live(_))) {
            return Ok(entry);
        }
        let ready = self.ready(key.tenant(), key.service()).await?;
        if ready.resolved.parts.flow == Flow::TokenExchange {
            return Err(not_kept(key));
        }
        if ready.resolved.is_clients_own() {
            self.create_own_grant(key).await?;
        } else {
            let vault = self.renewal.tenant(key.tenant()).map_err(named)?;
            if vault.grant_to_renew(key.service(), key.account()).await?.is_none() {
                return Err(not_consented(key));
            }
        }
        let entry = {
            let mut entries = locked(&self.entries);
            match entries.get(key) {
                Some(entry) => {
                    if matches!(&**entry.state.load(), State::Gone(..)) {
                        entry.renew_by(self, &ready);
                    }
                    Arc::clone(entry)
                }
                None => {
                    let entry = Entry::new(self, key.clone(), &ready)?;
                    entries.insert(key.clone(), Arc::clone(&entry));
                    entry
                }
            }
        };
        // Whoever looked at the vault in between did not see this entry.
        let known = self.registration(&ready.key).known();
        if let Some(known) = known.filter(|known| !Arc::ptr_eq(known, &ready)) {
            entry.renew_by(self, &known);
        }
        Ok(entry)
    }

    /// Makes the record of a client's own tokens, where there is none; says whether there was none.
    pub(super) async fn create_own_grant(&self, key: &GrantKey) -> Result<bool, Error> {
        let vault = self.renewal.tenant(key.tenant()).map_err(named)?;
        vault.create_own_grant(key.service(), key.account()).await
    }

    /// A tenant's service, by what is known of it; the vault is looked at where that is old.
    pub(super) async fn ready(self: &Arc<Self>, tenant: &str, service: &str) -> Result<Arc<Ready>, Error> {
        self.ready_as(tenant, service, true).await
    }

    /// The same, by what is known here: nobody is asked for metadata.
    pub(super) async fn ready_here(
        self: &Arc<Self>,
        tenant: &str,
        service: &str,
    ) -> Result<Arc<Ready>, Error> {
        self.ready_as(tenant, service, false).await
    }

    async fn ready_as(
        self: &Arc<Self>,
        tenant: &str,
        service: &str,
        asks: bool,
    ) -> Result<Arc<Ready>, Error> {
        let registration = self.registration(&(tenant.to_owned(), service.to_owned()));
        let known = registration.known();
        if let Some(known) = known.as_ref().filter(|known| !known.is_old(self.clock.now())) {
            return Ok(Arc::clone(known));
        }
        let refreshed = self.look(tenant, service, asks).await;
        match (registration.known(), refreshed) {
            (Some(known), Ok(())) => Ok(known),
            // Better an old one than none, while the store does not answer.
            (Some(known), Err(error)) if !error.kind().is_definite() => Ok(known),
            (_, Err(error)) => Err(error),
            (None, Ok(())) => Err(self.missing(tenant, service)),
        }
    }

    /// Looks at the description and at the vault. What has changed takes effect; a service that is gone ends its open
    /// grants.
    ///
    /// # Errors
    /// Everything stays as it was: those of the vault, and `Configuration` for a registration that cannot be used.
    pub(super) async fn refresh(self: &Arc<Self>, tenant: &str, service: &str) -> Result<(), Error> {
        self.look(tenant, service, true).await
    }

    async fn look(self: &Arc<Self>, tenant: &str, service: &str, asks: bool) -> Result<(), Error> {
        let name: Name = (tenant.to_owned(), service.to_owned());
        let registration = self.registration(&name);
        let asked = self.clock.now();
        let _one_at_a_time = registration.looking.lock().await;
        let known = registration.known();
        if known.as_ref().is_some_and(|known| known.looked() > asked) {
            return Ok(());
        }
        let vault = self.renewal.tenant(tenant).map_err(named)?;
        let record = vault.client_to_renew(service).await?;
        let described = locked(&self.services).find(tenant, service);
        let record = record.as_ref().map(|stored| &stored.value);
        let described = match described {
            Some(described) => Some(described.over(self, tenant, record, asks).await?),
            None => None,
        };
        match Resolved::new(tenant, service, described.as_deref(), record) {
            Ok(resolved) => match &known {
                Some(known) if known.resolved.is_same(&resolved) => known.is_as_known(self.clock.now()),
                _ => {
                    let ready = Arc::new(Ready::new(self, name.clone(), resolved, known.as_deref())?);
                    registration.set(Some(Arc::clone(&ready)));
                    self.open_entries(&name).iter().for_each(|entry| entry.renew_by(self, &ready));
                }
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {
                registration.set(None);
                let held = self.open_entries(&name);
                let was_there = known.is_some() || !held.is_empty();
                let why = if was_there { removed(tenant, service) } else { self.missing(tenant, service) };
                held.iter().for_each(|entry| entry.end(why.clone(), self.clock.now()));
                return Err(why);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// An endpoint for the client of a service with these secrets.
    pub(super) fn endpoint(
        &self,
        resolved: &Resolved,
        secrets: &[ClientSecret],
    ) -> Result<TokenEndpoint, Error> {
        let transports = self.reach.of(resolved.identity.as_ref())?;
        let spends = resolved.parts.flow == Flow::AuthorizationCode;
        let transport = if spends { transports.single_use } else { transports.plain };
        resolved
            .endpoint(secrets, transport)?
            .clock(Arc::clone(&self.clock))
            .entropy(Arc::clone(&self.entropy))
            .observer(Arc::clone(&self.observer))
            .build()
    }

    pub(super) fn registration(&self, name: &Name) -> Arc<Registration> {
        Arc::clone(locked(&self.registrations).entry(name.clone()).or_default())
    }

    /// A grant in custody: the open one, or one that is opened for this once.
    pub(super) fn custody_grant(&self, ready: &Ready, key: &GrantKey) -> Result<Arc<CustodyGrant>, Error> {
        let open = self.entry(key).and_then(|entry| match &**entry.state.load() {
            State::Live(live) => Some(Arc::clone(&live.custody)),
            State::Gone(..) => None,
        });
        match open {
            Some(open) => Ok(open),
            None => ready.custody_grant(self, key).map(Arc::new),
        }
    }

    /// The names of all that is known or held.
    pub(super) fn names(&self) -> BTreeSet<Name> {
        let mut names = self.names_held();
        let registrations = locked(&self.registrations);
        let known = registrations.iter().filter(|(_, registration)| registration.known().is_some());
        names.extend(known.map(|(name, _)| name.clone()));
        names
    }

    fn names_held(&self) -> BTreeSet<Name> {
        let name = |key: &GrantKey| (key.tenant().to_owned(), key.service().to_owned());
        locked(&self.entries).keys().map(name).collect()
    }

    /// Forgets registrations of which nothing is open and that nobody asked for so long.
    pub(super) fn forget_idle(&self, idle: Duration) {
        let (held, now) = (self.names_held(), self.clock.now());
        locked(&self.registrations).retain(|name, registration| {
            let is_young = registration.known().is_some_and(|known| now.since(known.looked()) < idle);
            held.contains(name) || is_young || Arc::strong_count(registration) > 1
        });
    }

    /// The entry of a grant that is open.
    pub(super) fn entry(&self, key: &GrantKey) -> Option<Arc<Entry>> {
        locked(&self.entries).get(key).cloned()
    }

    pub(super) fn all_entries(&self) -> Vec<Arc<Entry>> {
        locked(&self.entries).values().cloned().collect()
    }

    pub(super) fn replace_services(&self, services: Services) {
        services.have_looked_after(&self.custody);
        let mut current = locked(&self.services);
        let before = std::mem::take(&mut *current);
        *current = services.after(before);
    }

    pub(super) fn open_entries(&self, name: &Name) -> Vec<Arc<Entry>> {
        let entries = locked(&self.entries);
        let of = |entry: &&Arc<Entry>| entry.key.tenant() == name.0 && entry.key.service() == name.1;
        entries.values().filter(of).cloned().collect()
    }

    fn missing(&self, tenant: &str, service: &str) -> Error {
        if locked(&self.services).was_removed(tenant, service) {
            removed(tenant, service)
        } else {
            super::resolved::not_found(tenant, service)
        }
    }
}

fn removed(tenant: &str, service: &str) -> Error {
    let fact = format!("the service {service} of the tenant {tenant} was removed");
    Error::new(ErrorKind::Removed, Stage::Build, fact)
}

fn not_consented(key: &GrantKey) -> Error {
    let fact = format!("there is no consent for {key} in the vault");
    Error::new(ErrorKind::InvalidGrant, Stage::Vault, fact).with_diagnosis(Diagnosis::new(
        Party::ResourceOwner,
        "have the person consent, and keep what comes of it",
        Retry::Never,
    ))
}

fn not_kept(key: &GrantKey) -> Error {
    Error::configuration(format!(
        "nothing is kept of {}: its flow is token_exchange, and the token that is exchanged comes from the application, by \
         `TenantPantry::exchange`",
        key.service()
    ))
}

pub(super) fn named(error: grantry_core::InvalidName) -> Error {
    Error::configuration(error.to_string())
}

impl fmt::Debug for House {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("House").field("vault", &self.vault).finish_non_exhaustive()
    }
}
