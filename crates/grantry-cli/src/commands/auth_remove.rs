//! `auth remove` and `auth revoke`.

use grantry::ErrorKind;
use grantry::custody::{Revocation, RevocationReport, RevokedPart, StepOutcome};
use grantry::pantry::Registration;
use serde_json::{Value, json};

use super::After;
use super::auth_rotate::not_stored;
use crate::arguments::{Remove, Revoke};
use crate::console::Console;
use crate::failed::{Failed, NOT_FOUND, SERVER, code_of};
use crate::session::Session;

pub(super) async fn remove(console: &Console, session: &Session, remove: &Remove) -> Result<After, Failed> {
    const MOST_CONFLICTS: u32 = 8;
    let tenant = session.pantry().await?;
    let mut conflicts = 0;
    let report = loop {
        match tenant.remove_service(&remove.service, how(remove.local_only)).await {
            // Somebody else changes it, or removes it at the same moment.
            Err(error) if error.kind() == ErrorKind::Conflict && conflicts < MOST_CONFLICTS => conflicts += 1,
            done => break done?,
        }
    };
    if report.registration == Registration::None && report.revocations.is_empty() && report.left.is_empty() {
        return Err(not_stored(&remove.service));
    }
    let is_queued = report.revocations.iter().any(RevocationReport::is_queued);
    let is_removed = match report.registration {
        Registration::Removed => true,
        Registration::None => report.left.is_empty() && !is_queued,
        _ => false,
    };
    if console.json {
        let left = report.left.iter().map(|(key, error)| {
            json!({ "account": key.account(), "kind": error.kind().as_str(), "message": error.to_string() })
        });
        console.object(json!({
            "service": remove.service,
            "removed": is_removed,
            "grants": report.revocations.iter().map(object).collect::<Vec<_>>(),
            "left": left.collect::<Vec<_>>(),
        }))?;
    } else {
        report.revocations.iter().for_each(|done| tell(console, done));
        for (key, error) in &report.left {
            console.note(&format!("{}: left as it is: {error}", key.account()));
        }
        match report.registration {
            Registration::Removed => console.note(&format!("removed the credentials of {}", remove.service)),
            Registration::KeptToRevoke if report.left.is_empty() => console.note(&format!(
                "the credentials of {} stay until the server has revoked everything: run it again, or with --local-only",
                remove.service
            )),
            Registration::KeptToRevoke => console.note(&format!(
                "the credentials of {} stay while a grant is left that uses them: run it again, or with --local-only",
                remove.service
            )),
            _ => {}
        }
    }
    let left = report.left.first().map(|(_, error)| code_of(error.kind()));
    Ok(After::End(left.unwrap_or(if is_queued { SERVER } else { 0 })))
}

pub(super) async fn revoke(console: &Console, session: &Session, revoke: &Revoke) -> Result<After, Failed> {
    let tenant = session.pantry().await?;
    let (service, account) = (revoke.of.service.as_str(), revoke.of.account.as_str());
    let report = tenant.revoke((service, account), how(revoke.local_only)).await?;
    if report.steps.is_empty() {
        let fact = format!("there is no grant of {account} for {service}");
        return Err(Failed::new(NOT_FOUND, fact).with_remedy("see what is stored: grantry auth status"));
    }
    if console.json {
        console.object(object(&report))?;
    } else {
        tell(console, &report);
    }
    Ok(After::End(if report.is_queued() { SERVER } else { 0 }))
}

fn how(local_only: bool) -> Revocation {
    if local_only { Revocation::HereOnly } else { Revocation::AtServerThenHere }
}

fn tell(console: &Console, report: &RevocationReport) {
    for step in &report.steps {
        let outcome = match &step.outcome {
            StepOutcome::Revoked if step.part == RevokedPart::Record => "deleted".to_owned(),
            StepOutcome::Revoked => "revoked at the server".to_owned(),
            StepOutcome::Unsupported => "the server cannot revoke it: it lives until it expires".to_owned(),
            StepOutcome::NotAsked => "the server was not asked: it lives until it expires".to_owned(),
            StepOutcome::Failed { error, queued: true } => {
                format!("not revoked yet, and asked for again: {error}")
            }
            StepOutcome::Failed { error, .. } => format!("not revoked: {error}"),
            _ => "done".to_owned(),
        };
        console.note(&format!("{}: {}: {outcome}", report.key.account(), part(&step.part)));
    }
}

fn part(part: &RevokedPart) -> &'static str {
    match part {
        RevokedPart::RefreshToken => "refresh token",
        RevokedPart::OtherRefreshToken => "another refresh token",
        RevokedPart::AccessToken(_) => "access token",
        RevokedPart::Record => "record",
        _ => "token",
    }
}

fn object(report: &RevocationReport) -> Value {
    let steps = report.steps.iter().map(|step| {
        let (outcome, error) = match &step.outcome {
            StepOutcome::Revoked => ("revoked", None),
            StepOutcome::Unsupported => ("unsupported", None),
            StepOutcome::NotAsked => ("not_asked", None),
            StepOutcome::Failed { error, queued } => {
                (if *queued { "queued" } else { "failed" }, Some(error.to_string()))
            }
            _ => ("other", None),
        };
        json!({ "part": part(&step.part).replace(' ', "_"), "outcome": outcome, "error": error })
    });
    json!({
        "service": report.key.service(),
        "account": report.key.account(),
        "deleted": report.deleted,
        "revoked_at_server": report.is_revoked_at_server(),
        "queued": report.is_queued(),
        "steps": steps.collect::<Vec<_>>(),
    })
}
