//! `auth status` and `auth diagnose`.

use grantry::custody::{GrantHealth, Happened, HealthState, HistoryEntry, Refusal};
use grantry::pantry::{self, Flow, PrincipalPantry, TenantPantry};
use grantry::{Clock, Error, ErrorKind, GrantKey, Stage, SystemClock, Timestamp};
use serde_json::{Value, json};

use super::{After, auth_token};
use crate::arguments::{Diagnose, Of, Status};
use crate::console::Console;
use crate::failed::{Failed, NOT_FOUND, PERSON};
use crate::session::{Session, tenants};
use crate::spoken::{relative, utc};
use crate::table::{Cell, Table, Tone};

/// What is said of a grant that was stored before there was anything to store.
const NO_TOKEN: &str = "no token was obtained yet";

pub(super) async fn status(console: &Console, session: &Session, status: &Status) -> Result<After, Failed> {
    let mine = session.whole_pantry().await?;
    let found = match status.all_tenants {
        true => mine.status().await?,
        false => session.part_of(&mine).await?.status().await?,
    };
    let mut found = stored(found);
    if let Some(service) = &status.service {
        found.grants.retain(|grant| grant.key.service() == service);
        if found.grants.is_empty() && !is_registered(session, &mine, status).await? {
            return Err(super::auth_rotate::not_stored(service));
        }
    }
    if console.json {
        console.object(serialised(&found)?)?;
    } else if found.grants.is_empty() {
        console.note("no grant is stored yet: the first token that is asked for makes one");
    } else {
        let empty = without_token(&mine, &found).await?;
        console.table(&table(&found, &empty))?;
    }
    Ok(After::End(if status.check && found.needs_person() { PERSON } else { 0 }))
}

/// What the vault tells. This process ends at once: what it does itself is not worth telling.
fn stored(mut status: pantry::Status) -> pantry::Status {
    status.process = None;
    status.grants.retain(|grant| grant.stored.is_some());
    status.grants.iter_mut().for_each(|grant| grant.open = None);
    status
}

/// Whether any of the tenants that are meant has the service in the vault.
async fn is_registered(session: &Session, mine: &PrincipalPantry, status: &Status) -> Result<bool, Failed> {
    let Some(service) = &status.service else { return Ok(true) };
    for name in tenants(&mine.vault()).await? {
        if !status.all_tenants && name.as_str() != session.tenant {
            continue;
        }
        match part(mine, name.as_str())?.vault().client(service).await {
            Ok(None) => {}
            // Its name is left, and nothing else.
            Err(error) if error.kind() == ErrorKind::Erased => {}
            found => return Ok(found?.is_some()),
        }
    }
    Ok(false)
}

fn part(mine: &PrincipalPantry, tenant: &str) -> Result<TenantPantry, Failed> {
    mine.tenant(tenant).map_err(|error| Failed::usage(error.to_string()))
}

fn serialised(what: &impl serde::Serialize) -> Result<Value, Failed> {
    serde_json::to_value(what).map_err(|error| Failed::new(1, error.to_string()))
}

/// The grants by which no token was ever obtained. Nobody consented to them either: a client asked for itself, in vain.
async fn without_token(mine: &PrincipalPantry, status: &pantry::Status) -> Result<Vec<GrantKey>, Failed> {
    let mut empty = Vec::new();
    for health in status.grants.iter().filter_map(|grant| grant.stored.as_ref()) {
        if never_had_token(&part(mine, health.key.tenant())?, health).await? {
            empty.push(health.key.clone());
        }
    }
    Ok(empty)
}

async fn never_had_token(tenant: &TenantPantry, health: &GrantHealth) -> Result<bool, Failed> {
    let is_new = health.generation == 0 && health.last_renewal.is_none() && health.next_renewal.is_none();
    if !is_new || !matches!(health.state, HealthState::Active | HealthState::Renewing | HealthState::InDoubt)
    {
        return Ok(false);
    }
    let kept = tenant.vault().grant(health.key.service(), health.key.account()).await?;
    Ok(kept.is_some_and(|kept| !kept.value.has_refresh_token && kept.value.access_tokens.is_empty()))
}

fn table(status: &pantry::Status, empty: &[GrantKey]) -> Table {
    let now = status.at;
    let stored = || status.grants.iter().filter_map(|grant| grant.stored.as_ref());
    // Most providers say nothing more.
    let says_more = stored().any(|health| !health.further.is_empty());
    let mut heading =
        vec!["SERVICE", "ACCOUNT", "STATE", "NEXT RENEWAL", "LAST RENEWED", "PERSON NEEDED", "LAST ERROR"];
    heading.extend(says_more.then_some("THE SERVER SAYS"));
    let names_tenants = status.tenant.is_none();
    if names_tenants {
        heading.insert(0, "TENANT");
    }
    let mut table = Table::new(&heading);
    for health in stored() {
        let when = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| relative(at, now));
        let next =
            health.next_renewal.map(|at| if at <= now { "when used".to_owned() } else { relative(at, now) });
        let error =
            health.last_error.as_ref().map(|last| format!("{} {}", last.kind, relative(last.at, now)));
        let mut cells: Vec<Cell> = vec![
            health.key.service().into(),
            health.key.account().into(),
            match empty.contains(&health.key) {
                true => Cell::toned(format!("{}, {NO_TOKEN}", state(health.state)), Tone::Warning),
                false => Cell::toned(state(health.state), tone(health.state)),
            },
            next.unwrap_or_else(|| "-".to_owned()).into(),
            when(health.last_renewal.as_ref().map(|entry| entry.at)).into(),
            when(health.person_needed()).into(),
            error.unwrap_or_else(|| "-".to_owned()).into(),
        ];
        let said: Vec<String> = further(health).map(|(name, value)| format!("{name}={value}")).collect();
        if names_tenants {
            cells.insert(0, health.key.tenant().into());
        }
        cells.extend(says_more.then(|| if said.is_empty() { "-".into() } else { said.join(" ").into() }));
        table.row(cells);
    }
    table
}

pub(super) async fn diagnose(
    console: &Console,
    session: &Session,
    wanted: &Diagnose,
) -> Result<After, Failed> {
    let (service, account) = (wanted.of.service.as_str(), wanted.of.account.as_str());
    let tenant = session.pantry().await?;
    // Whether the service can be used at all comes first: a mistake there explains everything else.
    let usable = tenant.stored_source((service, account)).await;
    let grants = stored(tenant.status().await?).grants;
    let found =
        grants.into_iter().find(|grant| (grant.key.service(), grant.key.account()) == (service, account));
    let found = found.and_then(|grant| grant.stored.clone().map(|health| (grant, health)));
    let Some((grant, health)) = found else {
        usable.map_err(|error| auth_token::failed(session, &wanted.of, error))?;
        let fact = format!("there is no grant of {account} for {service}");
        return Err(Failed::new(NOT_FOUND, fact));
    };
    let health = &health;
    let is_empty = never_had_token(&tenant, health).await?;
    let command = how_to_authorize(session, &tenant, &wanted.of, health).await;
    if console.json {
        let mut object = serialised(&grant)?;
        if let Value::Object(fields) = &mut object {
            fields.insert("had_token".to_owned(), json!(!is_empty));
            fields.insert("how_to_authorize".to_owned(), json!(command));
            let error = usable.as_ref().err().map(crate::failed::chain);
            fields.insert("configuration_error".to_owned(), json!(error));
        }
        console.object(object)?;
        return Ok(After::End(code(health, usable.err())));
    }
    let now = SystemClock::new().wall();
    let since = relative(health.consented, now);
    let mut lines = match is_empty {
        true => vec![
            format!("{service} ({account}): {}, but {NO_TOKEN}", state(health.state)),
            format!("asked for first {since}"),
        ],
        false => vec![
            format!("{service} ({account}): {}", state(health.state)),
            format!("consented {since}, renewed {}", times(health.generation)),
        ],
    };
    if let Some(until) = health.person_needed() {
        lines.push(format!("a person is needed {}", relative(until, now)));
    }
    lines.extend(further(health).map(|(name, value)| format!("the server says: {name} = {value}")));
    if let Some(last) = &health.last_error {
        let code = last.provider_code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
        lines.push(format!("last error: {}{code}, {}", last.kind, relative(last.at, now)));
        for cause in &last.causes {
            lines.push(format!("  perhaps: {}", cause.evidence));
            lines.push(format!("  to do: {}", cause.remedy));
        }
        if last.causes.is_empty() {
            lines.extend(of_kind(last.kind));
        }
    }
    lines.extend(command.map(|command| format!("have the person authorize: {command}")));
    if health.state == HealthState::Revoking {
        lines.push("the server has not confirmed yet that its tokens are revoked".to_owned());
        lines.push(format!("  to do: {}", session.how_to_end_revocation(service, account)));
    }
    if let Err(error) = &usable {
        lines.push(format!("it cannot be used: {}", crate::failed::chain(error)));
        lines.push(format!("  to do: {}", error.diagnosis().remedy()));
    }
    if !health.history.is_empty() {
        lines.push("history:".to_owned());
        for entry in &health.history {
            lines.push(format!("  {}  {}  by {}", utc(entry.at), happened(entry), entry.by));
        }
    }
    let text: Vec<String> = lines.iter().map(|line| crate::escaped::escaped(line)).collect();
    console.data(&format!("{}\n", text.join("\n")))?;
    Ok(After::End(code(health, usable.err())))
}

/// What follows from the kind of an error, where the grant's history tells no more.
fn of_kind(kind: ErrorKind) -> Vec<String> {
    let failed = Failed::from(Error::new(kind, Stage::Token, kind.as_str()));
    let causes = failed.causes.iter().map(|cause| format!("  perhaps: {cause}"));
    causes.chain(failed.remedy.map(|remedy| format!("  to do: {remedy}"))).collect()
}

/// The command by which a person mends what the server refused; `None` where it takes none.
async fn how_to_authorize(
    session: &Session,
    tenant: &TenantPantry,
    of: &Of,
    health: &GrantHealth,
) -> Option<String> {
    if health.state != HealthState::PersonNeeded {
        return None;
    }
    let flow = auth_token::flow(session, tenant, &of.service).await;
    // Nobody can be asked where a client acts for itself.
    let is_own = matches!(flow, Some(Flow::ClientCredentials | Flow::TokenExchange));
    (!is_own).then(|| session.how_to_log_in(&of.service, &of.account))
}

/// What the server said beside the tokens. Nobody has checked it: it is shown, and nothing is done by it.
fn further(health: &GrantHealth) -> impl Iterator<Item = (&str, &str)> {
    health.further.iter()
}

/// 4 where a person is needed, what the configuration's error has, else 0.
fn code(health: &GrantHealth, unusable: Option<grantry::Error>) -> u8 {
    match (health.state, unusable) {
        (HealthState::PersonNeeded, _) => PERSON,
        (_, Some(error)) => crate::failed::code_of(error.kind()),
        _ => 0,
    }
}

fn state(state: HealthState) -> &'static str {
    match state {
        HealthState::Active => "active",
        HealthState::Renewing => "renewing",
        HealthState::InDoubt => "in doubt",
        HealthState::PersonNeeded => "person needed",
        HealthState::Revoking => "revoking",
        HealthState::Moved => "moved",
        HealthState::Unreadable => "unreadable",
        _ => "other",
    }
}

fn tone(state: HealthState) -> Tone {
    match state {
        HealthState::Active => Tone::Good,
        HealthState::PersonNeeded | HealthState::Unreadable => Tone::Bad,
        _ => Tone::Warning,
    }
}

fn happened(entry: &HistoryEntry) -> String {
    match &entry.what {
        Happened::Renewed if entry.rotated => "renewed, with a new refresh token".to_owned(),
        Happened::Renewed => "renewed".to_owned(),
        Happened::InDoubt => "nobody knows whether it was renewed".to_owned(),
        Happened::Refused(refusal) => format!("refused: {}", why(refusal)),
        Happened::NotRenewed(refusal) => format!("no token came, and nothing was spent: {}", why(refusal)),
        Happened::Revived => "tokens came after all".to_owned(),
        Happened::BroughtHome => "brought home from a lifeboat".to_owned(),
        _ => "something else happened".to_owned(),
    }
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn why(refusal: &Refusal) -> String {
    let code = refusal.provider_code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
    format!("{}{code}", refusal.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_of_the_manual_has_the_words_of_this_command() {
        let picture = include_str!("../../../grantry/src/manual/refresh_protocol.svg");
        use HealthState::{Active, InDoubt, PersonNeeded, Renewing, Revoking};
        for shown in [Active, Renewing, InDoubt, PersonNeeded, Revoking].map(state) {
            assert!(picture.contains(&format!(">{shown}<")), "{shown}");
        }
    }
}
