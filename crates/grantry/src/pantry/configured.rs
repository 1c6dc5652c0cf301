//! A pantry as a configuration describes it.

use std::collections::HashMap;
use std::sync::Arc;

use grantry_config::{Config, KeysSection, ServerConfig, StoreSection, VaultSection};
use grantry_core::Error;
use grantry_custody::NoLifeboat;
use grantry_vault::access::{AccessPolicy, Binding, Permission, PolicyError, Principal, Reach, Role};
use grantry_vault::audit::JsonLines;

use super::Grantry;
use super::builder::GrantryBuilder;
use super::completed::Configured;
use super::described::Described;
use super::issuer::Issuer;

impl GrantryBuilder {
    /// Everything that the configuration says and no other call of this builder says: services, vault, keys, access, audit,
    /// lifeboats, the reaper.
    ///
    /// Each kind of store, HSM and key service is a feature of this crate (`postgres`, `redis`, `keychain`, `pkcs11`, `aws-kms`,
    /// `transit`); one whose feature is off is an error that names it, unless the application hands in what it opened by
    /// [`vault`](Self::vault) or [`keys`](Self::keys).
    pub fn config(mut self, config: impl Into<Config>) -> Self {
        self.config = Some(config.into());
        self
    }

    /// Fills in what was not said.
    ///
    /// # Errors
    /// `Configuration` for what cannot be opened from here, and where it stands; those of the store and the keys.
    pub(super) async fn configured(mut self) -> Result<Self, Error> {
        let Some(config) = self.config.take() else { return Ok(self) };
        if let Some(section) = config.vault() {
            self = self.with_vault(section).await?;
        }
        if let Some(section) = config.keys() {
            self = self.with_keys(section, config.vault()).await?;
        }
        if self.access.is_none() {
            self.access = config.access().cloned();
        }
        if self.access.is_none() {
            self = self.with_itself_alone()?;
        }
        if let Some(audit) = config.audit() {
            self.audit_elsewhere |= !audit.in_vault;
            self.audit_patience = self.audit_patience.or(audit.patience);
            if let Some(folder) = &audit.folder {
                self = self.audit_sink(JsonLines::new(folder));
            }
        }
        self.services.extend(services(&config));
        Ok(self)
    }

    /// Nobody said who may do what, so that the process may use tokens, the reaper may revoke grants if there is one, and nobody
    /// else may anything.
    fn with_itself_alone(self) -> Result<Self, Error> {
        let wrong = |error: PolicyError| Error::configuration(error.to_string());
        let principal = match &self.principal {
            Some(principal) => principal.clone(),
            None => Principal::workload("grantry").map_err(wrong)?,
        };
        let makes_tenants = Role::custom("makes-tenants", [Permission::TenantCreate]).map_err(wrong)?;
        let roles = [Role::service(), makes_tenants.clone()];
        let policy = AccessPolicy::builder().role(makes_tenants);
        let mut policy = roles
            .iter()
            .fold(policy, |policy, role| policy.bind(Binding::allow(&principal, role, Reach::everything())));
        if let Some(reaper) = &self.reaper {
            let reaps = [Permission::GrantRead, Permission::GrantRevoke];
            let reaps = Role::custom("reaps", reaps).map_err(wrong)?;
            let binding = Binding::allow(&reaper.by, &reaps, Reach::everything());
            policy = policy.role(reaps).bind(binding);
        }
        Ok(self.access(policy.build().map_err(wrong)?).principal(principal))
    }

    async fn with_vault(mut self, section: &VaultSection) -> Result<Self, Error> {
        if self.deployment.is_none() {
            self.deployment.clone_from(&section.deployment);
        }
        if self.lifeboat.is_none() {
            self = match (&section.lifeboats, &section.store) {
                (Some(folder), _) => self.lifeboats(folder),
                // Where the command has them, too.
                (None, StoreSection::Sqlite { path, .. }) => self.lifeboats(path.with_file_name("lifeboats")),
                // What is lost with the process has nothing that could be brought home.
                (None, StoreSection::Memory) => self.lifeboat(NoLifeboat),
                _ => self,
            };
        }
        if let Some(reaper) = section.reaper.as_ref().filter(|_| self.reaper.is_none()) {
            self = self.reap_unused(reaper.unused_for, reaper.by.clone());
        }
        if self.vault.is_some() {
            return Ok(self);
        }
        self.vault = Some(super::stores::open_store(&section.store).await?);
        Ok(self)
    }

    async fn with_keys(mut self, section: &KeysSection, vault: Option<&VaultSection>) -> Result<Self, Error> {
        if !self.rotation_is_said {
            self.rotation.clone_from(&section.rotation);
        }
        if self.keys.is_some() {
            return Ok(self);
        }
        let keys = super::key_providers::open_keys(&section.provider, vault).await?;
        Ok(self.keys(keys))
    }
}

impl Grantry {
    /// Lets the services of a newer configuration take effect: handles stay valid, and tokens that are still right are kept.
    /// Its other sections are for the next start. Issuers are asked anew, each when one of its services is needed.
    ///
    /// # Errors
    /// As [`replace_services`](Grantry::replace_services).
    pub async fn reload(&self, config: impl Into<Config>) -> Result<(), Error> {
        self.replace_described(services(&config.into())).await
    }
}

/// The services of a configuration, for every tenant and for single ones. Those of one issuer share what it answers.
fn services(config: &Config) -> Vec<Described> {
    let every = config.services().map(|service| (None, service));
    let own = config
        .tenants()
        .flat_map(|(tenant, own)| own.services().map(move |service| (Some(tenant.clone()), service)));
    let mut issuers: HashMap<&str, Arc<Issuer>> = HashMap::new();
    let described = every.chain(own).map(|(tenant, service)| {
        let issuer = match service.server() {
            ServerConfig::Discover { issuer } => {
                Some(Arc::clone(issuers.entry(issuer).or_insert_with(|| Arc::new(Issuer::new(issuer)))))
            }
            _ => None,
        };
        Described::Configured(Configured::new(tenant, Arc::clone(service), issuer))
    });
    described.collect()
}
