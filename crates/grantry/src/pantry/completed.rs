//! A service of a configuration, and what the vault's registration says of what is left out there.

use std::sync::Arc;

use grantry_config::{Flow as ConfiguredFlow, PartialServer, ServerConfig, ServiceConfig};
use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error, TenantId};
use grantry_refresh::RefreshPolicy;
use grantry_vault::ClientRecord;

use super::attributes::{Attributes, fill, flow_of};
use super::described_server::{FACTS, endpoints, server, with_endpoints};
use super::house::House;
use super::issuer::Issuer;
use super::parts::{Parts, dpop_for};
use super::registered::registered;
use super::resolved::agree;
use super::service::{Flow, Service, ServiceBuilder};

/// The keys of a service in a configuration, and the attributes of a registration that say the same.
const KEYS: &[(&str, &str)] = &[
    ("flow", "flow"),
    ("provider", "provider"),
    ("tenantId", "provider.tenantId"),
    ("instanceUrl", "provider.instanceUrl"),
    ("domain", "provider.domain"),
    ("issuer", "issuer"),
    ("tokenUrl", "token_url"),
    ("authorizationUrl", "authorization_url"),
    ("revocationUrl", "revocation_url"),
    ("introspectionUrl", "introspection_url"),
    ("deviceAuthorizationUrl", "device_url"),
    ("pushedAuthorizationUrl", "par_url"),
    ("jwksUri", "jwks_uri"),
    ("revocation", "revocation_spares"),
    ("refreshRate", "refresh_rate"),
    ("redirectUri", "redirect_uri"),
    ("clientAuthentication", "auth_method"),
    ("privateKeyId", "key_id"),
    ("signingAlgorithm", "signing_algorithm"),
    ("certificateFile", "certificate"),
    ("mutualTls", "tls_certificate"),
    ("mutualTls", "certificate_bound"),
    ("dpop", "dpop"),
    ("scopes", "scopes"),
    ("resources", "resources"),
    ("pkce", "pkce"),
    ("subjectTokenType", "subject_token_type"),
    ("requestedTokenType", "requested_token_type"),
    ("refreshToken.enabled", "refresh.enabled"),
    ("refreshToken.bufferTime", "refresh.buffer_seconds"),
    ("refreshToken.maxRetries", "refresh.max_retries"),
    ("refreshToken.retryDelay", "refresh.retry_delay_ms"),
];

/// What says together what happens while there is no valid token.
const FALLBACK: &[(&str, &str)] = &[
    ("refreshToken.fallbackBehavior", "refresh.fallback"),
    ("refreshToken.queuePatience", "refresh.queue_patience_seconds"),
    ("refreshToken.expiredGrace", "refresh.expired_grace_seconds"),
];

/// The attribute of a registration that says what a key of a service says in a configuration; `None` where there is none,
/// as for secrets.
///
/// ```
/// use grantry::pantry::attribute_of;
/// assert_eq!(attribute_of("tokenUrl").as_deref(), Some("token_url"));
/// assert_eq!(attribute_of("shop").as_deref(), Some("provider.shop"));
/// assert_eq!(attribute_of("clientSecret"), None);
/// ```
pub fn attribute_of(key: &str) -> Option<String> {
    let known = KEYS.iter().chain(FALLBACK).find(|(name, _)| *name == key);
    let of_a_provider = || {
        let mut parameters = grantry_providers::catalogue().flat_map(|preset| preset.parameters);
        parameters.any(|parameter| parameter.name == key).then(|| format!("provider.{key}"))
    };
    known.map(|(_, attribute)| (*attribute).to_owned()).or_else(of_a_provider)
}

/// The service that a configuration describes, with what the attributes of the vault's registration say of what it leaves
/// out, as [`Grantry`](super::Grantry) puts them together, without client id and secrets of the vault. Nobody is asked.
///
/// # Errors
/// [`Configuration`](grantry_core::ErrorKind::Configuration) names what is in neither of them; also where the metadata of an
/// issuer would have to be read.
pub fn completed(configured: &ServiceConfig, attributes: &Attributes) -> Result<Service, Error> {
    complete(configured, None, attributes, None)
}

/// A service of a configuration.
#[derive(Debug)]
pub(super) struct Configured {
    pub(super) tenant: Option<TenantId>,
    config: Arc<ServiceConfig>,
    issuer: Option<Arc<Issuer>>,
}

impl Configured {
    pub(super) fn new(
        tenant: Option<TenantId>,
        config: Arc<ServiceConfig>,
        issuer: Option<Arc<Issuer>>,
    ) -> Self {
        Self { tenant, config, issuer }
    }

    pub(super) fn name(&self) -> &str {
        self.config.name().as_str()
    }

    pub(super) fn place(&self) -> String {
        self.config.place().to_string()
    }

    pub(super) fn by_itself(&self) -> Result<Option<Arc<Service>>, Error> {
        if self.config.flow().is_none() || !matches!(self.config.server(), ServerConfig::Known(_)) {
            return Ok(None);
        }
        self.complete(&Attributes::new(), None).map(Arc::new).map(Some)
    }

    pub(super) async fn over(
        &self,
        house: &House,
        tenant: &str,
        record: Option<&ClientRecord>,
        asks: bool,
    ) -> Result<Service, Error> {
        let none = Attributes::new();
        if let Some(record) = record {
            // Nobody is asked for the sake of what cannot be used anyway.
            let registration = self.config.registration();
            let id = registration.client_id().map(|id| id.value());
            let by_certificate = registration.mutual_tls().and_then(|mutual| mutual.private_key()).is_some()
                && matches!(
                    registration.method(),
                    Some(Method::TlsClientAuth | Method::SelfSignedTlsClientAuth)
                );
            let has = registration.client_secret().is_some() || registration.private_key().is_some();
            agree(tenant, self.name(), &self.place(), id, has || by_certificate, record)?;
        }
        let facts = match &self.issuer {
            Some(issuer) if asks => Some(issuer.ask(house).await?),
            Some(issuer) => issuer.facts(),
            None => None,
        };
        self.complete(record.map_or(&none, ClientRecord::attributes), facts.as_ref())
    }

    fn complete(
        &self,
        attributes: &Attributes,
        facts: Option<&AuthorizationServer>,
    ) -> Result<Service, Error> {
        complete(&self.config, self.tenant.as_ref(), attributes, facts)
    }
}

fn complete(
    config: &ServiceConfig,
    tenant: Option<&TenantId>,
    attributes: &Attributes,
    facts: Option<&AuthorizationServer>,
) -> Result<Service, Error> {
    let place = config.place().to_string();
    let mistake = |fact: String| Error::configuration(format!("{place}: {fact}"));
    let unusable = |error: Error| {
        let fact = format!("what the vault's registration says of {} cannot be used", config.name());
        mistake(fact).with_source(error)
    };
    let lacks = || lacking(config, &place, attributes);
    let stored = left_out(config, attributes);
    let server = match (config.server(), facts) {
        (ServerConfig::Known(server), _) => with_stored(server, &stored).map_err(unusable)?,
        (ServerConfig::Discover { .. }, Some(facts)) => {
            // Its metadata is newer than what was stored of it.
            let stored = stored.iter().filter(|(name, _)| FACTS.contains(&name.as_str()));
            let stored = stored.map(|(name, value)| (name.clone(), value.clone())).collect();
            with_stored(facts, &stored).map_err(unusable)?
        }
        (ServerConfig::Discover { issuer }, None) => {
            return Err(mistake(format!(
                "the metadata of {} was not read: {issuer} was not asked",
                config.name()
            )));
        }
        (ServerConfig::Partial(partial), _) => {
            server(&laid_over(config, partial, &stored)).map_err(|error| match lacks() {
                Some(lacks) => lacks.with_source(error),
                None => unusable(error),
            })?
        }
        _ => return Err(mistake("its server is of a kind that is unknown here".to_owned())),
    };
    let server = config.facts().over(&server).map_err(unusable)?;
    let flow = match config.flow().map(|chosen| chosen.flow()) {
        Some(flow) => flow_here(flow).map_err(mistake)?,
        None => match stored_flow(config, &stored).map_err(unusable)? {
            Some(flow) => flow,
            None => {
                let nothing =
                    || mistake(format!("nothing says how the tokens of {} are obtained", config.name()));
                return Err(lacks().unwrap_or_else(nothing));
            }
        },
    };
    let dpop = config.dpop().then(|| dpop_for(&server));
    let mut parts = Parts::new(server);
    fill(&mut parts, &stored).map_err(unusable)?;
    parts.flow = flow;
    parts.dpop = dpop.or(parts.dpop);
    parts.policy = policy(config, &stored, &parts.policy)?;
    let keeps_method = parts.method.is_some();
    let service = Service::of_parts(config.name().as_str(), parts).described_in(place.clone());
    let service = registered(service, config.registration(), keeps_method).map_err(mistake)?;
    described(config, tenant, service).build()
}

/// What the configuration says beside server, flow and client.
fn described(
    config: &ServiceConfig,
    tenant: Option<&TenantId>,
    mut service: ServiceBuilder,
) -> ServiceBuilder {
    service = service.scopes(config.scope().tokens());
    if let Some(tenant) = tenant {
        service = service.tenant(tenant.as_str());
    }
    for resource in config.resources() {
        service = service.resource(resource);
    }
    for (name, value) in config.parameters().iter() {
        service = match name {
            "audience" => service.audience(value),
            _ => service.parameter(name, value),
        };
    }
    if let Some(uri) = config.redirect_uri() {
        service = service.redirect_uri(uri);
    }
    if !config.pkce() {
        service = service.without_pkce();
    }
    if let Some(kind) = config.subject_token_type() {
        service = service.subject_token_type(kind);
    }
    if let Some(kind) = config.requested_token_type() {
        service = service.requested_token_type(kind);
    }
    service
}

/// What the registration says and the configuration does not.
fn left_out(config: &ServiceConfig, attributes: &Attributes) -> Attributes {
    let mut left = attributes.clone();
    let says_fallback = FALLBACK.iter().any(|(key, _)| config.says(key));
    let fallback = FALLBACK.iter().filter(|_| says_fallback);
    let said = KEYS.iter().filter(|(key, _)| config.says(key)).chain(fallback);
    for (_, attribute) in said {
        left.remove(*attribute);
    }
    for (name, _) in config.parameters().iter() {
        left.remove(&format!("param.{name}"));
        left.remove(name).filter(|_| name == "audience");
    }
    if is_of_another_server(config, attributes) {
        left.retain(|name, _| {
            let is_of_the_server =
                FACTS.contains(&name.as_str()) || endpoints().any(|endpoint| endpoint == name);
            name != "provider" && !is_of_the_server
        });
    }
    if config.provider().is_some_and(|ours| attributes.get("provider").is_some_and(|theirs| theirs != ours)) {
        left.retain(|name, _| !name.starts_with("provider."));
    }
    left
}

/// Whether the registration was made for another server than the configuration's. What it knows of that one is nothing to
/// this one: a token would go there.
fn is_of_another_server(config: &ServiceConfig, attributes: &Attributes) -> bool {
    let provider = attributes.get("provider").map(String::as_str);
    let token_url = attributes.get("token_url").map(String::as_str);
    let is_another = provider.is_some() && provider != config.provider();
    match config.server() {
        ServerConfig::Known(server) => {
            is_another || token_url.is_some_and(|url| url != server.token_endpoint().as_str())
        }
        ServerConfig::Discover { issuer } => attributes
            .get("issuer")
            .map_or(provider.is_some() || token_url.is_some(), |theirs| theirs != issuer),
        _ if config.provider().is_some() => is_another,
        _ => config.says("tokenUrl") && (provider.is_some() || token_url.is_some()),
    }
}

/// The endpoints that the registration names and the configuration does not.
fn with_stored(server: &AuthorizationServer, stored: &Attributes) -> Result<AuthorizationServer, Error> {
    let mut named = stored.clone();
    named.remove("token_url");
    if FACTS.into_iter().chain(endpoints()).all(|name| !named.contains_key(name)) {
        return Ok(server.clone());
    }
    with_endpoints(server.to_builder(), &named)?.build()
}

/// What both say of a server that the configuration does not describe to the end.
fn laid_over(config: &ServiceConfig, partial: &PartialServer, stored: &Attributes) -> Attributes {
    let mut all = stored.clone();
    if let Some(provider) = config.provider() {
        all.insert("provider".to_owned(), provider.to_owned());
    }
    all.extend(partial.values().map(|(name, value)| (format!("provider.{name}"), value.to_owned())));
    for (key, url) in partial.urls() {
        if let Some((_, attribute)) = KEYS.iter().find(|(name, _)| *name == key) {
            all.insert((*attribute).to_owned(), url.to_owned());
        }
    }
    all
}

/// The flow that the registration says, or means.
fn stored_flow(config: &ServiceConfig, stored: &Attributes) -> Result<Option<Flow>, Error> {
    let mut all = stored.clone();
    if !config.scope().is_empty() {
        all.insert("scopes".to_owned(), config.scope().as_str().to_owned());
    }
    if let Some(uri) = config.redirect_uri() {
        all.insert("redirect_uri".to_owned(), uri.to_owned());
    }
    // A registration that describes its server and no flow is a client's that acts for itself.
    let is_described = stored.contains_key("token_url");
    Ok(flow_of(&all)?.or_else(|| is_described.then(Flow::default)))
}

fn flow_here(flow: ConfiguredFlow) -> Result<Flow, String> {
    match flow {
        ConfiguredFlow::ClientCredentials => Ok(Flow::ClientCredentials),
        ConfiguredFlow::AuthorizationCode | ConfiguredFlow::DeviceAuthorization => {
            Ok(Flow::AuthorizationCode)
        }
        #[cfg(feature = "token-exchange")]
        ConfiguredFlow::TokenExchange => Ok(Flow::TokenExchange),
        #[cfg(not(feature = "token-exchange"))]
        ConfiguredFlow::TokenExchange => {
            Err("the flow is token_exchange: turn the feature `token-exchange` of grantry on".to_owned())
        }
        other => Err(format!("the flow {other} is unknown here")),
    }
}

/// The policy of the registration, as far as the configuration says nothing.
fn policy(
    config: &ServiceConfig,
    stored: &Attributes,
    theirs: &RefreshPolicy,
) -> Result<RefreshPolicy, Error> {
    let ours = config.refresh();
    if !stored.keys().any(|name| name.starts_with("refresh.")) {
        return Ok(ours.clone());
    }
    let mut policy = theirs.to_builder();
    if config.says("refreshToken.enabled") {
        policy = policy.enabled(ours.enabled());
    }
    if config.says("refreshToken.bufferTime") {
        policy = policy.buffer(ours.buffer());
    }
    if config.says("refreshToken.maxRetries") {
        policy = policy.max_retries(ours.max_retries());
    }
    if config.says("refreshToken.retryDelay") {
        policy = policy.retry_delay(ours.retry_delay()).longest_delay(ours.longest_delay());
    }
    if FALLBACK.iter().any(|(key, _)| config.says(key)) {
        policy = policy.fallback(ours.fallback());
    }
    policy.build()
}

/// What neither of the two says of where tokens come from and how; `None` where nothing is missing.
fn lacking(config: &ServiceConfig, place: &str, attributes: &Attributes) -> Option<Error> {
    let is_lacking = |key: &str| {
        let attribute = attribute_of(key).filter(|attribute| !attributes.contains_key(attribute));
        attribute.is_some_and(|name| matches!(&*name, "flow" | "token_url") || name.starts_with("provider."))
    };
    let missing = config.missing().iter().filter(|missing| is_lacking(missing.key));
    let missing: Vec<String> = missing.map(|missing| format!("{} ({})", missing.key, missing.why)).collect();
    if missing.is_empty() {
        return None;
    }
    let (name, missing) = (config.name(), missing.join(", "));
    Some(Error::configuration(format!(
        "{place}: {name} still lacks {missing}: add it there, or store it with `grantry auth set --service {name}`"
    )))
}
