//! From flags to the attributes of a registration.

use std::collections::BTreeMap;

use grantry::{ClientAuthenticationMethod as Method, Scope};
use grantry_config::check_url;

use super::credentials::Certificates;
use crate::arguments::{Described, Registered};
use crate::console::Console;
use crate::failed::Failed;

/// What names an endpoint of the server.
const ENDPOINTS: &[&str] = &[
    "token_url",
    "authorization_url",
    "revocation_url",
    "introspection_url",
    "device_url",
    "par_url",
    "jwks_uri",
    "issuer",
];

/// Puts what was given in the place of what was stored.
///
/// # Errors
/// Usage where a pair has no `=`.
pub(super) fn change(
    attributes: &mut BTreeMap<String, String>,
    given: &Described,
    certificates: &Certificates,
    unset: &[String],
) -> Result<(), Failed> {
    for field in unset {
        let field = field.replace('-', "_");
        if attributes.remove(&field).is_none() {
            let kept: Vec<&str> = attributes.keys().map(String::as_str).collect();
            let kept = if kept.is_empty() { "nothing".to_owned() } else { kept.join(", ") };
            let failed = Failed::usage(format!("nothing is stored as {field}"));
            return Err(failed.with_remedy(format!("name one of what is stored: {kept}")));
        }
    }
    let mut set = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            attributes.insert(name.to_owned(), value);
        }
    };
    set("provider", given.provider.clone());
    set("flow", given.flow.map(|flow| value_name(&flow)));
    set("token_url", given.token_url.clone());
    set("authorization_url", given.authorization_url.clone());
    set("revocation_url", given.revocation_url.clone());
    set("introspection_url", given.introspection_url.clone());
    set("device_url", given.device_url.clone());
    set("par_url", given.par_url.clone());
    set("jwks_uri", given.jwks_uri.clone());
    set("issuer", given.issuer.clone());
    set("redirect_uri", given.redirect_uri.clone());
    set("scopes", joined(&given.scope));
    set("resources", joined(&given.resource));
    set("audience", given.audience.clone());
    set("subject_token_type", given.subject_token_type.clone());
    set("requested_token_type", given.requested_token_type.clone());
    set("tls_certificate", certificates.of_connections.clone());
    set("certificate", certificates.of_assertions.clone());
    set("signing_algorithm", given.signing_algorithm.clone());
    set("pkce", given.no_pkce.then(|| false.to_string()));
    set("dpop", given.dpop.then(|| true.to_string()));
    set("certificate_bound", given.certificate_bound.then(|| true.to_string()));
    set("auth_method", given.auth_method.clone());
    set("key_id", given.key_id.clone());
    set("rotation", given.rotation.clone());
    set("revocation_spares", joined(&given.revocation_spares.iter().map(value_name).collect::<Vec<_>>()));
    set("refresh_rate", given.refresh_rate.clone());
    set("refresh.enabled", given.renew_ahead.map(|ahead| ahead.to_string()));
    set("refresh.buffer_seconds", given.buffer_time.map(|seconds| seconds.to_string()));
    set("refresh.max_retries", given.max_retries.map(|times| times.to_string()));
    set("refresh.retry_delay_ms", given.retry_delay.map(|delay| delay.to_string()));
    set("refresh.fallback", given.fallback.map(|fallback| value_name(&fallback)));
    set("refresh.queue_patience_seconds", given.queue_patience.map(|seconds| seconds.to_string()));
    set("refresh.expired_grace_seconds", given.expired_grace.map(|seconds| seconds.to_string()));
    for (prefix, pairs) in [("provider", &given.provider_param), ("param", &given.param)] {
        for pair in pairs {
            let (name, value) = pair
                .split_once('=')
                .filter(|(name, _)| !name.is_empty())
                .ok_or_else(|| Failed::usage("a parameter is not of the form NAME=VALUE"))?;
            set(&format!("{prefix}.{name}"), Some(value.to_owned()));
        }
    }
    Ok(())
}

/// Whether a configuration would take them, too: what no server could have meant is found when it is stored, and not when it is
/// used.
///
/// # Errors
/// Usage, with the flag; what was given is not shown, since it may be a secret in the wrong place.
pub(super) fn check_texts(
    console: &Console,
    attributes: &BTreeMap<String, String>,
    scopes: &[String],
) -> Result<(), Failed> {
    for (name, value) in attributes {
        match name.split_once('.') {
            Some((prefix @ ("param" | "provider"), _)) => {
                let flag = if prefix == "param" { "param" } else { "provider-param" };
                if value.chars().any(char::is_control) {
                    return Err(controlled(flag));
                }
            }
            // Each of them is looked at below; PEM has lines; the rest are numbers and words that the flags know.
            _ if ["scopes", "tls_certificate", "certificate"].contains(&name.as_str()) => {}
            _ => {
                let flag = name.replace('_', "-");
                check_text(&flag, value)?;
                // What stands in braces is filled later, and the whole is looked at then.
                if ENDPOINTS.contains(&name.as_str()) && !value.contains('{') {
                    let other = check_url(&format!("--{flag}"), value);
                    if let Some(host) = other.map_err(|error| Failed::usage(error.to_string()))? {
                        console
                            .warn(&format!("the host of --{flag} has letters beyond ASCII: it means {host}"));
                    }
                }
            }
        }
    }
    for scope in scopes {
        check_text("scope", scope)?;
        if scope.contains(',') {
            return Err(Failed::usage("a scope holds a comma, so it is probably several").with_remedy(
                "give each by a --scope of its own; the provider's separator is put in by itself",
            ));
        }
        Scope::parse(scope).map_err(|error| Failed::usage(error.to_string()))?;
    }
    Ok(())
}

/// The same of one flag.
///
/// # Errors
/// As [`check_texts`].
pub(super) fn check_text(flag: &str, value: &str) -> Result<(), Failed> {
    if value.trim().is_empty() {
        return Err(Failed::usage(format!("--{flag} is empty: give it a value, or leave it out")));
    }
    if value.chars().any(char::is_control) {
        return Err(controlled(flag));
    }
    if value.trim() != value {
        return Err(Failed::usage(format!("--{flag} has white space around it: give it without")));
    }
    Ok(())
}

fn controlled(flag: &str) -> Failed {
    let fact = format!("--{flag} holds a control character, such as a line break at its end");
    Failed::usage(fact).with_remedy("give it without")
}

/// What was given, with the endpoints that the issuer's metadata names (RFC 8414), where an issuer is all that says where
/// tokens come from. A client with a certificate gets those for mutual TLS.
///
/// # Errors
/// Where the issuer cannot be asked, or answers with what cannot be used.
pub(super) async fn discovered(registered: &Registered) -> Result<Described, Failed> {
    let given = &registered.described;
    let mut described = given.clone();
    let issuer = match &given.issuer {
        Some(issuer) if given.token_url.is_none() && given.provider.is_none() => issuer,
        _ => return Ok(described),
    };
    let found = grantry::discover(issuer).await?;
    let certified = [Method::TlsClientAuth, Method::SelfSignedTlsClientAuth];
    let is_certified = registered.tls_certificate_file.is_some()
        || certified.iter().any(|method| given.auth_method.as_deref() == Some(method.as_str()));
    let server = if is_certified { found.server().for_mutual_tls()? } else { found.server().clone() };
    let fill = |field: &mut Option<String>, url: Option<String>| {
        if field.is_none() {
            *field = url;
        }
    };
    fill(&mut described.token_url, Some(server.token_endpoint().to_string()));
    fill(&mut described.authorization_url, server.authorization_endpoint().map(ToString::to_string));
    fill(&mut described.revocation_url, server.revocation_endpoint().map(ToString::to_string));
    fill(&mut described.introspection_url, server.introspection_endpoint().map(ToString::to_string));
    fill(&mut described.device_url, server.device_authorization_endpoint().map(ToString::to_string));
    fill(&mut described.par_url, server.pushed_authorization_request_endpoint().map(ToString::to_string));
    fill(&mut described.jwks_uri, server.jwks_uri().map(ToString::to_string));
    let methods = server.client_authentication_methods();
    if is_certified {
        let by_it = certified.into_iter().find(|method| methods.contains(method));
        fill(&mut described.auth_method, by_it.map(|method| method.as_str().to_owned()));
        return Ok(described);
    }
    let by_default = [Method::ClientSecretBasic];
    let others = [Method::ClientSecretPost, Method::ClientSecretJwt];
    if described.auth_method.is_none() && !by_default.iter().any(|method| methods.contains(method)) {
        let other = others.into_iter().find(|method| methods.contains(method));
        described.auth_method = other.map(|method| method.as_str().to_owned());
    }
    Ok(described)
}

/// Whether the attributes say where tokens come from.
pub(super) fn has_server(attributes: &BTreeMap<String, String>) -> bool {
    attributes.contains_key("provider") || attributes.contains_key("token_url")
}

fn value_name(value: &impl clap::ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn joined(list: &[String]) -> Option<String> {
    (!list.is_empty()).then(|| list.join(" "))
}
