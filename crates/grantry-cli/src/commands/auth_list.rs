//! `auth list`.

use std::collections::BTreeMap;
use std::sync::Arc;

use grantry::pantry::completed;
use grantry::vault::{ClientView, GrantState, TenantVault};
use grantry::{Clock, ErrorKind, SystemClock, TenantId, Timestamp};
use grantry_config::{Config, ServiceConfig};
use serde_json::{Value, json};

use super::After;
use super::config::endpoint;
use crate::arguments::List;
use crate::console::{Console, Objects};
use crate::failed::Failed;
use crate::json::pairs;
use crate::session::{Session, tenants};
use crate::settings::services_of;
use crate::spoken::{length, utc};
use crate::table::{Cell, Table, Tone};

/// How many records are read, and how many rows drawn, at a time: each page is a line of the audit trail that is awaited, and
/// a thousand records are a megabyte.
const PAGE: usize = 5000;

/// How many grants a service has, and how many of them need a person.
type Counts = BTreeMap<String, (usize, usize)>;

/// A service: in the vault, in the configuration, or in both.
struct Row<'a> {
    tenant: &'a TenantId,
    service: &'a str,
    client: Option<&'a ClientView>,
    described: Option<&'a Arc<ServiceConfig>>,
    grants: usize,
    needing: usize,
}

pub(super) async fn run(console: &Console, session: &Session, list: &List) -> Result<After, Failed> {
    let vault = session.vault().await?;
    let kept = tenants(&vault).await?;
    let mut all = kept.clone();
    add_configured(&mut all, session)?;
    let mut listing = Listing::new(console, list.all_tenants);
    for tenant in all.into_iter().filter(|name| list.all_tenants || name.as_str() == session.tenant) {
        // What only the configuration knows has no key yet.
        let part = kept.contains(&tenant).then(|| vault.tenant(tenant.as_str())).transpose();
        let part = part.map_err(|error| Failed::usage(error.to_string()))?;
        match of_tenant(&mut listing, part.as_ref(), session.config.as_ref(), &tenant).await {
            // Its name is left, and nothing else.
            Err(Stopped::Erased) => {}
            Err(Stopped::Failed(failed)) => return Err(failed),
            Ok(()) => {}
        }
    }
    listing.end()?;
    Ok(After::DONE)
}

/// Tenants that only the configuration knows.
fn add_configured(all: &mut Vec<TenantId>, session: &Session) -> Result<(), Failed> {
    let Some(config) = &session.config else { return Ok(()) };
    let mut names: Vec<TenantId> = config.tenants().map(|(name, _)| name.clone()).collect();
    if config.services().next().is_some() {
        names.push(TenantId::new(&session.tenant).map_err(|error| Failed::usage(error.to_string()))?);
    }
    names.retain(|name| !all.contains(name));
    all.extend(names);
    all.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    all.dedup();
    Ok(())
}

enum Stopped {
    Erased,
    Failed(Failed),
}

impl From<grantry::Error> for Stopped {
    fn from(error: grantry::Error) -> Self {
        match error.kind() {
            ErrorKind::Erased => Self::Erased,
            _ => Self::Failed(error.into()),
        }
    }
}

impl From<Failed> for Stopped {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

async fn of_tenant(
    listing: &mut Listing<'_>,
    part: Option<&TenantVault>,
    config: Option<&Config>,
    tenant: &TenantId,
) -> Result<(), Stopped> {
    let described = config.into_iter().flat_map(|config| services_of(config, tenant.as_str()));
    let mut described: BTreeMap<&str, &Arc<ServiceConfig>> =
        described.map(|service| (service.name().as_str(), service)).collect();
    let mut counts = match part {
        Some(part) => counted(part).await?,
        None => Counts::new(),
    };
    let mut after = None;
    while let Some(part) = part {
        let page = part.clients(after.as_ref(), PAGE).await?;
        let is_last = page.len() < PAGE;
        for stored in &page {
            let client = &stored.value;
            let service = client.service.as_str();
            let (grants, needing) = counts.remove(service).unwrap_or_default();
            let described = described.remove(service);
            listing.add(&Row { tenant, service, client: Some(client), described, grants, needing })?;
        }
        after = page.into_iter().next_back().map(|stored| stored.value.service);
        if is_last {
            break;
        }
    }
    for (service, configured) in described {
        let (grants, needing) = counts.remove(service).unwrap_or_default();
        listing.add(&Row { tenant, service, client: None, described: Some(configured), grants, needing })?;
    }
    Ok(())
}

/// Grants are counted as they are read; no more is kept of them than two numbers for each service.
async fn counted(part: &TenantVault) -> Result<Counts, Stopped> {
    let mut counts = Counts::new();
    let mut after = None;
    loop {
        let page = part.grants_one_by_one(after.as_ref(), PAGE).await?;
        let is_last = page.len() < PAGE;
        after = page.last().map(|(key, _)| key.clone());
        for (key, view) in page {
            let needs = view.is_ok_and(|view| view.state == GrantState::ReauthorizationNeeded);
            let count = match counts.get_mut(key.service()) {
                Some(count) => count,
                None => counts.entry(key.service().to_owned()).or_default(),
            };
            count.0 += 1;
            count.1 += usize::from(needs);
        }
        if is_last {
            return Ok(counts);
        }
    }
}

/// What is printed as it comes.
struct Listing<'a> {
    console: &'a Console,
    all_tenants: bool,
    now: Timestamp,
    table: Table,
    objects: Option<Objects>,
    count: usize,
}

impl<'a> Listing<'a> {
    fn new(console: &'a Console, all_tenants: bool) -> Self {
        let mut heading = vec!["SERVICE", "CLIENT ID", "SECRET", "SERVER", "FLOW", "GRANTS"];
        if all_tenants {
            heading.insert(0, "TENANT");
        }
        Self {
            console,
            all_tenants,
            now: SystemClock::new().wall(),
            table: Table::new(&heading),
            objects: console.json.then(|| Objects::new("services")),
            count: 0,
        }
    }

    fn add(&mut self, row: &Row<'_>) -> Result<(), Failed> {
        self.count += 1;
        if let Some(objects) = &mut self.objects {
            return objects.add(self.console, &object(row));
        }
        let mut cells = cells(row, self.now);
        if self.all_tenants {
            cells.insert(0, row.tenant.as_str().into());
        }
        self.table.row(cells);
        if self.count.is_multiple_of(PAGE) {
            self.console.table(&self.table)?;
            self.table.go_on();
        }
        Ok(())
    }

    fn end(self) -> Result<(), Failed> {
        match self.objects {
            Some(objects) => objects.end(self.console),
            None if self.count == 0 => {
                self.console.note("nothing is stored yet: grantry auth set");
                Ok(())
            }
            None if self.table.is_empty() => Ok(()),
            None => self.console.table(&self.table),
        }
    }
}

fn cells(row: &Row<'_>, now: Timestamp) -> Vec<Cell> {
    let state = match row.needing {
        0 => Cell::from(row.grants.to_string()),
        needing => Cell::toned(format!("{}, {needing} need a person", row.grants), Tone::Bad),
    };
    vec![
        row.service.into(),
        client_id(row).unwrap_or("-").into(),
        secret(row, now).into(),
        server(row).into(),
        flow(row).into(),
        state,
    ]
}

fn client_id<'a>(row: &Row<'a>) -> Option<&'a str> {
    let configured = || row.described?.registration().client_id().map(|id| id.value().as_str());
    row.client.map(|client| client.client_id.as_str()).or_else(configured)
}

fn secret(row: &Row<'_>, now: Timestamp) -> String {
    let configured = row.described.is_some_and(|service| {
        let registration = service.registration();
        registration.client_secret().is_some() || registration.private_key().is_some()
    });
    let Some(client) = row.client.filter(|client| !client.secrets_added.is_empty() || client.has_private_key)
    else {
        return if configured { "configured" } else { "none" }.to_owned();
    };
    if configured {
        // Which nobody can use until one of them is taken out.
        return "in both places".to_owned();
    }
    let added = client.secrets_added.last().map(|added| length(now.since(*added)));
    match (client.secrets_added.len(), client.has_private_key, added) {
        (_, true, _) => "private key".to_owned(),
        (1, _, Some(age)) => format!("{age} old"),
        (count, _, age) => format!("{count}, {} old", age.unwrap_or_default()),
    }
}

/// What says best where its tokens come from.
fn server(row: &Row<'_>) -> String {
    let described =
        row.described.and_then(|service| service.provider().map(str::to_owned).or_else(|| endpoint(service)));
    let attribute = |name: &str| row.client.and_then(|client| client.attributes.get(name).cloned());
    let stored = || attribute("provider").or_else(|| attribute("token_url"));
    described.or_else(stored).unwrap_or_else(|| "not described".to_owned())
}

fn flow(row: &Row<'_>) -> String {
    if let Some(service) = row.described {
        let stored = || {
            let service = completed(service, &row.client?.attributes).ok()?;
            Some(service.flow().as_str().to_owned())
        };
        let chosen = service.flow().map(|chosen| chosen.flow().to_string());
        return chosen.or_else(stored).unwrap_or_else(|| "-".to_owned());
    }
    let stored = row.client.and_then(|client| client.attributes.get("flow").cloned());
    stored.unwrap_or_else(|| "client_credentials".to_owned())
}

fn object(row: &Row<'_>) -> Value {
    let added = row.client.map(|client| client.secrets_added.as_slice()).unwrap_or_default();
    json!({
        "tenant": row.tenant.as_str(),
        "service": row.service,
        "client_id": client_id(row),
        "secrets_added": added.iter().map(|added| utc(*added)).collect::<Vec<_>>(),
        "has_private_key": row.client.is_some_and(|client| client.has_private_key),
        "fields": row.client.map(|client| pairs(&client.attributes)),
        "described_in": row.described.map(|service| service.place().to_string()),
        "flow": flow(row),
        "grants": row.grants,
        "grants_that_need_a_person": row.needing,
    })
}
