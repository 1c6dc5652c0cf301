//! `auth status` and `auth diagnose`.

use grantry::custody::{GrantHealth, Happened, HealthState, HistoryEntry};
use grantry::pantry::{GrantStatus, TenantPantry};
use grantry::{Clock, SystemClock, Timestamp};
use serde_json::{Value, json};

use super::{After, auth_token};
use crate::arguments::{Diagnose, Status};
use crate::console::Console;
use crate::failed::{Failed, NOT_FOUND, PERSON};
use crate::session::Session;
use crate::spoken::{relative, utc};
use crate::table::{Cell, Table, Tone};

pub(super) async fn status(console: &Console, session: &Session, status: &Status) -> Result<After, Failed> {
    let tenant = session.pantry().await?;
    let wanted =
        |grant: &GrantStatus| status.service.as_ref().is_none_or(|name| name == grant.key().service());
    let grants: Vec<GrantStatus> = all(&tenant).await?.into_iter().filter(wanted).collect();
    if let (Some(service), true) = (&status.service, grants.is_empty())
        && tenant.vault().client(service).await?.is_none()
    {
        return Err(super::auth_rotate::not_stored(service));
    }
    let needs_person = grants.iter().any(|grant| grant.health.state == HealthState::PersonNeeded);
    if console.json {
        let objects: Vec<Value> = grants.iter().map(|grant| object(&grant.health)).collect();
        console.object(json!({ "tenant": session.tenant, "grants": objects }))?;
    } else if grants.is_empty() {
        console.note("no grant is stored yet: the first token that is asked for makes one");
    } else {
        console.table(&table(&grants))?;
    }
    Ok(After::End(if status.check && needs_person { PERSON } else { 0 }))
}

fn table(grants: &[GrantStatus]) -> Table {
    let now = SystemClock::new().wall();
    // Most providers say nothing more.
    let says_more = grants.iter().any(|grant| !grant.health.further.is_empty());
    let mut heading =
        vec!["SERVICE", "ACCOUNT", "STATE", "NEXT RENEWAL", "LAST RENEWED", "PERSON NEEDED", "LAST ERROR"];
    heading.extend(says_more.then_some("THE SERVER SAYS"));
    let mut table = Table::new(&heading);
    for grant in grants {
        let health = &grant.health;
        let when = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| relative(at, now));
        let next =
            health.next_renewal.map(|at| if at <= now { "when used".to_owned() } else { relative(at, now) });
        let error =
            health.last_error.as_ref().map(|last| format!("{} {}", last.kind, relative(last.at, now)));
        let mut cells: Vec<Cell> = vec![
            health.key.service().into(),
            health.key.account().into(),
            Cell::toned(state(health.state), tone(health.state)),
            next.unwrap_or_else(|| "-".to_owned()).into(),
            when(health.last_renewal.as_ref().map(|entry| entry.at)).into(),
            when(health.person_needed()).into(),
            error.unwrap_or_else(|| "-".to_owned()).into(),
        ];
        let said: Vec<String> = further(health).map(|(name, value)| format!("{name}={value}")).collect();
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
    let grants = all(&tenant).await?;
    let found =
        grants.into_iter().find(|grant| (grant.key().service(), grant.key().account()) == (service, account));
    let Some(grant) = found else {
        usable.map_err(|error| auth_token::failed(session, &wanted.of, error))?;
        let fact = format!("there is no grant of {account} for {service}");
        return Err(Failed::new(NOT_FOUND, fact));
    };
    let health = &grant.health;
    if console.json {
        let mut object = object(health);
        if let (Value::Object(fields), Err(error)) = (&mut object, &usable) {
            fields.insert("configuration_error".to_owned(), json!(crate::failed::chain(error)));
        }
        console.object(object)?;
        return Ok(After::End(code(health, usable.err())));
    }
    let now = SystemClock::new().wall();
    let mut lines = vec![
        format!("{service} ({account}): {}", state(health.state)),
        format!("consented {}, renewed {} times", relative(health.consented, now), health.generation),
    ];
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

async fn all(tenant: &TenantPantry) -> Result<Vec<GrantStatus>, Failed> {
    const PAGE: usize = 256;
    let mut all: Vec<GrantStatus> = Vec::new();
    loop {
        let page = tenant.grants(all.last().map(GrantStatus::key), PAGE).await?;
        let is_last = page.len() < PAGE;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
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
        Happened::Refused(refusal) => {
            let code = refusal.provider_code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
            format!("refused: {}{code}", refusal.kind)
        }
        Happened::Revived => "tokens came after all".to_owned(),
        Happened::BroughtHome => "brought home from a lifeboat".to_owned(),
        _ => "something else happened".to_owned(),
    }
}

fn object(health: &GrantHealth) -> Value {
    let last_error = health.last_error.as_ref().map(|last| {
        let causes =
            last.causes.iter().map(|cause| json!({ "evidence": cause.evidence, "remedy": cause.remedy }));
        json!({
            "at": utc(last.at),
            "kind": last.kind.as_str(),
            "provider_code": last.provider_code,
            "causes": causes.collect::<Vec<_>>(),
        })
    });
    let history = health.history.iter().map(|entry| {
        json!({ "at": utc(entry.at), "by": entry.by.as_str(), "what": happened(entry), "rotated": entry.rotated })
    });
    json!({
        "service": health.key.service(),
        "account": health.key.account(),
        "state": state(health.state).replace(' ', "_"),
        "consented_at": utc(health.consented),
        "generation": health.generation,
        "last_renewal_at": health.last_renewal.as_ref().map(|entry| utc(entry.at)),
        "next_renewal_at": health.next_renewal.map(utc),
        "person_needed_at": health.person_needed().map(utc),
        "idle_limit_at": health.idle_limit.map(utc),
        "absolute_limit_at": health.absolute_limit.map(utc),
        "calls": health.usage.calls,
        "last_used_day": health.usage.last_used.map(utc),
        "last_error": last_error,
        "further": Value::Object(further(health).map(|(name, value)| (name.to_owned(), json!(value))).collect()),
        "history": history.collect::<Vec<_>>(),
    })
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
