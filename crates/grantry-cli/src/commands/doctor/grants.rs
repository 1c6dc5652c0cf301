//! Grants, as they are kept: what nobody uses, what lives too long, what needs a person.

use std::time::Duration;

use grantry::custody::HealthState;
use grantry::pantry::{GrantStatus, TenantPantry};
use grantry::vault::TenantVault;
use grantry::{Clock, Error, Scope, SystemClock, Target};

use super::findings::{Finding, Findings, Severity};
use crate::failed::Failed;
use crate::session::Session;
use crate::spoken::length;

/// What nobody used for so long is a way in that nobody watches.
const IDLE: Duration = Duration::from_secs(60 * 86_400);
/// Longer than this no access token should live.
const LONG: Duration = Duration::from_secs(86_400);
const PAGE: usize = 256;

pub(super) async fn each(session: &Session, offline: bool, findings: &mut Findings) {
    if offline && session.needs_discovery() {
        let what =
            "grants are not looked at: a service of the configuration is discovered, and no server is asked";
        return findings.add(Finding::new(Severity::Note, "grants", "the vault", what));
    }
    let tenant = match session.pantry().await {
        Ok(tenant) => tenant,
        // Nothing is kept for this tenant yet.
        Err(failed) if failed.code == crate::failed::NOT_FOUND => return,
        Err(failed) => return findings.add(Finding::failed("the vault", "vault", &failed)),
    };
    let mut after = None;
    loop {
        let page = match tenant.grants(after.as_ref(), PAGE).await {
            Ok(page) => page,
            Err(error) => return findings.add(Finding::failed("the grants", "grants", &Failed::from(error))),
        };
        let is_last = page.len() < PAGE;
        for grant in &page {
            of_grant(session, &tenant, grant, findings).await;
        }
        after = page.last().map(|grant| grant.key().clone());
        if is_last {
            return;
        }
    }
}

async fn of_grant(session: &Session, tenant: &TenantPantry, grant: &GrantStatus, findings: &mut Findings) {
    let health = &grant.health;
    let (service, account) = (grant.key().service(), grant.key().account());
    let place = format!("{service} ({account})");
    let mut add = |severity, check, what: String, remedy: String| {
        findings.add(Finding::new(severity, check, &place, what).remedy(remedy));
    };
    match health.state {
        HealthState::PersonNeeded => add(
            Severity::Broken,
            "grants",
            "the server refused the grant: a person has to authorize again".to_owned(),
            format!("{}; why: grantry auth diagnose", session.how_to_log_in(service, account)),
        ),
        HealthState::Unreadable => add(
            Severity::Broken,
            "grants",
            "its record cannot be read, and was left as it is".to_owned(),
            "see whether the vault was restored from an older copy, or opened with other keys".to_owned(),
        ),
        HealthState::InDoubt => add(
            Severity::Warning,
            "grants",
            "nobody knows how its last renewal ended".to_owned(),
            "it is found out by itself when it is used: grantry auth refresh".to_owned(),
        ),
        HealthState::Moved => return,
        _ => {}
    }
    let now = SystemClock::new().wall();
    let last_renewal = health.last_renewal.as_ref().map(|entry| entry.at);
    let used = [health.usage.used_until(), last_renewal].into_iter().flatten().max();
    let idle = now.since(used.unwrap_or(health.consented));
    if idle >= IDLE {
        add(
            Severity::Warning,
            "idle",
            format!("nobody has used it for {}", length(idle)),
            format!("if nobody needs it: grantry auth revoke --service {service} --account {account}"),
        );
    }
    match tokens(tenant.vault(), service, account).await {
        Ok(kept) => kept.iter().for_each(|kept| of_token(kept, &place, findings)),
        Err(error) => findings.add(Finding::failed(&place, "grants", &Failed::from(error))),
    }
}

/// What was asked for, what was granted, and how long the token lives.
struct KeptToken {
    target: Target,
    granted: Scope,
    lives: Option<Duration>,
}

async fn tokens(vault: &TenantVault, service: &str, account: &str) -> Result<Vec<KeptToken>, Error> {
    let Some(grant) = vault.grant(service, account).await? else { return Ok(Vec::new()) };
    let mut kept = Vec::new();
    for (target, _) in &grant.value.access_tokens {
        if let Some(token) = vault.access_token(service, account, target).await? {
            let lives = token.value.expires.map(|expires| expires.since(token.value.obtained));
            kept.push(KeptToken { target: target.clone(), granted: token.value.granted.clone(), lives });
        }
    }
    Ok(kept)
}

fn of_token(kept: &KeptToken, place: &str, findings: &mut Findings) {
    let (asked, granted) = (&kept.target.scope, &kept.granted);
    let mut add = |severity, check, what: String, remedy: &str| {
        findings.add(Finding::new(severity, check, place, what).remedy(remedy));
    };
    let missing = asked.without(granted);
    if !missing.is_empty() {
        add(
            Severity::Warning,
            "scope",
            format!("asked for and never granted: {missing}"),
            "take what is not needed out, or have it allowed at the server (often an administrator's consent)",
        );
    }
    let more = granted.without(asked);
    if !asked.is_empty() && !more.is_empty() {
        add(
            Severity::Warning,
            "scope",
            format!("granted without being asked for: {more}"),
            "lower what the client may have at the server: tokens should not be able to do more than they are for",
        );
    }
    match kept.lives {
        Some(lives) if lives > LONG => add(
            Severity::Warning,
            "lifetime",
            format!("its access tokens live for {}", length(lives)),
            "have the server issue shorter ones: they are renewed by themselves",
        ),
        None => add(
            Severity::Note,
            "lifetime",
            "the server does not say how long its access tokens live".to_owned(),
            "see what it documents: one that never expires has to be revoked by hand",
        ),
        Some(_) => {}
    }
}
