//! The configuration as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use grantry_core::{ServiceName, TenantId};
use grantry_vault::access::AccessPolicy;

use crate::finding::{ConfigErrors, Finding};
use crate::sections::{AuditSection, KeysSection, VaultSection};
use crate::service::ServiceConfig;
use crate::source::Source;
use crate::surroundings::Surroundings;
use crate::system::SystemSurroundings;
use crate::{load, surroundings};

/// What a configuration has to have to be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Completeness {
    /// Parts of services are fine; notes say what is missing for use.
    #[default]
    Partial,
    /// Everything but what the vault may have: clients and their secrets.
    ExceptRegistrations,
    /// Everything.
    Whole,
}

/// A configuration, checked. Clones share it.
#[derive(Debug, Clone)]
pub struct Config(pub(crate) Arc<Parts>);

#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) services: BTreeMap<ServiceName, Arc<ServiceConfig>>,
    pub(crate) tenants: BTreeMap<TenantId, TenantConfig>,
    pub(crate) vault: Option<VaultSection>,
    pub(crate) keys: Option<KeysSection>,
    pub(crate) access: Option<AccessPolicy>,
    pub(crate) audit: Option<AuditSection>,
    pub(crate) secret_variables: BTreeSet<String>,
}

/// One tenant: what is different for it.
#[derive(Debug, Clone, Default)]
pub struct TenantConfig {
    pub(crate) services: BTreeMap<ServiceName, Arc<ServiceConfig>>,
}

impl TenantConfig {
    /// The services that are different for this tenant, whole: what all tenants have lies under them.
    pub fn services(&self) -> impl Iterator<Item = &Arc<ServiceConfig>> {
        self.services.values()
    }
}

/// A configuration that was loaded, and what should be known of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What somebody should look at, such as secrets that stand in it.
    pub warnings: Vec<Finding>,
    /// What was chosen and why, and what is missing for use.
    pub notes: Vec<Finding>,
}

impl From<Loaded> for Config {
    fn from(loaded: Loaded) -> Self {
        loaded.config
    }
}

impl Config {
    /// Loads a file, with the machine's environment variables and files.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_file(path: impl Into<std::path::PathBuf>) -> Result<Loaded, ConfigErrors> {
        Self::load([Source::file(path)], &SystemSurroundings::new())
    }

    /// Loads sources as layers: a later one says over what an earlier one says. Parts of services are accepted.
    ///
    /// It reads files and blocks while it does.
    ///
    /// # Errors
    /// [`ConfigErrors`] has every mistake of every source, each with its place.
    pub fn load(
        sources: impl IntoIterator<Item = Source>,
        surroundings: &dyn Surroundings,
    ) -> Result<Loaded, ConfigErrors> {
        Self::load_complete(sources, surroundings, Completeness::Partial)
    }

    /// Loads sources as layers, and refuses services that lack more than `completeness` lets them.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_complete(
        sources: impl IntoIterator<Item = Source>,
        surroundings: &dyn surroundings::Surroundings,
        completeness: Completeness,
    ) -> Result<Loaded, ConfigErrors> {
        load::load(sources.into_iter().collect(), surroundings, completeness)
    }

    /// The services that every tenant has, by their names.
    pub fn services(&self) -> impl Iterator<Item = &Arc<ServiceConfig>> {
        self.0.services.values()
    }

    /// A service, as every tenant has it that says nothing else.
    pub fn service(&self, name: &str) -> Option<&Arc<ServiceConfig>> {
        self.0.services.get(name)
    }

    /// A service, as this tenant has it.
    pub fn service_of(&self, tenant: &str, name: &str) -> Option<&Arc<ServiceConfig>> {
        let own = self.0.tenants.get(tenant).and_then(|tenant| tenant.services.get(name));
        own.or_else(|| self.service(name))
    }

    /// The tenants that are named, by their names.
    pub fn tenants(&self) -> impl Iterator<Item = (&TenantId, &TenantConfig)> {
        self.0.tenants.iter()
    }

    /// Its services alone, without vault, keys, access and audit: for a program that has those from elsewhere.
    pub fn services_alone(&self) -> Self {
        Self(Arc::new(Parts {
            services: self.0.services.clone(),
            tenants: self.0.tenants.clone(),
            secret_variables: self.0.secret_variables.clone(),
            ..Parts::default()
        }))
    }

    /// Where credentials are kept.
    pub fn vault(&self) -> Option<&VaultSection> {
        self.0.vault.as_ref()
    }

    /// What holds the key above all keys.
    pub fn keys(&self) -> Option<&KeysSection> {
        self.0.keys.as_ref()
    }

    /// Who may do what.
    pub fn access(&self) -> Option<&AccessPolicy> {
        self.0.access.as_ref()
    }

    /// The names of the environment variables that stand where secrets do: a program that starts others can keep them from
    /// those.
    pub fn secret_variables(&self) -> impl Iterator<Item = &str> {
        self.0.secret_variables.iter().map(String::as_str)
    }

    /// Where it is recorded who did what.
    pub fn audit(&self) -> Option<&AuditSection> {
        self.0.audit.as_ref()
    }
}
