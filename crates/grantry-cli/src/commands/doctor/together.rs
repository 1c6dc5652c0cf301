//! A service of a configuration, with what the vault's registration says of it.

use std::collections::BTreeMap;

use grantry::pantry::{Flow, Service, attribute_of, completed};
use grantry::vault::ClientView;
use grantry::{AuthorizationServer, Fallback, Scope};
use grantry_config::{Missing, ServerConfig, ServiceConfig};

use super::findings::{Check, Findings, Severity};
use super::services::Examined;
use crate::failed::chain;

/// The two together, and what is in neither of them or in both.
pub(super) fn examined(
    service: &ServiceConfig,
    client: Option<&ClientView>,
    findings: &mut Findings,
) -> Examined {
    tell_missing(service, client, findings);
    if let Some(client) = client {
        tell_contradictions(service, client, findings);
    }
    let none = BTreeMap::new();
    let attributes = client.map_or(&none, |client| &client.attributes);
    let issuer = match service.server() {
        ServerConfig::Discover { issuer } => Some(issuer.clone()),
        _ => None,
    };
    let examined = of_configuration(service, client);
    match completed(service, attributes) {
        Ok(whole) => with_all(examined, service, attributes, &whole),
        // Its server is asked for the rest.
        Err(_) if issuer.is_some() => Examined { issuer, is_discovered: true, ..examined },
        Err(error) => {
            let has_all = service.missing().iter().all(|missing| is_stored(missing, service, client));
            if has_all {
                let remedy = "change it in the vault (grantry auth set), or say it in the configuration";
                let place = examined.place.as_str();
                findings.found(Severity::Broken, Check::Configuration, place, chain(&error), remedy);
            }
            examined
        }
    }
}

/// What the configuration says alone.
fn of_configuration(service: &ServiceConfig, client: Option<&ClientView>) -> Examined {
    use grantry_config::Flow::{AuthorizationCode, DeviceAuthorization};
    let flow = service.flow().map(|chosen| chosen.flow());
    let client_id = service.registration().client_id().map(|id| id.value().as_str().to_owned());
    let stored = |name: &str| client.and_then(|client| client.attributes.get(name));
    let server = match service.server() {
        // It can be looked at, whatever else is missing.
        ServerConfig::Known(server) => Some(AuthorizationServer::clone(server)),
        _ => None,
    };
    Examined {
        name: service.name().as_str().to_owned(),
        issuer: server.as_ref().and_then(|server| server.issuer().map(str::to_owned)),
        server,
        place: format!("{} ({})", service.name(), service.place()),
        client_id: client_id.or_else(|| client.map(|client| client.client_id.as_str().to_owned())),
        is_interactive: matches!(flow, Some(AuthorizationCode | DeviceAuthorization)),
        redirect_uri: service.redirect_uri().map(str::to_owned),
        other_redirect_uri: service.redirect_uri().and_then(|_| stored("redirect_uri").cloned()),
        is_without_pkce: !service.pkce(),
        scope: service.scope().clone(),
        is_configured: true,
        renews: service.refresh().enabled(),
        uses_expired: matches!(service.refresh().fallback(), Fallback::UseExpired { .. }),
        is_bound_to_key: service.dpop()
            || !service.says("dpop") && stored("dpop").is_some_and(|dpop| dpop == "true"),
        has_certificate: service.registration().mutual_tls().is_some() || stored("tls_certificate").is_some(),
        ..Examined::default()
    }
}

/// What both of them say.
fn with_all(
    examined: Examined,
    service: &ServiceConfig,
    attributes: &BTreeMap<String, String>,
    whole: &Service,
) -> Examined {
    let stored_pkce = attributes.get("pkce").filter(|_| !service.says("pkce"));
    Examined {
        is_interactive: whole.flow() == Flow::AuthorizationCode,
        redirect_uri: whole.redirect_uri().map(str::to_owned),
        is_without_pkce: examined.is_without_pkce || stored_pkce.is_some_and(|pkce| pkce == "false"),
        scope: Scope::from_tokens(whole.scopes().iter().map(String::as_str)).unwrap_or_default(),
        renews: whole.policy().enabled(),
        uses_expired: matches!(whole.policy().fallback(), Fallback::UseExpired { .. }),
        issuer: whole.server().issuer().map(str::to_owned),
        server: Some(whole.server().clone()),
        ..examined
    }
}

/// Whether the vault has what the configuration lacks.
fn is_stored(missing: &Missing, service: &ServiceConfig, client: Option<&ClientView>) -> bool {
    let Some(client) = client else { return false };
    match missing.key {
        "clientId" => true,
        "clientSecret" => {
            !client.secrets_added.is_empty() || client.has_private_key || is_public(service, client)
        }
        "privateKey" | "mutualTls.privateKey" | "mutualTls.privateKeyFile" => client.has_private_key,
        // Whoever registers a server and no flow there means a client that acts for itself.
        "flow" => ["flow", "provider", "token_url"].iter().any(|name| client.attributes.contains_key(*name)),
        "tokenUrl" => ["provider", "token_url"].iter().any(|name| client.attributes.contains_key(*name)),
        key => attribute_of(key).is_some_and(|attribute| client.attributes.contains_key(&attribute)),
    }
}

/// Whether it is one that shows nothing: as it is stored, or since nothing is there to be shown. A client that acts for itself
/// has to have something.
fn is_public(service: &ServiceConfig, client: &ClientView) -> bool {
    let attribute = |name: &str| client.attributes.get(name).map(String::as_str);
    let acts_for_itself = match service.flow() {
        Some(chosen) => chosen.flow() == grantry_config::Flow::ClientCredentials,
        None => attribute("flow").is_none_or(|flow| flow == Flow::ClientCredentials.as_str()),
    };
    attribute("auth_method").map_or(!acts_for_itself, |method| method == "none")
}

fn tell_missing(service: &ServiceConfig, client: Option<&ClientView>, findings: &mut Findings) {
    let missing = service.missing().iter().filter(|missing| !is_stored(missing, service, client));
    let missing: Vec<String> = missing.map(|missing| format!("{} ({})", missing.key, missing.why)).collect();
    if missing.is_empty() {
        return;
    }
    let what = format!("\"{}\" still lacks {}", service.name(), missing.join(", "));
    let remedy = "add it, or leave it out where the vault has it: grantry auth set";
    findings.found(Severity::Note, Check::Configuration, service.place().to_string(), what, remedy);
}

fn tell_contradictions(service: &ServiceConfig, client: &ClientView, findings: &mut Findings) {
    let registration = service.registration();
    let place = format!("{} ({})", service.name(), service.place());
    let mut broken = |what: &str, remedy: &str| {
        findings.found(Severity::Broken, Check::Configuration, place.as_str(), what, remedy);
    };
    let has = registration.client_secret().is_some() || registration.private_key().is_some();
    if has && (!client.secrets_added.is_empty() || client.has_private_key) {
        broken(
            "its secret stands in the configuration and in the vault, so that neither is used",
            "take it out of one of them",
        );
    }
    if registration.client_id().is_some_and(|id| *id.value() != client.client_id) {
        broken("its client id is one in the configuration and another in the vault", "let one place name it");
    }
}
