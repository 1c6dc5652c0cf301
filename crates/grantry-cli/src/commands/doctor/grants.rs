//! Grants, as they are kept: what nobody uses, what lives too long, what needs a person.

use std::collections::BTreeSet;
use std::time::Duration;

use grantry::custody::{GrantHealth, HealthState};
use grantry::pantry::TenantPantry;
use grantry::vault::TenantVault;
use grantry::{Clock, Error, ErrorKind, GrantKey, Rotation, Scope, SystemClock, Target, Timestamp};

use super::findings::{Check, Finding, Findings, Severity};
use super::services::Examined;
use crate::failed::Failed;
use crate::session::Session;
use crate::spoken::{length, relative};

/// What nobody used for so long is a way in that nobody watches.
const IDLE: Duration = Duration::from_secs(60 * 86_400);
/// What was never used in so long is not needed yet.
const UNUSED: Duration = Duration::from_secs(30 * 86_400);
/// Longer than this no access token should live.
const LONG: Duration = Duration::from_secs(86_400);
/// A server that rotates has done so by then. Some do once a day.
const STAYS: Duration = Duration::from_secs(2 * 86_400);
/// And after so many renewals.
const RENEWALS: usize = 3;
const PAGE: usize = 256;

/// Those of one tenant.
pub(super) async fn each(session: &Session, name: &str, examined: &[&Examined], findings: &mut Findings) {
    let tenant = match session.pantry_to_look_into(name).await {
        Ok(Some(tenant)) => tenant,
        // Nothing is kept for this tenant yet.
        Ok(None) => return,
        Err(failed) => return findings.add(Finding::failed("the vault", Check::Vault, &failed)),
    };
    let now = SystemClock::new().wall();
    let mut used: BTreeSet<String> = BTreeSet::new();
    let mut after = None;
    loop {
        let page = match tenant.grants(after.as_ref(), PAGE).await {
            Ok(page) => page,
            // Its name is left, and nothing else.
            Err(error) if error.kind() == ErrorKind::Erased => return,
            Err(error) => {
                return findings.add(Finding::failed("the grants", Check::Grants, &Failed::from(error)));
            }
        };
        let is_last = page.len() < PAGE;
        for grant in &page {
            let service = grant.key.service();
            used.insert(service.to_owned());
            let place = session.place_of(name, &format!("{service} ({})", grant.key.account()));
            let service = examined.iter().find(|examined| examined.name == service).copied();
            let Some(health) = &grant.stored else { continue };
            match looked_into(&tenant, &grant.key, health, place.clone()).await {
                Ok(kept) => {
                    let how_to = |command: &str| {
                        session.whereabouts.how_to(command, name, grant.key.service(), grant.key.account())
                    };
                    of_grant(&how_to, service, &kept, now, findings);
                }
                Err(error) => findings.add(Finding::failed(place, Check::Grants, &Failed::from(error))),
            }
        }
        after = page.last().map(|grant| grant.key.clone());
        if is_last {
            break;
        }
    }
    for service in examined.iter().filter(|service| !used.contains(&service.name)) {
        never_used(service, now, findings);
    }
}

/// A service whose secret lies in the vault, and by which nobody ever got a token.
fn never_used(service: &Examined, now: Timestamp, findings: &mut Findings) {
    let Some(stored) = service.stored.filter(|stored| now.since(*stored) >= UNUSED) else { return };
    let scope = match service.scope.as_str() {
        "" => String::new(),
        scope => format!(", and what it may ask for was never used: {scope}"),
    };
    findings.found(
        Severity::Note,
        Check::Unused,
        &service.place,
        format!("its secret was stored {} ago, and no token is kept of it{scope}", length(now.since(stored))),
        format!("if nobody needs it: {}", service.how_to("auth remove")),
    );
}

/// A grant, as far as it is judged.
#[derive(Debug)]
struct Kept {
    place: String,
    state: HealthState,
    consented: Timestamp,
    /// How many times it was used, as far as that was counted, and until when.
    calls: u64,
    used: Option<Timestamp>,
    last_renewal: Option<Timestamp>,
    /// What went wrong since then, and when.
    last_error: Option<(ErrorKind, Timestamp)>,
    /// Whether each renewal of the history brought a new refresh token.
    renewals: Vec<bool>,
    /// When the refresh token changed last; `None` without one.
    refresh_token: Option<Timestamp>,
    tokens: Vec<KeptToken>,
}

/// What was asked for, what was granted, and how long the token lives.
#[derive(Debug)]
struct KeptToken {
    target: Target,
    granted: Scope,
    lives: Option<Duration>,
}

async fn looked_into(
    tenant: &TenantPantry,
    key: &GrantKey,
    health: &GrantHealth,
    place: String,
) -> Result<Kept, Error> {
    let (service, account) = (key.service(), key.account());
    let mut kept = Kept {
        place,
        state: health.state,
        consented: health.consented,
        calls: health.usage.calls,
        used: health.usage.used_until(),
        last_renewal: health.last_renewal.as_ref().map(|entry| entry.at),
        last_error: health.last_error.as_ref().map(|last| (last.kind, last.at)),
        renewals: health.history.iter().filter(|e| e.is_success()).map(|entry| entry.rotated).collect(),
        refresh_token: None,
        tokens: Vec::new(),
    };
    if health.state == HealthState::Unreadable {
        return Ok(kept);
    }
    let vault: &TenantVault = tenant.vault();
    let Some(view) = vault.grant(service, account).await? else { return Ok(kept) };
    kept.refresh_token = view.value.has_refresh_token.then_some(view.value.rotated);
    for (target, _) in &view.value.access_tokens {
        if let Some(token) = vault.access_token(service, account, target).await? {
            let lives = token.value.expires.map(|expires| expires.since(token.value.obtained));
            kept.tokens.push(KeptToken {
                target: target.clone(),
                granted: token.value.granted.clone(),
                lives,
            });
        }
    }
    Ok(kept)
}

fn of_grant(
    how_to: &impl Fn(&str) -> String,
    service: Option<&Examined>,
    kept: &Kept,
    now: Timestamp,
    findings: &mut Findings,
) {
    of_state(kept, how_to, findings);
    if matches!(kept.state, HealthState::Moved | HealthState::Revoking | HealthState::Unreadable) {
        return;
    }
    of_last_error(kept, how_to, now, findings);
    of_usage(kept, how_to, now, findings);
    if let Some(service) = service {
        of_rotation(service, kept, findings);
        of_configured_scope(service, kept, how_to, findings);
    }
    for token in &kept.tokens {
        of_token(kept, token, findings);
    }
}

fn of_state(kept: &Kept, how_to: &impl Fn(&str) -> String, findings: &mut Findings) {
    let (severity, what, remedy) = match kept.state {
        HealthState::PersonNeeded => (
            Severity::Broken,
            "the server refused the grant: a person has to authorize again",
            format!("{}; why: {}", how_to("auth login"), how_to("auth diagnose")),
        ),
        HealthState::Unreadable => (
            Severity::Broken,
            "its record cannot be read, and was left as it is",
            "see whether the vault was restored from an older copy, or opened with other keys".to_owned(),
        ),
        HealthState::InDoubt => (
            Severity::Warning,
            "nobody knows how its last renewal ended",
            format!("it is found out by itself when it is used: {}", how_to("auth refresh")),
        ),
        _ => return,
    };
    findings.found(severity, Check::Grants, kept.place.as_str(), what, remedy);
}

/// What went wrong with a grant that is there all the same.
fn of_last_error(kept: &Kept, how_to: &impl Fn(&str) -> String, now: Timestamp, findings: &mut Findings) {
    let Some((kind, at)) = kept.last_error.filter(|_| kept.state == HealthState::Active) else { return };
    // A server that is away comes back, and is asked again by itself.
    let severity = match kind {
        ErrorKind::Unreachable | ErrorKind::Unavailable | ErrorKind::Interrupted => Severity::Note,
        _ => Severity::Warning,
    };
    let what = format!("the last attempt at a token failed {}: {kind}", relative(at, now));
    let remedy = format!("why, and what to do: {}", how_to("auth diagnose"));
    findings.found(severity, Check::Grants, kept.place.as_str(), what, remedy);
}

fn of_usage(kept: &Kept, how_to: &impl Fn(&str) -> String, now: Timestamp, findings: &mut Findings) {
    let used = [kept.used, kept.last_renewal].into_iter().flatten().max();
    let idle = now.since(used.unwrap_or(kept.consented));
    let remedy = || format!("if nobody needs it: {}", how_to("auth revoke"));
    if idle >= IDLE {
        let what = match used {
            Some(_) => format!("nobody has used it for {}", length(idle)),
            None => format!("nobody has used it since it was granted {} ago", length(idle)),
        };
        findings.found(Severity::Warning, Check::Idle, kept.place.as_str(), what, remedy());
    } else if kept.calls == 0 && used.is_none() && idle >= UNUSED {
        let granted = kept.tokens.iter().fold(Scope::default(), |all, token| all.union(&token.granted));
        let scope = if granted.is_empty() { String::new() } else { format!(": {granted}") };
        let what = format!("no use of it was counted since it was granted {} ago{scope}", length(idle));
        findings.found(Severity::Note, Check::Unused, kept.place.as_str(), what, remedy());
    }
}

/// Whether its refresh tokens do what is said of them.
fn of_rotation(service: &Examined, kept: &Kept, findings: &mut Findings) {
    let (Some(changed), Some(server)) = (kept.refresh_token, &service.server) else { return };
    let never = server.rotation() == Rotation::None;
    if never && kept.renewals.contains(&true) {
        findings.found(
            Severity::Warning,
            Check::Rotation,
            kept.place.as_str(),
            "its server has issued new refresh tokens, and its description says that it never does: a lost answer may \
             cost the grant",
            service.change("leave rotation to the provider's preset", "--rotation strict"),
        );
    }
    let stays = kept.last_renewal.map_or(Duration::ZERO, |last| last.since(changed));
    if !never && kept.renewals.len() >= RENEWALS && !kept.renewals.contains(&true) && stays >= STAYS {
        let preset = server.provider().and_then(grantry::providers::find);
        let remedy = match preset.and_then(|preset| preset.rotation_setting_of) {
            Some(whose) => format!("switch rotation on: at this provider it is a setting of {whose}"),
            None => "switch the rotation of refresh tokens on at the server, where it has it".to_owned(),
        };
        let what = format!(
            "it was renewed for {}, and its refresh token never changed: one that is stolen works until it is revoked",
            length(stays)
        );
        findings.found(Severity::Note, Check::Rotation, kept.place.as_str(), what, remedy);
    }
}

/// What is still granted though nobody asks for it any more.
fn of_configured_scope(
    service: &Examined,
    kept: &Kept,
    how_to: &impl Fn(&str) -> String,
    findings: &mut Findings,
) {
    if service.scope.is_empty() || !service.is_interactive {
        return;
    }
    let asked = kept.tokens.iter().fold(Scope::default(), |all, token| all.union(&token.target.scope));
    let granted = kept.tokens.iter().fold(Scope::default(), |all, token| all.union(&token.granted));
    // What was granted without being asked for is another finding.
    let left = asked.without(&asked.without(&granted)).without(&service.scope);
    if left.is_empty() {
        return;
    }
    findings.found(
        Severity::Warning,
        Check::Scope,
        kept.place.as_str(),
        format!("granted, and asked for no more: {left}"),
        format!("have the person grant less: {}, then {}", how_to("auth revoke"), how_to("auth login")),
    );
}

fn of_token(kept: &Kept, token: &KeptToken, findings: &mut Findings) {
    let (asked, granted) = (&token.target.scope, &token.granted);
    let mut add = |severity, check, what: String, remedy: &str| {
        findings.found(severity, check, kept.place.as_str(), what, remedy);
    };
    // What stands for whatever the application may have is not granted by that name.
    let is_for_all = asked.tokens().any(|scope| scope == ".default" || scope.ends_with("/.default"));
    // What asks for a refresh token is granted by one, and many servers do not name it again.
    let has = |scope: &str| {
        kept.refresh_token.is_some() && matches!(scope, "offline_access" | "offline.access" | "refresh_token")
    };
    let missing: Vec<&str> = asked.tokens().filter(|scope| !granted.contains(scope) && !has(scope)).collect();
    if !is_for_all && !missing.is_empty() {
        add(
            Severity::Warning,
            Check::Scope,
            format!("asked for and never granted: {}", missing.join(" ")),
            "take what is not needed out, or have it allowed at the server (often an administrator's consent)",
        );
    }
    let more = granted.without(asked);
    if !is_for_all && !asked.is_empty() && !more.is_empty() {
        add(
            Severity::Warning,
            Check::Scope,
            format!("granted without being asked for: {more}"),
            "lower what the client may have at the server: tokens should not be able to do more than they are for",
        );
    }
    match token.lives {
        Some(lives) if lives > LONG => add(
            Severity::Warning,
            Check::Lifetime,
            format!("its access tokens live for {}", length(lives)),
            "have the server issue shorter ones: they are renewed by themselves",
        ),
        None => add(
            Severity::Note,
            Check::Lifetime,
            "the server does not say how long its access tokens live".to_owned(),
            "see what it documents: one that never expires has to be revoked by hand",
        ),
        Some(_) => {}
    }
}

#[cfg(test)]
#[path = "grants_tests.rs"]
mod tests;
