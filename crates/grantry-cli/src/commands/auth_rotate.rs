//! `auth rotate`.

use grantry::custody::{Revoked, SecretStep};
use grantry::pantry::TenantPantry;
use grantry::{ErrorKind, GrantKey};
use grantry_config::ServiceConfig;
use serde_json::{Value, json};

use super::{After, auth_token};
use crate::arguments::{Of, Rotate};
use crate::console::Console;
use crate::failed::{Failed, NOT_FOUND, chain};
use crate::secret::Secret;
use crate::session::Session;
use crate::spoken::count;

pub(super) async fn run(
    console: &Console,
    session: &Session,
    rotate: &Rotate,
    secret: Option<Secret>,
) -> Result<After, Failed> {
    let exchanges = secret.is_some() || rotate.go_on;
    if rotate.keep_old && !exchanges {
        let fact = "there is no new secret, beside which the old one could be kept";
        return Err(
            Failed::usage(fact).with_remedy("give it with --client-secret-stdin, or leave --keep-old out")
        );
    }
    let tenant = session.pantry().await?;
    if exchanges {
        exchange(console, &tenant, rotate, secret).await
    } else {
        renew(console, session, &tenant, rotate).await
    }
}

/// Another secret takes the old one's place.
async fn exchange(
    console: &Console,
    tenant: &TenantPantry,
    rotate: &Rotate,
    secret: Option<Secret>,
) -> Result<After, Failed> {
    let new = secret.as_ref().map(|secret| secret.as_str().into());
    let report = tenant.rotate_secret(&rotate.service, new, rotate.keep_old).await?.report;
    if console.json {
        let steps: Vec<Value> = report.steps.iter().map(step_object).collect();
        console.object(json!({
            "service": rotate.service,
            "secret_changed": report.steps.contains(&SecretStep::Switched),
            "finished": report.is_finished(),
            "steps": steps,
        }))?;
    } else {
        report.steps.iter().for_each(|step| console.note(&told(*step)));
    }
    match report.stopped {
        Some(error) => Err(error.into()),
        None => {
            let old = if rotate.keep_old {
                "the old secret is kept: run it again without --keep-old"
            } else {
                "done"
            };
            console.say(if report.steps.is_empty() { "there was nothing to do" } else { old });
            Ok(After::DONE)
        }
    }
}

fn told(step: SecretStep) -> String {
    match step {
        SecretStep::Stored => "stored the new secret beside the old one".to_owned(),
        SecretStep::Proven => "the server accepts the new secret".to_owned(),
        SecretStep::TakenBack => "the server does not accept the new secret: took it out again".to_owned(),
        SecretStep::Switched => "the new secret is used from now on".to_owned(),
        SecretStep::OldTokensRevoked { revoked, unsupported, failed, unknown, .. } => format!(
            "access tokens of the old secret: {revoked} revoked, {} left to expire",
            unsupported + failed + unknown
        ),
        SecretStep::OldDropped => "dropped the old secret".to_owned(),
        _ => "one more step".to_owned(),
    }
}

fn step_object(step: &SecretStep) -> Value {
    match step {
        SecretStep::Stored => json!({ "step": "stored" }),
        SecretStep::Proven => json!({ "step": "proven" }),
        SecretStep::TakenBack => json!({ "step": "taken_back" }),
        SecretStep::Switched => json!({ "step": "switched" }),
        SecretStep::OldTokensRevoked { revoked, unsupported, failed, unknown, .. } => json!({
            "step": "old_tokens_revoked",
            "revoked": revoked,
            "unsupported": unsupported,
            "failed": failed,
            "unknown": unknown,
        }),
        SecretStep::OldDropped => json!({ "step": "old_dropped" }),
        _ => json!({ "step": "other" }),
    }
}

/// The secret stays; what is stored gets a fresh key, and there are new tokens.
async fn renew(
    console: &Console,
    session: &Session,
    tenant: &TenantPantry,
    rotate: &Rotate,
) -> Result<After, Failed> {
    let service = rotate.service.as_str();
    let described = session.services().find(|described| described.name().as_str() == service);
    let resealed = reseal(tenant, service).await?;
    if !resealed && described.is_none() {
        return Err(not_stored(service));
    }
    let mut renewed = Vec::new();
    let mut first_failure = None;
    for key in keys_of(tenant, service).await? {
        match tenant.renew_and_revoke((key.service(), key.account())).await {
            Ok(done) => renewed.push((key, done.before == Some(Revoked::AtServer))),
            Err(error) => {
                console.warn(&format!("{} could not be renewed: {}", key.account(), chain(&error)));
                first_failure = first_failure.or(Some((key, error)));
            }
        }
    }
    let revoked = renewed.iter().filter(|(_, revoked)| *revoked).count();
    if console.json {
        console.object(json!({
            "service": service,
            "secret_changed": false,
            "resealed": resealed,
            "finished": first_failure.is_none(),
            "renewed": renewed.iter().map(|(key, _)| key.account()).collect::<Vec<_>>(),
            "old_tokens_revoked": revoked,
        }))?;
    } else {
        if resealed {
            console.note(&format!("the stored credentials of {service} have a fresh data key"));
        }
        console.note(&format!(
            "renewed {}, and revoked {}",
            count(renewed.len(), "grant", "grants"),
            count(revoked, "old access token", "old access tokens")
        ));
        let described = described.filter(|described| has_secret(described));
        console.note(&match described {
            Some(described) => format!(
                "the client secret itself is unchanged: have the provider issue a new one, and put it where {} has it from",
                described.place()
            ),
            None => "the client secret itself is unchanged: have the provider issue a new one, then give it with \
                     --client-secret-stdin"
                .to_owned(),
        });
    }
    match first_failure {
        None => Ok(After::DONE),
        Some((key, error)) => {
            let of = Of { service: service.to_owned(), account: key.account().to_owned() };
            Err(auth_token::not_obtained(session, tenant, &of, error).await)
        }
    }
}

fn has_secret(described: &ServiceConfig) -> bool {
    let registration = described.registration();
    registration.client_secret().is_some() || registration.private_key().is_some()
}

/// Every write is sealed under a key of its own. Says whether anything is stored.
async fn reseal(tenant: &TenantPantry, service: &str) -> Result<bool, Failed> {
    const MOST_CONFLICTS: u32 = 8;
    let mut conflicts = 0;
    loop {
        let Some(stored) = tenant.vault().reveal_client(service).await? else { return Ok(false) };
        match tenant.vault().store_client(service, stored.value, Some(&stored.version)).await {
            Ok(_) => return Ok(true),
            Err(error) if error.kind() == ErrorKind::Conflict && conflicts < MOST_CONFLICTS => conflicts += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// The grants of a service.
async fn keys_of(tenant: &TenantPantry, service: &str) -> Result<Vec<GrantKey>, Failed> {
    const PAGE: usize = 256;
    let mut keys = Vec::new();
    let mut after = None;
    loop {
        let page = tenant.vault().grants_one_by_one(after.as_ref(), PAGE).await?;
        let is_last = page.len() < PAGE;
        after = page.last().map(|(key, _)| key.clone());
        keys.extend(page.into_iter().map(|(key, _)| key).filter(|key| key.service() == service));
        if is_last {
            return Ok(keys);
        }
    }
}

pub(super) fn not_stored(service: &str) -> Failed {
    let fact = format!("nothing is stored for the service {service}");
    Failed::new(NOT_FOUND, fact).with_remedy("see what is stored: grantry auth list")
}
