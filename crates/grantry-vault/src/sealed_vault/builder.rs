//! Opening a vault.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use grantry_core::{
    Clock, ContainedObserver, Entropy, Error, NoObserver, Observer, SystemClock, SystemEntropy,
};

use super::audit_sink::VaultAuditSink;
use super::open::{Inner, SealedVault};
use super::vault_keys::VaultKeys;
use crate::access::AccessPolicy;
use crate::audit::{AuditLog, AuditSink};
use crate::backend::Vault;
use crate::keyring::Keyring;
use crate::keys::Deployment;
use crate::sealing::HighWater;
use crate::store::RecordStore;

const MINUTE: Duration = Duration::from_secs(60);

/// What a vault is called that was given no name.
const DEFAULT_DEPLOYMENT: &str = "default";

/// Opens a [`SealedVault`].
#[derive(Debug)]
#[must_use]
pub struct SealedVaultBuilder {
    backend: Arc<dyn Vault>,
    keys: VaultKeys,
    policy: AccessPolicy,
    deployment: String,
    sinks: Vec<Arc<dyn AuditSink>>,
    own_store: bool,
    patience: Duration,
    most_key_age: Duration,
    most_tenants: usize,
    tombstones_stand: Duration,
    observer: Arc<dyn Observer>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl SealedVaultBuilder {
    pub(super) fn new(backend: Arc<dyn Vault>, keys: VaultKeys, policy: AccessPolicy) -> Self {
        Self {
            backend,
            keys,
            policy,
            deployment: DEFAULT_DEPLOYMENT.to_owned(),
            sinks: Vec::new(),
            own_store: true,
            patience: Duration::from_secs(2),
            most_key_age: MINUTE * 5,
            most_tenants: 10_000,
            tombstones_stand: MINUTE * 60 * 24 * 30,
            observer: Arc::new(NoObserver),
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
        }
    }

    /// The name of the deployment, `default` if left out. Every record is bound to it: a vault opens under the name that
    /// it was made with.
    pub fn deployment(self, name: impl Into<String>) -> Self {
        Self { deployment: name.into(), ..self }
    }

    /// Adds a sink to the audit trail, beside the vault's own store.
    pub fn audit_sink(mut self, sink: impl AuditSink) -> Self {
        self.sinks.push(Arc::new(sink));
        self
    }

    /// Leaves the audit trail out of the vault's own store. Then another durable sink has to be there.
    pub fn audit_elsewhere(self) -> Self {
        Self { own_store: false, ..self }
    }

    /// How long the audit trail may take to record what is about to happen, before it is refused: 2 s if left out.
    pub fn audit_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How long, and for how many tenants, unwrapped keys are used before the key provider is asked again: 5 minutes
    /// and 10,000 if left out. Shorter is safer; longer rides out a longer outage of the provider.
    pub fn keys_in_memory(self, most_age: Duration, most_tenants: usize) -> Self {
        Self { most_key_age: most_age, most_tenants, ..self }
    }

    /// How long the tombstone of a deleted record stands before a rotation removes it: 30 days if left out. A record
    /// whose tombstone is gone can no longer be told from one that was taken out of the store.
    pub fn tombstones_stand(self, time: Duration) -> Self {
        Self { tombstones_stand: time, ..self }
    }

    /// Tells somebody what happened, such as that a key is due.
    pub fn observer(self, observer: impl Observer) -> Self {
        Self { observer: Arc::new(observer), ..self }
    }

    /// Uses another clock.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Uses other random bytes: only for simulations, because every key comes from them.
    pub fn entropy(self, entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy, ..self }
    }

    /// Opens the vault. An empty store becomes a new one: its first key is made and wrapped.
    ///
    /// # Errors
    /// `Configuration` for what was set wrong here, or a vault of another deployment; `KeyUnavailable` where the key
    /// provider does not have or open the vault's keys; `Damaged` where the store is not as it was left; `Storage`.
    /// Nothing that stands in the store is changed then.
    pub async fn open(self) -> Result<SealedVault, Error> {
        let deployment = Deployment::new(&self.deployment)
            .map_err(|error| Error::configuration(format!("the deployment's name: {error}")))?;
        if self.most_key_age < Duration::from_secs(1) {
            return Err(Error::configuration("keys have to be in memory for a second or more"));
        }
        let store = Arc::new(RecordStore {
            backend: self.backend,
            deployment,
            entropy: Arc::clone(&self.entropy),
            water: HighWater::new(self.tombstones_stand),
        });
        let VaultKeys { providers, rotation } = self.keys;
        let keyring = Arc::new(Keyring::new(
            Arc::clone(&store),
            providers,
            Arc::clone(&self.clock),
            self.most_key_age,
            self.most_tenants,
        ));
        keyring.keys(None).await.map_err(|error| error.into_error("the vault"))?;
        let own = VaultAuditSink::new(Arc::clone(&keyring));
        let root = own.root_key().await.map_err(|error| error.into_error("the key of the audit trail"))?;
        let mut log = AuditLog::builder(root, Arc::clone(&self.clock), Arc::clone(&self.entropy))
            .patience(self.patience);
        if self.own_store {
            log = log.sink(own);
        }
        for sink in self.sinks {
            log = log.sink(sink);
        }
        let audit = log.build().map_err(|error| Error::configuration(error.to_string()))?;
        Ok(SealedVault(Arc::new(Inner {
            store,
            keyring,
            rotation,
            policy_epoch: self.policy.epoch().into(),
            policy: RwLock::new(self.policy),
            audit,
            observer: ContainedObserver::new(self.observer),
            clock: self.clock,
            tombstones_stand: self.tombstones_stand,
        })))
    }
}
