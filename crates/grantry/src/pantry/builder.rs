//! Opening a pantry.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use grantry_core::{
    Clock, Entropy, Error, ErrorKind, NoObserver, Observer, Stage, SystemClock, SystemEntropy,
};
use grantry_custody::{Custody, FolderLifeboat, Lifeboat, Release};
use grantry_endpoint::Transport;
use grantry_refresh::Scheduler;
use grantry_vault::access::{AccessPolicy, Principal};
use grantry_vault::audit::AuditSink;
use grantry_vault::{RotationPolicy, SealedVault, Vault, VaultKeys};

use super::Grantry;
use super::chores::{Chores, Reaper};
use super::described::Described;
use super::doors::Doors;
use super::house::{House, Services};
use super::service::Service;
use super::transports::{Reach, Settings, Way};

/// Opens a [`Grantry`] from its parts.
#[must_use]
pub struct GrantryBuilder {
    #[cfg(feature = "config")]
    pub(super) config: Option<grantry_config::Config>,
    pub(super) vault: Option<Arc<dyn Vault>>,
    pub(super) keys: Option<VaultKeys>,
    pub(super) access: Option<AccessPolicy>,
    pub(super) principal: Option<Principal>,
    pub(super) deployment: Option<String>,
    sinks: Vec<Arc<dyn AuditSink>>,
    pub(super) audit_elsewhere: bool,
    pub(super) audit_patience: Option<Duration>,
    pub(super) lifeboat: Option<Result<Arc<dyn Lifeboat>, Error>>,
    pub(super) services: Vec<Described>,
    pub(super) way: Way,
    process_name: Option<String>,
    pub(super) rotation: Option<RotationPolicy>,
    /// Whether the application said when keys are exchanged: then a configuration does not.
    #[cfg_attr(not(feature = "config"), allow(dead_code, reason = "only a configuration asks"))]
    pub(super) rotation_is_said: bool,
    pub(super) reaper: Option<Reaper>,
    look_every: Option<Duration>,
    release: Release,
    for_a_moment: bool,
    concurrent_renewals: usize,
    most_patience: Option<Duration>,
    observer: Arc<dyn Observer>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl GrantryBuilder {
    pub(super) fn new() -> Self {
        Self {
            #[cfg(feature = "config")]
            config: None,
            vault: None,
            keys: None,
            access: None,
            principal: None,
            deployment: None,
            sinks: Vec::new(),
            audit_elsewhere: false,
            audit_patience: None,
            lifeboat: None,
            services: Vec::new(),
            way: Way::Made(Settings::default()),
            process_name: None,
            rotation: Some(RotationPolicy::default()),
            rotation_is_said: false,
            reaper: None,
            look_every: None,
            release: Release::default(),
            for_a_moment: false,
            concurrent_renewals: 16,
            most_patience: None,
            observer: Arc::new(NoObserver),
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
        }
    }

    /// Where records are kept. Needed.
    pub fn vault(self, vault: impl Vault) -> Self {
        Self { vault: Some(Arc::new(vault)), ..self }
    }

    /// Who holds the keys. Needed: a key provider, or [`VaultKeys`] with all their choices, such as
    /// [`VaultKeys::rotating`] where the provider's own keys are to be exchanged too.
    pub fn keys(self, keys: impl Into<VaultKeys>) -> Self {
        Self { keys: Some(keys.into()), ..self }
    }

    /// Who may do what. Needed, but where a configuration without a section `access` says the rest: then the process
    /// itself may use and keep tokens of every tenant and make tenants, and nobody else may anything. It does not see a
    /// secret, changes no registration, destroys nothing. [`AccessPolicy::sole`] is for a program that is alone with its vault
    /// and does everything there.
    pub fn access(self, policy: AccessPolicy) -> Self {
        Self { access: Some(policy), ..self }
    }

    /// Whom the process itself speaks for, in [`Grantry::tenant`]. With a policy it may what the policy allows it. Do not
    /// name anybody in a program that acts for several who may different things.
    pub fn principal(self, principal: Principal) -> Self {
        Self { principal: Some(principal), ..self }
    }

    /// The name of the deployment, `default` if left out. Every record is bound to it.
    pub fn deployment(self, name: impl Into<String>) -> Self {
        Self { deployment: Some(name.into()), ..self }
    }

    /// Adds a sink to the audit trail, beside the vault's own store.
    pub fn audit_sink(mut self, sink: impl AuditSink) -> Self {
        self.sinks.push(Arc::new(sink));
        self
    }

    /// Leaves the audit trail out of the vault's own store. Then another durable sink has to be there.
    pub fn audit_elsewhere(self) -> Self {
        Self { audit_elsewhere: true, ..self }
    }

    /// How long a record of the trail may take to be durable before the secret is refused; 2 s if left out.
    pub fn audit_patience(self, patience: Duration) -> Self {
        Self { audit_patience: Some(patience), ..self }
    }

    /// A folder on the local disk for what was received and is not stored yet: see [`FolderLifeboat`]. This or
    /// [`lifeboat`](Self::lifeboat) is needed; a configuration names one.
    pub fn lifeboats(self, folder: impl AsRef<Path>) -> Self {
        let lifeboat = FolderLifeboat::open(folder).map_err(|error| {
            let fact = "the folder of the lifeboats cannot be used";
            Error::new(ErrorKind::Storage, Stage::Keep, fact).with_source(error)
        });
        Self { lifeboat: Some(lifeboat.map(|lifeboat| Arc::new(lifeboat) as Arc<dyn Lifeboat>)), ..self }
    }

    /// Another lifeboat. With [`NoLifeboat`](crate::custody::NoLifeboat) what a process has received is lost with it if the store
    /// did not take it in time: then a person has to consent again where the server refuses a used refresh token.
    pub fn lifeboat(self, lifeboat: impl Lifeboat) -> Self {
        Self { lifeboat: Some(Ok(Arc::new(lifeboat))), ..self }
    }

    /// Adds services. Those of the vault's registrations need no description here.
    pub fn services(mut self, services: impl IntoIterator<Item = Service>) -> Self {
        self.services.extend(services.into_iter().map(Described::from));
        self
    }

    /// How requests reach authorization servers; if left out, as [`http_transport`](Self::http_transport) with its
    /// defaults. A service with a certificate of its own needs one that presents that certificate.
    pub fn transport(self, transport: Arc<dyn Transport>) -> Self {
        Self { way: Way::Handed(transport), ..self }
    }

    /// How transports are made: timeouts, a proxy, root certificates. Each service with a certificate of its own gets those
    /// that present it, and where a refresh token is redeemed nobody else uses the connection.
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    pub fn http_transport(self, settings: grantry_endpoint::HttpTransportBuilder) -> Self {
        Self { way: Way::Made(settings), ..self }
    }

    /// The name of this process in the history of grants, such as a pod's.
    pub fn process_name(self, name: impl Into<String>) -> Self {
        Self { process_name: Some(name.into()), ..self }
    }

    /// When keys are exchanged in the background; every 90 days if left out.
    pub fn rotation(self, policy: RotationPolicy) -> Self {
        Self { rotation: Some(policy), rotation_is_said: true, ..self }
    }

    /// Exchanges no keys: another process does, or somebody by hand.
    pub fn without_rotation(self) -> Self {
        Self { rotation: None, rotation_is_said: true, ..self }
    }

    /// Revokes grants that nobody used for so long, first an hour after the start, then once a day, in all tenants. It is done as that principal, which needs
    /// `grant.read` for everything and `grant.revoke`.
    pub fn reap_unused(self, unused_for: Duration, by: Principal) -> Self {
        Self { reaper: Some(Reaper { unused_for, by }), ..self }
    }

    /// How often custody looks for what dead processes left; if left out, a minute, or less where a server's window makes it
    /// necessary: see [`CustodyBuilder::look_every`](crate::custody::CustodyBuilder::look_every).
    pub fn look_every(self, look_every: Duration) -> Self {
        Self { look_every: Some(look_every), ..self }
    }

    /// When callers may have a token that the store does not have yet; if left out, as soon as a lifeboat on a disk has it.
    pub fn release(self, release: Release) -> Self {
        Self { release, ..self }
    }

    /// For a program that ends soon: it finishes only what it has opened itself. Left out, it also finishes what dead
    /// processes left of grants that nobody asks for here, first at the start and then each minute or so, in all tenants: see
    /// [`Custody::finish_with`].
    pub fn for_a_moment(self) -> Self {
        Self { for_a_moment: true, ..self }
    }

    /// How many renewals may run at once at one token endpoint; 16 if left out.
    pub fn concurrent_renewals(self, renewals: usize) -> Self {
        Self { concurrent_renewals: renewals, ..self }
    }

    /// How long callers wait for a renewal at most, whatever the policy of a service says: for programs that somebody sits
    /// before.
    pub fn most_patience(self, patience: Duration) -> Self {
        Self { most_patience: Some(patience), ..self }
    }

    /// Who is told what happens.
    pub fn observer(self, observer: impl Observer) -> Self {
        Self { observer: Arc::new(observer), ..self }
    }

    /// The clock of everything.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The randomness of everything: only for simulations, because every key comes from it.
    pub fn entropy(self, entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy, ..self }
    }

    /// Opens the vault, brings home what dead processes left, and begins what goes on in the background. Needs a tokio
    /// runtime. Dropping the future leaves nothing that another call would not go on with.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) for a part that is missing, and those of opening a
    /// vault.
    pub async fn open(self) -> Result<Grantry, Error> {
        #[cfg(feature = "config")]
        let this = self.configured().await?;
        #[cfg(not(feature = "config"))]
        let this = self;
        this.open_parts().await
    }

    async fn open_parts(self) -> Result<Grantry, Error> {
        let needed = |what: &str, how: &str| Error::configuration(format!("the pantry has no {what}: {how}"));
        let backend = self.vault.ok_or_else(|| needed("vault", "give it one with `.vault(..)`"))?;
        let keys = self.keys.ok_or_else(|| needed("keys", "give it a key provider with `.keys(..)`"))?;
        let how = "say who may do what with `.access(AccessPolicy::sole(&me))`, or a policy of your own";
        let access = self.access.ok_or_else(|| needed("access policy", how))?;
        let services = Services::new(self.services)?;
        let reach = Reach::new(self.way)?;
        reach.check(services.all())?;
        let how = "name a folder on a local disk with `.lifeboats(..)`, or with `lifeboats` beside the store in a configuration; or \
                   say with `.lifeboat(NoLifeboat)` that what was received may be lost with the process";
        let lifeboat = self.lifeboat.ok_or_else(|| needed("lifeboat", how))??;
        let mut vault = SealedVault::builder(backend, keys, access)
            .clock(Arc::clone(&self.clock))
            .entropy(Arc::clone(&self.entropy))
            .observer(Arc::clone(&self.observer));
        if let Some(name) = self.deployment {
            vault = vault.deployment(name);
        }
        for sink in self.sinks {
            vault = vault.audit_sink(sink);
        }
        if self.audit_elsewhere {
            vault = vault.audit_elsewhere();
        }
        if let Some(patience) = self.audit_patience {
            vault = vault.audit_patience(patience);
        }
        let vault = vault.open().await?;
        let mut custody = Custody::builder(&vault, lifeboat)
            .clock(Arc::clone(&self.clock))
            .entropy(Arc::clone(&self.entropy))
            .observer(Arc::clone(&self.observer))
            .release(self.release);
        if let Some(name) = self.process_name {
            custody = custody.process_name(name);
        }
        if let Some(look_every) = self.look_every {
            custody = custody.look_every(look_every);
        }
        let custody = custody.open().await?;
        services.have_looked_after(&custody);
        let scheduler = Scheduler::builder()
            .clock(Arc::clone(&self.clock))
            .entropy(Arc::clone(&self.entropy))
            .concurrent_renewals(self.concurrent_renewals)
            .build();
        let rotation = self.rotation.map(|policy| vault.keep_rotating(policy)).transpose()?;
        let house = Arc::new(House {
            itself: self.principal,
            renewal: vault.as_principal(Principal::system_renewal()),
            vault,
            custody,
            scheduler,
            clock: self.clock,
            entropy: self.entropy,
            observer: self.observer,
            reach,
            most_patience: self.most_patience,
            services: Mutex::new(services),
            entries: Mutex::new(HashMap::new()),
            registrations: Mutex::new(HashMap::new()),
            closed: AtomicBool::new(false),
            ending: tokio::sync::watch::Sender::new(false),
            consenting: Arc::default(),
            chores: OnceLock::new(),
        });
        if !self.for_a_moment {
            house.custody.finish_with(Doors(Arc::downgrade(&house)));
        }
        let chores = Arc::new(Chores::begin(&house, self.reaper, rotation));
        let _ = house.chores.set(Arc::downgrade(&chores));
        Ok(Grantry { house, chores })
    }
}

impl fmt::Debug for GrantryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantryBuilder")
            .field("vault", &self.vault)
            .field("keys", &self.keys)
            .field("services", &self.services)
            .finish_non_exhaustive()
    }
}
