//! A pantry as a configuration describes it.

use std::sync::Arc;

use grantry_config::{
    Config, Flow as ConfiguredFlow, KeysSection, Located, Registration, ServerConfig, ServiceConfig,
    StoreSection, VaultSection,
};
use grantry_core::{AuthorizationServer, ClientAuthenticationMethod, ClientSecret, Error, PrivateKey};
use grantry_custody::NoLifeboat;
use grantry_endpoint::{Discovery, Transport};
use grantry_jose::Algorithm;
use grantry_vault::access::{AccessPolicy, Binding, Permission, PolicyError, Principal, Reach, Role};
use grantry_vault::audit::JsonLines;

use super::Grantry;
use super::builder::GrantryBuilder;
use super::parts::dpop_for;
use super::service::{Flow, Service, ServiceBuilder};
use super::transports::Way;

/// How the metadata of issuers is read.
pub(super) struct Metadata(Way);

impl Metadata {
    /// Made where it is needed: it takes a moment.
    fn transport(&self) -> Result<Arc<dyn Transport>, Error> {
        self.0.shared().map(|transports| transports.plain)
    }
}

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
        let metadata = Metadata(self.way.clone());
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
        self.services.extend(services(&config, &metadata).await?);
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
    /// Its other sections are for the next start.
    ///
    /// # Errors
    /// As [`replace_services`](Grantry::replace_services), and those of looking an issuer's metadata up, after which
    /// nothing has changed.
    pub async fn reload(&self, config: impl Into<Config>) -> Result<(), Error> {
        let metadata = Metadata(Way::Handed(Arc::clone(&self.house.reach.shared.plain)));
        let services = services(&config.into(), &metadata).await?;
        self.replace_services(services).await
    }
}

/// The services of a configuration, for every tenant and for single ones.
///
/// # Errors
/// `Configuration` for a flow that nothing is kept of; those of looking an issuer's metadata up.
pub(super) async fn services(config: &Config, metadata: &Metadata) -> Result<Vec<Service>, Error> {
    let every = config.services().map(|service| (None, service));
    let own = config
        .tenants()
        .flat_map(|(tenant, own)| own.services().map(move |service| (Some(tenant.as_str()), service)));
    let mut services = Vec::new();
    for (tenant, configured) in every.chain(own) {
        // What is described by the vault alone needs no server here.
        if let Some(server) = server(configured, metadata).await? {
            services.push(service(tenant, configured, server)?);
        }
    }
    Ok(services)
}

async fn server(
    configured: &ServiceConfig,
    metadata: &Metadata,
) -> Result<Option<AuthorizationServer>, Error> {
    match configured.server() {
        ServerConfig::Known(server) => Ok(Some((**server).clone())),
        ServerConfig::Discover { issuer } => {
            let found = Discovery::new(issuer, metadata.transport()?)?.discover().await?;
            Ok(Some(found.server().clone()))
        }
        _ => Ok(None),
    }
}

fn service(
    tenant: Option<&str>,
    configured: &ServiceConfig,
    server: AuthorizationServer,
) -> Result<Service, Error> {
    let place = configured.place().to_string();
    let mistake = |fact: String| Error::configuration(format!("{place}: {fact}"));
    let flow = match configured.flow().map(|chosen| chosen.flow()) {
        Some(ConfiguredFlow::ClientCredentials) => Flow::ClientCredentials,
        Some(ConfiguredFlow::AuthorizationCode | ConfiguredFlow::DeviceAuthorization) => {
            Flow::AuthorizationCode
        }
        #[cfg(feature = "token-exchange")]
        Some(ConfiguredFlow::TokenExchange) => Flow::TokenExchange,
        #[cfg(not(feature = "token-exchange"))]
        Some(ConfiguredFlow::TokenExchange) => {
            return Err(mistake(
                "the flow is token_exchange: turn the feature `token-exchange` of grantry on".to_owned(),
            ));
        }
        Some(other) => return Err(mistake(format!("the flow {other} is unknown here"))),
        None => return Err(mistake("the flow is missing: add \"flow\"".to_owned())),
    };
    let (name, dpop) = (configured.name().as_str(), configured.dpop().then(|| dpop_for(&server)));
    let mut service = Service::builder(name, server)
        .flow(flow)
        .described_in(place.clone())
        .scopes(configured.scope().tokens())
        .policy(configured.refresh().clone());
    if let Some(tenant) = tenant {
        service = service.tenant(tenant);
    }
    service = registered(service, configured.registration()).map_err(mistake)?;
    if let Some(dpop) = dpop {
        service = service.dpop(dpop);
    }
    for resource in configured.resources() {
        service = service.resource(resource);
    }
    for (name, value) in configured.parameters().iter() {
        service = match name {
            "audience" => service.audience(value),
            _ => service.parameter(name, value),
        };
    }
    if let Some(uri) = configured.redirect_uri() {
        service = service.redirect_uri(uri);
    }
    if !configured.pkce() {
        service = service.without_pkce();
    }
    if let Some(kind) = configured.subject_token_type() {
        service = service.subject_token_type(kind);
    }
    if let Some(kind) = configured.requested_token_type() {
        service = service.requested_token_type(kind);
    }
    service.build()
}

/// The client, as far as the configuration knows it.
fn registered(mut service: ServiceBuilder, registration: &Registration) -> Result<ServiceBuilder, String> {
    if let Some(id) = registration.client_id() {
        service = service.client_id(id.value().clone());
    }
    if let Some(secret) = registration.client_secret().map(Located::value) {
        service = service.secret(ClientSecret::new(secret.expose()));
    }
    if let Some(key) = registration.private_key().map(Located::value) {
        service = service.private_key(PrivateKey::new(key.expose()));
    }
    if let Some(key_id) = registration.private_key_id() {
        service = service.key_id(key_id);
    }
    if let Some(name) = registration.signing_algorithm() {
        let algorithm = Algorithm::from_name(name).ok_or("signingAlgorithm is unknown here")?;
        service = service.signing_algorithm(algorithm);
    }
    if let Some(certificate) = registration.certificate() {
        service = service.certificate(certificate);
    }
    if let Some(mutual) = registration.mutual_tls() {
        let Some(certificate) = mutual.certificate() else {
            return Err(
                "mutualTls has no certificate: add \"certificateFile\" and \"privateKeyFile\"".to_owned()
            );
        };
        service = service.tls_certificate(certificate.value());
        if let Some(key) = mutual.private_key().map(Located::value) {
            service = service.tls_key(PrivateKey::new(key.expose()));
        }
        if mutual.bound_tokens() {
            service = service.certificate_bound();
        }
    }
    // What only follows from a certificate follows once more where it is known whether the vault has a secret.
    let follows = registration.authentication().is_none() && registration.mutual_tls().is_some();
    let method = registration.method();
    if let Some(method) = method.filter(|method| !(follows && is_by_certificate(*method))) {
        service = service.method(method);
    }
    Ok(service)
}

fn is_by_certificate(method: ClientAuthenticationMethod) -> bool {
    use ClientAuthenticationMethod::{SelfSignedTlsClientAuth, TlsClientAuth};
    matches!(method, TlsClientAuth | SelfSignedTlsClientAuth)
}
