//! A pantry as a configuration describes it.

use std::path::Path;
use std::sync::Arc;

use grantry_config::{
    Config, Flow as ConfiguredFlow, KeyProviderSection, KeysSection, Located, Registration, ServerConfig,
    ServiceConfig, StoreSection, VaultSection,
};
use grantry_core::{
    AuthorizationServer, ClientAuthenticationMethod, ClientSecret, Error, ErrorKind, PrivateKey, Stage,
};
use grantry_endpoint::{Discovery, Transport};
use grantry_jose::Algorithm;
use grantry_vault::audit::JsonLines;
use grantry_vault::{LocalKey, MemoryVault, VaultKeys};

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
    /// lifeboats.
    ///
    /// A store or a key provider in a crate of its own is opened by the application, and handed in by
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
            self = self.with_keys(section)?;
        }
        if self.access.is_none() {
            self.access = config.access().cloned();
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

    async fn with_vault(mut self, section: &VaultSection) -> Result<Self, Error> {
        if self.deployment.is_none() {
            self.deployment.clone_from(&section.deployment);
        }
        if let Some(folder) = section.lifeboats.as_ref().filter(|_| self.lifeboat.is_none()) {
            self = self.lifeboats(folder);
        }
        if self.vault.is_some() {
            return Ok(self);
        }
        match &section.store {
            StoreSection::Sqlite { path, .. } => self.with_sqlite(path).await,
            StoreSection::Memory => Ok(self.vault(MemoryVault::new())),
            StoreSection::Postgres { .. } => {
                Err(elsewhere("vault", "postgres", "grantry-vault-postgres", ".vault(..)"))
            }
            StoreSection::Redis { .. } => {
                Err(elsewhere("vault", "redis", "grantry-vault-redis", ".vault(..)"))
            }
            _ => {
                Err(Error::configuration("the configured store is unknown here: hand it in with .vault(..)"))
            }
        }
    }

    #[cfg(feature = "sqlite")]
    async fn with_sqlite(self, path: &Path) -> Result<Self, Error> {
        let vault = grantry_vault_sqlite::SqliteVault::open(path).await.map_err(|error| {
            let fact = format!("the vault {} cannot be opened", path.display());
            Error::new(ErrorKind::Storage, Stage::Vault, fact).with_source(error)
        })?;
        Ok(self.vault(vault))
    }

    #[cfg(not(feature = "sqlite"))]
    #[allow(clippy::unused_async, reason = "with the feature it opens a file")]
    async fn with_sqlite(self, _path: &Path) -> Result<Self, Error> {
        Err(Error::configuration("the configured store is sqlite: turn the feature `sqlite` of grantry on"))
    }

    fn with_keys(mut self, section: &KeysSection) -> Result<Self, Error> {
        if !self.rotation_is_said {
            self.rotation.clone_from(&section.rotation);
        }
        if self.keys.is_some() {
            return Ok(self);
        }
        let key = match &section.provider {
            // Only a file can hold more than one version of the key, so only its key is exchanged with the others.
            KeyProviderSection::File { path, .. } => LocalKey::from_file(path).map(VaultKeys::rotating),
            KeyProviderSection::Environment { variable, .. } => {
                LocalKey::from_env(variable).map(VaultKeys::new)
            }
            KeyProviderSection::Passphrase { passphrase, salt, .. } => {
                LocalKey::from_passphrase(passphrase.expose(), salt.as_bytes()).map(VaultKeys::new)
            }
            KeyProviderSection::Keychain { .. } => {
                return Err(elsewhere("keys", "keychain", "grantry-keys-keychain", ".keys(..)"));
            }
            KeyProviderSection::Pkcs11 { .. } => {
                return Err(elsewhere("keys", "pkcs11", "grantry-keys-pkcs11", ".keys(..)"));
            }
            KeyProviderSection::AwsKms { .. } => {
                return Err(elsewhere("keys", "aws-kms", "grantry-keys-aws-kms", ".keys(..)"));
            }
            KeyProviderSection::Transit { .. } => {
                return Err(elsewhere("keys", "transit", "grantry-keys-transit", ".keys(..)"));
            }
            _ => {
                return Err(Error::configuration(
                    "the configured keys are unknown here: hand them in with .keys(..)",
                ));
            }
        };
        let key = key.map_err(|error| {
            let fact = "the configured key cannot be used";
            Error::new(ErrorKind::KeyUnavailable, Stage::Vault, fact).with_source(error)
        })?;
        Ok(self.keys(key))
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

/// What is configured and comes from a crate of its own.
fn elsewhere(section: &str, kind: &str, from: &str, by: &str) -> Error {
    Error::configuration(format!(
        "{section} is configured as {kind}, which is in the crate {from}: open it as its first page shows, and hand it in with {by}"
    ))
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
