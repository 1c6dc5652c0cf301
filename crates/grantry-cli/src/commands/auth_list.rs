//! `auth list`.

use std::collections::BTreeMap;

use grantry::vault::{ClientView, GrantState, PrincipalVault, Stored};
use grantry::{Clock, SystemClock, TenantId};
use serde_json::{Value, json};

use super::After;
use crate::arguments::List;
use crate::console::Console;
use crate::failed::Failed;
use crate::json::pairs;
use crate::session::{Session, tenants};
use crate::spoken::{length, utc};
use crate::table::{Cell, Table, Tone};

const PAGE: usize = 256;

/// A service with what is counted of its grants.
struct Row {
    tenant: TenantId,
    client: ClientView,
    grants: usize,
    needing: usize,
}

pub(super) async fn run(console: &Console, session: &Session, list: &List) -> Result<After, Failed> {
    let vault = session.vault().await?;
    let all = tenants(&vault).await?;
    let mut rows = Vec::new();
    for tenant in all.into_iter().filter(|name| list.all_tenants || name.as_str() == session.tenant) {
        match of_tenant(&vault, &tenant).await {
            Ok(found) => rows.extend(found),
            // Its name is left, and nothing else.
            Err(error) if error.kind() == grantry::ErrorKind::Erased => {}
            Err(error) => return Err(error.into()),
        }
    }
    if console.json {
        let services: Vec<Value> = rows.iter().map(object).collect();
        console.object(json!({ "services": services }))?;
        return Ok(After::DONE);
    }
    if rows.is_empty() {
        console.note("nothing is stored yet: grantry auth set");
        return Ok(After::DONE);
    }
    let now = SystemClock::new().wall();
    let mut heading = vec!["SERVICE", "CLIENT ID", "SECRET", "SERVER", "FLOW", "GRANTS"];
    if list.all_tenants {
        heading.insert(0, "TENANT");
    }
    let mut table = Table::new(&heading);
    for Row { tenant, client, grants, needing } in &rows {
        let added = client.secrets_added.last().map(|added| length(now.since(*added)));
        let secret = match (client.secrets_added.len(), client.has_private_key, added) {
            (_, true, _) => "private key".to_owned(),
            (0, ..) => "none".to_owned(),
            (1, _, Some(age)) => format!("{age} old"),
            (count, _, age) => format!("{count}, {} old", age.unwrap_or_default()),
        };
        let flow = client.attributes.get("flow").map_or("client_credentials", String::as_str);
        let state = match needing {
            0 => Cell::from(grants.to_string()),
            needing => Cell::toned(format!("{grants}, {needing} need a person"), Tone::Bad),
        };
        let mut cells = vec![
            client.service.as_str().into(),
            client.client_id.as_str().into(),
            secret.into(),
            server(client).into(),
            flow.into(),
            state,
        ];
        if list.all_tenants {
            cells.insert(0, tenant.as_str().into());
        }
        table.row(cells);
    }
    console.table(&table)?;
    Ok(After::DONE)
}

async fn of_tenant(vault: &PrincipalVault, tenant: &TenantId) -> Result<Vec<Row>, grantry::Error> {
    let part =
        vault.tenant(tenant.as_str()).map_err(|error| grantry::Error::configuration(error.to_string()))?;
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let page = part.clients(rows.last().map(|row| &row.client.service), PAGE).await?;
        let is_last = page.len() < PAGE;
        rows.extend(page.into_iter().map(|Stored { value, .. }| Row {
            tenant: tenant.clone(),
            client: value,
            grants: 0,
            needing: 0,
        }));
        if is_last {
            break;
        }
    }
    let mut counted: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = part.grants_one_by_one(after.as_ref(), PAGE).await?;
        let is_last = page.len() < PAGE;
        after = page.last().map(|(key, _)| key.clone());
        for (key, view) in page {
            let (grants, needing) = counted.entry(key.service().to_owned()).or_default();
            *grants += 1;
            let needs = view.is_ok_and(|view| view.state == GrantState::ReauthorizationNeeded);
            *needing += usize::from(needs);
        }
        if is_last {
            break;
        }
    }
    for row in &mut rows {
        (row.grants, row.needing) = counted.remove(row.client.service.as_str()).unwrap_or_default();
    }
    Ok(rows)
}

/// What says best where its tokens come from.
fn server(client: &ClientView) -> String {
    let attribute = |name: &str| client.attributes.get(name).cloned();
    attribute("provider").or_else(|| attribute("token_url")).unwrap_or_else(|| "not described".to_owned())
}

fn object(row: &Row) -> Value {
    let Row { tenant, client, grants, needing } = row;
    json!({
        "tenant": tenant.as_str(),
        "service": client.service.as_str(),
        "client_id": client.client_id.as_str(),
        "secrets_added": client.secrets_added.iter().map(|added| utc(*added)).collect::<Vec<_>>(),
        "has_private_key": client.has_private_key,
        "fields": pairs(&client.attributes),
        "grants": grants,
        "grants_that_need_a_person": needing,
    })
}
