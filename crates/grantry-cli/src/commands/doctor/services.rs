//! Services, as they are described: what does not hold to the best practice of OAuth.

use std::collections::BTreeMap;

use grantry::AuthorizationServer;
use grantry::Rotation;
use grantry::authorization_code::Loopback;
use grantry::pantry::described_server;
use grantry::vault::PrincipalVault;
use grantry_config::{Flow, ServerConfig};

use super::findings::{Finding, Findings, Severity};
use crate::failed::Failed;
use crate::session::{Session, tenants};

/// A service, wherever it is described.
#[derive(Debug, Default)]
pub(super) struct Examined {
    pub(super) name: String,
    pub(super) place: String,
    pub(super) client_id: Option<String>,
    /// Whether a person consents.
    pub(super) is_interactive: bool,
    pub(super) redirect_uri: Option<String>,
    pub(super) pkce: bool,
    /// Whether its tokens are renewed before they expire.
    pub(super) renews: bool,
    /// Whether its tokens are bound to a key (RFC 9449).
    pub(super) is_bound_to_key: bool,
    /// Whether its connections present a certificate (RFC 8705).
    pub(super) has_certificate: bool,
    pub(super) server: Option<AuthorizationServer>,
    /// Where the server's metadata is.
    pub(super) issuer: Option<String>,
    /// Whether the endpoints come from that metadata anyway.
    pub(super) is_discovered: bool,
}

/// The services of the tenant: of the configuration, and of the vault.
pub(super) async fn collected(
    session: &Session,
    vault: Option<&PrincipalVault>,
    findings: &mut Findings,
) -> Vec<Examined> {
    let mut all: Vec<Examined> = session.services().map(|service| of_configuration(service)).collect();
    let Some(vault) = vault else { return all };
    // A tenant that has nothing yet has no key to look with.
    let is_kept =
        tenants(vault).await.is_ok_and(|all| all.iter().any(|name| name.as_str() == session.tenant));
    let Some(part) = vault.tenant(&session.tenant).ok().filter(|_| is_kept) else { return all };
    const PAGE: usize = 256;
    let mut after = None;
    loop {
        let page = match part.clients(after.as_ref(), PAGE).await {
            Ok(page) => page,
            Err(error) => {
                findings.add(Finding::failed("the registrations", "vault", &Failed::from(error)));
                return all;
            }
        };
        let is_last = page.len() < PAGE;
        for stored in &page {
            let (name, attributes) = (stored.value.service.as_str(), &stored.value.attributes);
            let client_id = stored.value.client_id.as_str().to_owned();
            if let Some(described) = all.iter_mut().find(|service| service.name == name) {
                described.client_id.get_or_insert(client_id);
                continue;
            }
            all.push(of_registration(name, client_id, attributes, findings));
        }
        after = page.into_iter().next_back().map(|stored| stored.value.service);
        if is_last {
            return all;
        }
    }
}

fn of_configuration(service: &grantry_config::ServiceConfig) -> Examined {
    let flow = service.flow().map(|chosen| chosen.flow());
    let (server, issuer, is_discovered) = match service.server() {
        ServerConfig::Known(server) => (Some((**server).clone()), server.issuer().map(str::to_owned), false),
        ServerConfig::Discover { issuer } => (None, Some(issuer.to_string()), true),
        _ => (None, None, false),
    };
    Examined {
        name: service.name().as_str().to_owned(),
        place: format!("{} ({})", service.name(), service.place()),
        client_id: service.registration().client_id().map(|id| id.value().as_str().to_owned()),
        is_interactive: matches!(flow, Some(Flow::AuthorizationCode | Flow::DeviceAuthorization)),
        redirect_uri: service.redirect_uri().map(str::to_owned),
        pkce: service.pkce(),
        renews: service.refresh().enabled(),
        is_bound_to_key: service.dpop(),
        has_certificate: service.registration().mutual_tls().is_some(),
        server,
        issuer,
        is_discovered,
    }
}

fn of_registration(
    name: &str,
    client_id: String,
    attributes: &BTreeMap<String, String>,
    findings: &mut Findings,
) -> Examined {
    let place = format!("{name} (in the vault)");
    let server = described_server(attributes);
    if let Err(error) = &server
        && (attributes.contains_key("provider") || attributes.contains_key("token_url"))
    {
        findings.add(Finding::failed(&place, "configuration", &Failed::from(error.clone())));
    }
    let server = server.ok();
    Examined {
        name: name.to_owned(),
        client_id: Some(client_id),
        is_interactive: attributes.get("flow").is_some_and(|flow| flow == "authorization_code"),
        redirect_uri: attributes.get("redirect_uri").cloned(),
        pkce: true,
        renews: attributes.get("refresh.enabled").is_none_or(|enabled| enabled != "false"),
        is_bound_to_key: attributes.get("dpop").is_some_and(|dpop| dpop == "true"),
        has_certificate: attributes.contains_key("tls_certificate"),
        issuer: server.as_ref().and_then(|server| server.issuer().map(str::to_owned)),
        server,
        is_discovered: false,
        place,
    }
}

/// What can be said of each by itself.
pub(super) fn each(examined: &[Examined], findings: &mut Findings) {
    for service in examined {
        let mut add = |severity, check, what: &str, remedy: &str| {
            findings.add(Finding::new(severity, check, &service.place, what).remedy(remedy));
        };
        if service.server.is_none() && !service.is_discovered {
            add(
                Severity::Warning,
                "configuration",
                "nothing says where its tokens come from",
                "name a provider, an issuer or a token endpoint",
            );
        }
        if !service.pkce {
            add(
                Severity::Warning,
                "pkce",
                "PKCE is off: a code that is intercepted can be redeemed by a stranger",
                "take \"pkce\": false out",
            );
        }
        if !service.renews {
            add(
                Severity::Warning,
                "renewal",
                "its tokens are not renewed before they expire: requests fail in between",
                "turn refreshToken.enabled on",
            );
        }
        if service.is_interactive {
            redirect(service, findings);
            let never_rotates = |server: &AuthorizationServer| server.rotation() == Rotation::None;
            if service.server.as_ref().is_some_and(never_rotates) {
                findings.add(
                    Finding::new(
                        Severity::Note,
                        "rotation",
                        &service.place,
                        "its refresh tokens do not rotate: one that is stolen works until it is revoked",
                    )
                    .remedy("turn rotation on at the server, where it has it, then set --rotation strict"),
                );
            }
        }
    }
}

/// Whether the browser finds its way back.
fn redirect(service: &Examined, findings: &mut Findings) {
    let Some(uri) = &service.redirect_uri else { return };
    let mut add = |severity, what: &str, remedy: &str| {
        findings.add(Finding::new(severity, "redirect_uri", &service.place, what).remedy(remedy));
    };
    let is_local = Loopback::builder_for(uri).is_ok();
    if uri.starts_with("http://") && !is_local {
        add(
            Severity::Broken,
            "its redirect URI has no https, and is none of this machine: codes could be read on the way",
            "use https, or http://127.0.0.1/callback for a program on the person's own machine",
        );
    } else if uri.starts_with("http://localhost") {
        add(
            Severity::Note,
            "its redirect URI says localhost, which may be made to mean another machine (RFC 8252 section 8.3)",
            "register http://127.0.0.1/callback where the server lets it be",
        );
    } else if uri.contains('#') || uri.contains('*') {
        add(
            Severity::Broken,
            "its redirect URI has a fragment or a wildcard, which no server may accept",
            "register the whole URI",
        );
    }
}

/// One client for several services: whoever has the tokens of one can get those of the other.
pub(super) fn shared(examined: &[Examined], findings: &mut Findings) {
    let mut by_client: BTreeMap<(String, &str), Vec<&str>> = BTreeMap::new();
    for service in examined {
        let (Some(client), Some(server)) = (&service.client_id, &service.server) else { continue };
        by_client.entry((server.token_endpoint().to_string(), client)).or_default().push(&service.name);
    }
    for ((_, client), names) in by_client.into_iter().filter(|(_, names)| names.len() > 1) {
        findings.add(
            Finding::new(
                Severity::Warning,
                "shared_client",
                names.join(", "),
                format!(
                    "they share the client {client}: its secret opens all of them, and one refusal stops all"
                ),
            )
            .remedy("register a client for each"),
        );
    }
}
