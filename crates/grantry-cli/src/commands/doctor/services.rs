//! Services, as they are described: what does not hold to the best practice of OAuth.

use std::collections::BTreeMap;

use grantry::pantry::described_server;
use grantry::vault::{PrincipalVault, TenantVault};
use grantry::{AuthorizationServer, ErrorKind, Pkce, Rotation, Scope, Timestamp};
use grantry_config::ServiceConfig;

use super::findings::{Check, Finding, Findings, Severity};
use super::{redirect, together};
use crate::failed::Failed;
use crate::session::{Session, tenants};
use crate::settings::services_of;
use crate::whereabouts::Whereabouts;

/// How many registrations are read at a time.
const PAGE: usize = 256;

/// A service, wherever it is described.
#[derive(Debug, Default)]
pub(super) struct Examined {
    /// Whose it is.
    pub(super) tenant: String,
    pub(super) whereabouts: Whereabouts,
    pub(super) name: String,
    pub(super) place: String,
    pub(super) client_id: Option<String>,
    /// Whether a person consents.
    pub(super) is_interactive: bool,
    pub(super) redirect_uri: Option<String>,
    /// That of the vault, where the configuration's counts.
    pub(super) other_redirect_uri: Option<String>,
    /// Whether PKCE is said to be off, or is.
    pub(super) is_without_pkce: bool,
    /// What is asked for; nothing where the server chooses.
    pub(super) scope: Scope,
    /// Whether a configuration describes it.
    pub(super) is_configured: bool,
    /// When its newest secret came into the vault.
    pub(super) stored: Option<Timestamp>,
    /// Whether its tokens are renewed before they expire.
    pub(super) renews: bool,
    /// Whether an expired token is used while its server is away.
    pub(super) uses_expired: bool,
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

impl Examined {
    /// How it is changed where it is described: by what a configuration says, or by flags of `auth set`.
    pub(super) fn change(&self, key: &str, flags: &str) -> String {
        if self.is_configured {
            return format!("in its configuration: {key}");
        }
        format!("{} {flags}", self.how_to("auth set"))
    }

    /// A command for it.
    pub(super) fn how_to(&self, command: &str) -> String {
        self.whereabouts.how_to(command, &self.tenant, &self.name, "default")
    }
}

/// The services of a tenant: of the configuration, and of the vault.
pub(super) async fn collected(
    session: &Session,
    vault: Option<&PrincipalVault>,
    tenant: &str,
    findings: &mut Findings,
) -> Vec<Examined> {
    let described = session.config.iter().flat_map(|config| services_of(config, tenant));
    let mut described: BTreeMap<&str, &ServiceConfig> =
        described.map(|service| (service.name().as_str(), &**service)).collect();
    let mut all = Vec::new();
    let mut after = None;
    let part = part_of(vault, tenant).await;
    while let Some(part) = &part {
        let page = match part.clients(after.as_ref(), PAGE).await {
            Ok(page) => page,
            // Its name is left, and nothing else.
            Err(error) if error.kind() == ErrorKind::Erased => break,
            Err(error) => {
                findings.add(Finding::failed("the registrations", Check::Vault, &Failed::from(error)));
                break;
            }
        };
        let is_last = page.len() < PAGE;
        for stored in &page {
            let client = &stored.value;
            let (name, attributes) = (client.service.as_str(), &client.attributes);
            let stored = client.secrets_added.iter().max().copied();
            let client_id = client.client_id.as_str().to_owned();
            let examined = match described.remove(name) {
                Some(service) => together::examined(service, Some(client), findings),
                None => {
                    of_registration(&session.place_of(tenant, name), name, client_id, attributes, findings)
                }
            };
            all.push(Examined { stored, ..examined });
        }
        after = page.into_iter().next_back().map(|stored| stored.value.service);
        if is_last {
            break;
        }
    }
    let rest = described.into_values().map(|service| together::examined(service, None, findings));
    all.extend(rest);
    for examined in &mut all {
        tenant.clone_into(&mut examined.tenant);
        examined.whereabouts.clone_from(&session.whereabouts);
    }
    all
}

/// What the vault has of a tenant. One that has nothing yet has no key to look with.
async fn part_of(vault: Option<&PrincipalVault>, tenant: &str) -> Option<TenantVault> {
    let vault = vault?;
    let is_kept = tenants(vault).await.is_ok_and(|all| all.iter().any(|name| name.as_str() == tenant));
    vault.tenant(tenant).ok().filter(|_| is_kept)
}

fn of_registration(
    place: &str,
    name: &str,
    client_id: String,
    attributes: &BTreeMap<String, String>,
    findings: &mut Findings,
) -> Examined {
    let place = format!("{place} (in the vault)");
    let server = described_server(attributes);
    if let Err(error) = &server
        && (attributes.contains_key("provider") || attributes.contains_key("token_url"))
    {
        findings.add(Finding::failed(&place, Check::Configuration, &Failed::from(error.clone())));
    }
    let server = server.ok();
    let flow = attributes.get("flow").and_then(|flow| grantry::pantry::Flow::from_name(flow));
    let flow = flow.or_else(|| grantry::pantry::default_flow(attributes)).unwrap_or_default();
    Examined {
        name: name.to_owned(),
        client_id: Some(client_id),
        is_interactive: flow == grantry::pantry::Flow::AuthorizationCode,
        redirect_uri: attributes.get("redirect_uri").cloned(),
        is_without_pkce: attributes.get("pkce").is_some_and(|pkce| pkce == "false"),
        scope: attributes.get("scopes").and_then(|scopes| Scope::parse(scopes).ok()).unwrap_or_default(),
        renews: attributes.get("refresh.enabled").is_none_or(|enabled| enabled != "false"),
        uses_expired: attributes.get("refresh.fallback").is_some_and(|fallback| fallback == "use-expired"),
        is_bound_to_key: attributes.get("dpop").is_some_and(|dpop| dpop == "true"),
        has_certificate: attributes.contains_key("tls_certificate"),
        issuer: server.as_ref().and_then(|server| server.issuer().map(str::to_owned)),
        server,
        place,
        ..Examined::default()
    }
}

/// What can be said of each by itself.
pub(super) fn each(examined: &[Examined], findings: &mut Findings) {
    for service in examined {
        let mut add = |severity, check, what: &str, remedy: &str| {
            findings.found(severity, check, &service.place, what, remedy);
        };
        if service.server.is_none() && !service.is_discovered {
            add(
                Severity::Warning,
                Check::Configuration,
                "nothing says where its tokens come from",
                "name a provider, an issuer or a token endpoint",
            );
        }
        if !service.renews {
            add(
                Severity::Warning,
                Check::Renewal,
                "its tokens are not renewed before they expire: requests fail in between",
                &service.change("refreshToken.enabled: true", "--unset refresh.enabled"),
            );
        }
        if service.uses_expired {
            add(
                Severity::Note,
                Check::Renewal,
                "while its server is away its tokens are used beyond their expiry, which resource servers may refuse",
                &service.change("refreshToken.fallbackBehavior: queue or fail", "--fallback queue"),
            );
        }
        if service.is_interactive {
            redirect::uri(service, findings);
            pkce(service, findings);
            rotation(service, findings);
        }
    }
}

/// Whether a code that is intercepted is worth anything. What a configuration says of it is found where that is read.
fn pkce(service: &Examined, findings: &mut Findings) {
    let Some(server) = &service.server else { return };
    let mut add = |severity, what: &str, remedy: &str| {
        findings.found(severity, Check::Pkce, &service.place, what, remedy);
    };
    let does_without = server.pkce().does_without();
    if service.is_without_pkce && !service.is_configured {
        if does_without {
            add(
                Severity::Warning,
                "PKCE is off, as its provider needs it: a stolen code is worth a token to whoever has the client's secret",
                "ask the provider for PKCE; until then keep the client's secret as a token is kept",
            );
        } else {
            add(
                Severity::Warning,
                "pkce is stored as false, which is not followed: PKCE stays on",
                &service.change("take pkce out", "--unset pkce"),
            );
        }
    }
    if server.pkce() == Pkce::Refused && !service.is_without_pkce {
        add(
            Severity::Warning,
            "its provider is known to refuse codes that are redeemed with PKCE: logins end with invalid_client",
            &service.change("\"pkce\": false", "--no-pkce"),
        );
    }
    if server.pkce() == Pkce::WithoutS256 {
        add(
            Severity::Broken,
            "its server announces PKCE without S256, so that nobody is sent there to log in",
            "have S256 switched on at the server (code_challenge_methods_supported)",
        );
    }
}

/// Whether a stolen refresh token is found out.
fn rotation(service: &Examined, findings: &mut Findings) {
    let Some(server) = service.server.as_ref().filter(|server| server.rotation() == Rotation::None) else {
        return;
    };
    let preset = server.provider().and_then(grantry::providers::find);
    let (severity, what, remedy) = match preset.map(|preset| preset.rotation_setting_of) {
        Some(Some(whose)) => (
            Severity::Warning,
            "it says that its refresh tokens do not rotate, and its provider can rotate them",
            format!(
                "switch it on: it is a setting of {whose}; then {}",
                service.change("take rotation out", "--unset rotation")
            ),
        ),
        // The provider has none to switch on.
        Some(None) => return,
        None => (
            Severity::Note,
            "its refresh tokens do not rotate: one that is stolen works until it is revoked",
            format!(
                "switch rotation on at the server, where it has it, then {}",
                service.change("say so", "--rotation strict")
            ),
        ),
    };
    findings.found(severity, Check::Rotation, &service.place, what, remedy);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(service: Examined) -> Vec<(Severity, Check)> {
        let mut findings = Findings::default();
        each(&[service], &mut findings);
        assert!(findings.all().iter().all(|finding| !finding.remedy.is_empty()));
        findings.all().iter().map(|finding| (finding.severity, finding.check)).collect()
    }

    fn interactive(server: AuthorizationServer) -> Examined {
        Examined {
            name: "crm".to_owned(),
            is_interactive: true,
            renews: true,
            server: Some(server),
            ..Examined::default()
        }
    }

    fn own(pkce: Pkce) -> Examined {
        let server = AuthorizationServer::builder("https://as.example.com/token").pkce(pkce).build().unwrap();
        interactive(server)
    }

    #[test]
    fn pkce_is_found_where_it_is_off_where_it_cannot_be_and_where_the_wish_is_idle() {
        assert!(found(own(Pkce::Supported)).is_empty() && found(own(Pkce::Unknown)).is_empty());
        let stored = |pkce| Examined { is_without_pkce: true, ..own(pkce) };
        for pkce in [Pkce::Ignored, Pkce::Refused, Pkce::Supported, Pkce::Unknown] {
            assert_eq!(found(stored(pkce)), [(Severity::Warning, Check::Pkce)], "{pkce:?}");
        }
        // In a configuration it was found where it stands.
        for pkce in [Pkce::Ignored, Pkce::Refused] {
            assert!(found(Examined { is_configured: true, ..stored(pkce) }).is_empty());
        }
        assert_eq!(found(own(Pkce::Refused)), [(Severity::Warning, Check::Pkce)]);
        assert_eq!(found(own(Pkce::WithoutS256)), [(Severity::Broken, Check::Pkce)]);
        assert!(found(Examined { is_interactive: false, ..own(Pkce::Refused) }).is_empty());
    }

    #[test]
    fn rotation_is_found_where_the_server_may_have_it_and_nobody_uses_it() {
        let without = |server: AuthorizationServer| {
            interactive(server.to_builder().rotation(Rotation::None).build().unwrap())
        };
        let auth0 = grantry::providers::auth0("acme").unwrap();
        assert_eq!(found(without(auth0.clone())), [(Severity::Warning, Check::Rotation)]);
        assert!(found(interactive(auth0)).is_empty());
        assert_eq!(found(without(own(Pkce::Supported).server.unwrap())), [(Severity::Note, Check::Rotation)]);
        // Its refresh tokens stay, and nothing can be done about that.
        let google = grantry::providers::find("google").unwrap().server(&[]).unwrap();
        assert_eq!(google.rotation(), Rotation::None);
        assert!(found(interactive(google)).is_empty());
    }

    #[test]
    fn what_says_nothing_of_its_server_and_what_is_not_renewed_is_found() {
        let nothing = Examined { server: None, ..own(Pkce::Supported) };
        assert_eq!(found(nothing), [(Severity::Warning, Check::Configuration)]);
        let discovered = Examined { server: None, is_discovered: true, ..own(Pkce::Supported) };
        assert!(found(discovered).is_empty());
        let ends = Examined { renews: false, ..own(Pkce::Supported) };
        assert_eq!(found(ends), [(Severity::Warning, Check::Renewal)]);
        let expired = Examined { uses_expired: true, ..own(Pkce::Supported) };
        assert_eq!(found(expired), [(Severity::Note, Check::Renewal)]);
        assert!(found(own(Pkce::Supported)).is_empty());
    }
}
