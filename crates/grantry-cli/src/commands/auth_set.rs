//! `auth set`.

use std::collections::BTreeMap;

use grantry::pantry::{check_attributes, default_flow};
use grantry::vault::{ClientRecord, Stored, TenantVault};
use grantry::{Clock, Error, ErrorKind, SystemClock};
use serde_json::json;

use super::{After, registration};
use crate::arguments::Set;
use crate::console::Console;
use crate::failed::Failed;
use crate::secret::Secret;
use crate::session::Session;

/// Whether a person is to be asked for the secret: where a client is named and nothing is said of how it authenticates.
pub(super) fn asks(set: &Set) -> bool {
    set.client_id.is_some() && !set.public && set.private_key_file.is_none()
}

pub(super) async fn run(
    console: &Console,
    session: &Session,
    set: &Set,
    secret: Option<Secret>,
    private_key: Option<Secret>,
) -> Result<After, Failed> {
    check(set)?;
    let (vault, is_new) = session.vault_made().await?;
    if is_new {
        let folder = session.place.folder.display();
        console.say(&format!("made a vault in {folder}"));
        console.say(&format!("keep a copy of its key elsewhere: {}", session.place.key.display()));
    }
    vault.create_tenant(&session.tenant).await?;
    let tenant = vault.tenant(&session.tenant).map_err(|error| Failed::usage(error.to_string()))?;
    let gives_secret = secret.is_some();
    let (record, existed) = store(&tenant, set, secret, private_key).await?;
    if existed && gives_secret {
        console.say("the secret was replaced as it was given; auth rotate proves a new one first");
    }
    if !registration::has_server(record.attributes()) {
        console.say(&format!(
            "nothing says yet where the tokens of {} come from: add --provider or --token-url, or describe the \
             service in the program that uses it",
            set.service
        ));
    }
    if console.json {
        console.object(json!({
            "tenant": session.tenant,
            "service": set.service,
            "created": !existed,
            "vault_created": is_new,
        }))?;
    } else {
        let done = if existed { "changed" } else { "stored" };
        console.note(&format!("{done} the credentials of {} (tenant {})", set.service, session.tenant));
    }
    Ok(After::DONE)
}

/// What can be refused before a vault is opened or made.
fn check(set: &Set) -> Result<(), Failed> {
    grantry::ServiceName::new(&set.service).map_err(|error| Failed::usage(error.to_string()))?;
    let mut attributes = BTreeMap::new();
    registration::change(&mut attributes, &set.described, &[])?;
    if !registration::has_server(&attributes) {
        attributes.insert("token_url".to_owned(), "https://not.described.invalid/".to_owned());
    }
    // What a preset still needs may be stored already.
    if attributes.contains_key("provider") && set.described.provider_param.is_empty() {
        return Ok(());
    }
    check_attributes(&attributes).map_err(Failed::from)
}

/// Stores it, over what others may store at the same moment; says whether there was something before.
async fn store(
    tenant: &TenantVault,
    set: &Set,
    secret: Option<Secret>,
    private_key: Option<Secret>,
) -> Result<(ClientRecord, bool), Failed> {
    const MOST_CONFLICTS: u32 = 8;
    let mut conflicts = 0;
    loop {
        let stored = tenant.reveal_client(&set.service).await?;
        let (before, version) = match &stored {
            Some(Stored { value, version, .. }) => (Some(value), Some(version)),
            None => (None, None),
        };
        let record = record(before, set, secret.as_ref(), private_key.as_ref())?;
        match tenant.store_client(&set.service, record.clone(), version).await {
            Ok(_) => return Ok((record, stored.is_some())),
            Err(error) if error.kind() == ErrorKind::Conflict && conflicts < MOST_CONFLICTS => conflicts += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

fn record(
    before: Option<&ClientRecord>,
    set: &Set,
    secret: Option<&Secret>,
    private_key: Option<&Secret>,
) -> Result<ClientRecord, Failed> {
    let client_id = set.client_id.as_deref().or(before.map(|before| before.client_id().as_str()));
    let client_id = client_id.ok_or_else(|| {
        Failed::usage(format!("{} is not stored yet: name its client with --client-id", set.service))
    })?;
    let mut attributes = before.map(|before| before.attributes().clone()).unwrap_or_default();
    registration::change(&mut attributes, &set.described, &set.unset)?;
    if registration::has_server(&attributes) {
        check_attributes(&attributes)?;
    }
    if !attributes.contains_key("flow")
        && let Some(flow) = default_flow(&attributes)
    {
        attributes.insert("flow".to_owned(), flow.as_str().to_owned());
    }
    let mut record = ClientRecord::new(client_id);
    match (secret, private_key, set.public) {
        (None, None, true) => {}
        (None, None, false) => {
            // Nothing is said of it, so it stays.
            for stored in before.map(ClientRecord::secrets).unwrap_or_default() {
                record = record.with_secret(stored.secret.clone(), stored.added);
            }
            if let Some(key) = before.and_then(ClientRecord::private_key) {
                record = record.with_private_key(key.clone());
            }
        }
        (secret, key, _) => {
            if let Some(secret) = secret {
                record = record.with_secret(secret.as_str(), SystemClock::new().wall());
            }
            if let Some(key) = key {
                check_key(key)?;
                record = record.with_private_key(key.as_str());
            }
        }
    }
    Ok(attributes.into_iter().fold(record, |record, (name, value)| record.with_attribute(name, value)))
}

fn check_key(key: &Secret) -> Result<(), Failed> {
    let text = key.trim();
    let parsed = if text.starts_with('{') {
        grantry::SigningKey::from_jwk(text)
    } else {
        grantry::SigningKey::from_pem(text)
    };
    parsed.map(drop).map_err(|error| {
        Error::configuration("the private key cannot be used: give a PEM or a JWK").with_source(error).into()
    })
}
