//! `vault init`, `status`, `rotate-keys`, `shred-tenant`.

use std::io::Write;
use std::time::Duration;

use grantry::TenantId;
use grantry::vault::{KeyAge, KeyAgeState, RotationPhase, RotationProgress};
use serde_json::{Value, json};

use super::After;
use crate::arguments::{RotateKeys, ShredTenant};
use crate::bar::Bar;
use crate::console::Console;
use crate::failed::{Failed, NOT_FOUND, VAULT};
use crate::place::Place;
use crate::session::{Session, tenants};
use crate::spoken::{count, length, utc};
use crate::table::{Cell, Table, Tone};

/// How many tenants' keys are looked at a time.
const PAGE: usize = 256;

pub(super) async fn init(console: &Console, session: &Session) -> Result<After, Failed> {
    let (_, is_new) = session.vault_made().await?;
    let place = &session.place;
    if console.json {
        console.object(json!({
            "created": is_new,
            "folder": place.folder.display().to_string(),
            "store": place.store.shown(),
            "key_file": key_file(place),
            "keychain_entry": place.key.entry(),
        }))?;
    } else if is_new {
        console.note(&format!("made a vault in {}", place.shown()));
        console.note(&format!("its key is {}", place.key.shown()));
        console.note("keep a copy of the key elsewhere, and no backup of the vault beside it: without it nothing can be opened");
    } else {
        console.note(&format!("there is a vault in {} already; nothing was changed", place.shown()));
    }
    Ok(After::DONE)
}

pub(super) async fn status(console: &Console, session: &Session) -> Result<After, Failed> {
    let vault = session.vault().await?;
    let names = tenants(&vault).await?;
    let policy = session.rotation();
    let mut ages: Vec<KeyAge> = Vec::new();
    let mut after: Option<TenantId> = None;
    loop {
        ages.extend(vault.key_ages(&policy, after.as_ref(), PAGE).await?);
        // Not by the ages: a tenant that was erased has none.
        match vault.tenants(after.as_ref(), PAGE).await?.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    let place = &session.place;
    if console.json {
        console.object(json!({
            "folder": place.folder.display().to_string(),
            "store": place.store.shown(),
            "store_bytes": place.store.path().and_then(|path| std::fs::metadata(path).ok()).map(|file| file.len()),
            "key_file": key_file(place),
            "keychain_entry": place.key.entry(),
            "tenants": names.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
            "keys": ages.iter().map(age_object).collect::<Vec<_>>(),
            "due_soon_after_days": policy.warn_at().as_secs() / 86_400,
        }))?;
        return Ok(After::DONE);
    }
    console.data(&format!(
        "vault     {}\n{:<8}  {}\ntenants   {}\n\n",
        crate::escaped::escaped(&place.shown()),
        place.key.kind(),
        crate::escaped::escaped(&place.key.shown()),
        names.len()
    ))?;
    let mut table = Table::new(&["KEY", "MADE", "AGE", "STATE"]);
    for age in &ages {
        let (state, tone) = match age.state {
            KeyAgeState::Fresh => ("fresh", Tone::Good),
            KeyAgeState::DueSoon => ("due soon", Tone::Warning),
            KeyAgeState::Unknown => ("made in the future", Tone::Bad),
            _ => ("overdue", Tone::Bad),
        };
        table.row([
            whose(age, place).into(),
            utc(age.created).into(),
            length(age.age).into(),
            Cell::toned(state, tone),
        ]);
    }
    console.table(&table)?;
    Ok(After::DONE)
}

/// Where the key is, of all that are in no keychain.
fn key_file(place: &Place) -> Option<String> {
    place.key.entry().is_none().then(|| place.key.shown())
}

fn whose(age: &KeyAge, place: &Place) -> String {
    match (&age.tenant, &age.provider_key) {
        (Some(tenant), _) => format!("tenant {tenant}"),
        (None, Some(_)) => place.key.kind().to_owned(),
        (None, None) => "the vault's own".to_owned(),
    }
}

fn age_object(age: &KeyAge) -> Value {
    json!({
        "of": if age.tenant.is_some() { "tenant" } else if age.provider_key.is_some() { "provider" } else { "vault" },
        "tenant": age.tenant.as_ref().map(TenantId::as_str),
        "made_at": utc(age.created),
        "age_seconds": age.age.as_secs(),
        "state": match age.state {
            KeyAgeState::Fresh => "fresh",
            KeyAgeState::DueSoon => "due_soon",
            KeyAgeState::Unknown => "unknown",
            _ => "overdue",
        },
    })
}

pub(super) async fn rotate_keys(
    console: &Console,
    session: &Session,
    rotate: &RotateKeys,
) -> Result<After, Failed> {
    let vault = session.vault().await?;
    let policy = session.rotation().records_per_second(u32::MAX).counts_first(true);
    let policy = if rotate.due { policy } else { policy.every(Duration::ZERO) };
    let bar = Bar::new(console);
    let report = vault.rotate(&policy, |progress| draw(bar, progress)).await;
    bar.end();
    let report = report?;
    if report.busy_elsewhere {
        let fact =
            "another process is rotating the keys of this vault, or was ended at it within the last minute";
        let remedy = "wait for a minute and run it again; how far it got: grantry vault status";
        return Err(Failed::new(VAULT, fact).with_remedy(remedy));
    }
    let refused = report.refused.len() + report.failed.len();
    if console.json {
        console.object(json!({
            "provider_key_promoted": report.promoted.is_some(),
            "sets_rewrapped": report.rewrapped,
            "new_epochs": report.new_epochs,
            "records_seen": report.seen,
            "records_resealed": report.resealed,
            "records_removed": report.removed,
            "epochs_retired": report.retired_epochs,
            "provider_keys_retired": report.retired_keys.len(),
            "provider_keys_waiting": report.waiting_keys.len(),
            "refused": report.refused.iter().map(|(key, why)| json!({
                "record": key.to_string(), "why": why.to_string(),
            })).collect::<Vec<_>>(),
            "failed": report.failed.iter().map(|(tenant, why)| json!({
                "tenant": tenant.as_str(), "why": why,
            })).collect::<Vec<_>>(),
        }))?;
    } else {
        console.note(&format!(
            "new keys for {}, {} of {} records sealed anew, {} retired",
            count(report.new_epochs, "set", "sets"),
            report.resealed,
            report.seen,
            count(report.retired_epochs + report.retired_keys.len() as u64, "old key", "old keys")
        ));
        if !report.waiting_keys.is_empty() {
            let hold = length(policy.held_for());
            console.note(&format!("keys that were in use wait for {hold} before they are destroyed"));
        }
        for (key, why) in &report.refused {
            console.warn(&format!("{key} was left as it is: {why}"));
        }
        for (tenant, why) in &report.failed {
            console.warn(&format!("the keys of the tenant {tenant} were left as they are: {why}"));
        }
    }
    Ok(After::End(if refused > 0 { VAULT } else { 0 }))
}

fn draw(bar: Bar, progress: RotationProgress) {
    let doing = match progress.phase {
        RotationPhase::ProviderKey => "the vault's key",
        RotationPhase::TenantKeys => "tenants' keys",
        RotationPhase::Records => "records",
        _ => "old keys",
    };
    bar.draw(doing, progress.seen, progress.of);
}

/// Asks whether that is meant, before anything is opened.
pub(super) fn confirm(console: &Console, shred: &ShredTenant) -> Result<(), Failed> {
    if shred.yes {
        return Ok(());
    }
    if !Console::is_interactive() {
        let fact = "erasing a tenant cannot be undone, and nobody can be asked here";
        return Err(Failed::usage(fact).with_remedy("add --yes"));
    }
    let name = &shred.name;
    console.note(&format!("this destroys the keys of {name}: nothing of it can ever be opened again"));
    console.note("its tokens stay valid at their servers: grantry auth remove revokes them first");
    let mut typed = String::new();
    let _ = write!(std::io::stderr(), "type the name of the tenant to go on: ");
    match std::io::stdin().read_line(&mut typed) {
        Ok(_) if typed.trim() == name => Ok(()),
        _ => Err(Failed::new(1, "nothing was erased")),
    }
}

pub(super) async fn shred_tenant(
    console: &Console,
    session: &Session,
    shred: &ShredTenant,
) -> Result<After, Failed> {
    let vault = session.vault().await?;
    let tenant = TenantId::new(&shred.name).map_err(|error| Failed::usage(error.to_string()))?;
    if !tenants(&vault).await?.contains(&tenant) {
        let fact = format!("the tenant {tenant} has nothing in the vault");
        return Err(Failed::new(NOT_FOUND, fact).with_remedy("see who is: grantry vault status"));
    }
    vault.erase_tenant(&tenant).await?;
    if console.json {
        console.object(json!({ "tenant": tenant.as_str(), "erased": true }))?;
    } else {
        console.note(&format!("erased {tenant}: copies of the vault's files still hold its wrapped keys"));
    }
    Ok(After::DONE)
}
