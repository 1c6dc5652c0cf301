//! `auth set`.

use std::collections::BTreeMap;

use grantry::pantry::{Flow, check_attributes};
use grantry::vault::{ClientRecord, TenantVault};
use grantry::{ClientAuthenticationMethod, Clock, ErrorKind, SystemClock};
use serde_json::json;

use super::credentials::{self, Certificates, Credentials};
use super::flow::{self, Chosen};
use super::{After, as_configured, registration};
use crate::arguments::{Described, Registered, Set};
use crate::console::Console;
use crate::failed::Failed;
use crate::session::Session;

/// Whether a person is to be asked for the secret: where a client is named and nothing is said of how it authenticates.
pub(super) fn asks(registered: &Registered) -> bool {
    let has_other = registered.private_key_file.is_some() || registered.tls_certificate_file.is_some();
    registered.client_id.is_some() && !registered.public && !has_other
}

/// What is to be stored.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) service: &'a str,
    pub(super) registered: &'a Registered,
    /// As it was given; what an issuer says is asked for once all of that is right.
    pub(super) described: Described,
    pub(super) unset: &'a [String],
    /// Whether a client that shows nothing has to be called public: where nobody was asked for its secret.
    pub(super) asks: bool,
    /// The flow, where nothing else says one.
    pub(super) flow: Option<Chosen>,
    pub(super) given: Credentials,
}

/// What became of it.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) existed: bool,
    pub(super) vault_is_new: bool,
    /// `None` as long as nothing says where its tokens come from.
    pub(super) flow: Option<Chosen>,
}

pub(super) async fn run(
    console: &Console,
    session: &Session,
    set: &Set,
    given: Credentials,
) -> Result<After, Failed> {
    let Set { service, registered, unset } = set;
    let wanted = Wanted {
        service,
        registered,
        described: registered.described.clone(),
        unset,
        asks: asks(registered),
        flow: None,
        given,
    };
    let stored = store(console, session, wanted).await?;
    if console.json {
        console.object(json!({
            "tenant": session.tenant,
            "service": service,
            "created": !stored.existed,
            "vault_created": stored.vault_is_new,
            "flow": stored.flow.as_ref().map(|chosen| chosen.flow.as_str()),
            "because": stored.flow.as_ref().map(|chosen| chosen.because),
            "for_another_flow": stored.flow.as_ref().map(|chosen| chosen.how_to_change(&session.whereabouts, &session.tenant, service)),
        }))?;
    }
    Ok(After::DONE)
}

/// Stores it, in a vault that is made if there is none, and says so.
///
/// # Errors
/// Where it cannot be used or stored.
pub(super) async fn store(
    console: &Console,
    session: &Session,
    mut wanted: Wanted<'_>,
) -> Result<Stored, Failed> {
    let mut attributes = BTreeMap::new();
    registration::change(&mut attributes, &wanted.described, &wanted.given.certificates, &[])?;
    check_together(attributes, &wanted.described)?;
    if !session.place.is_made() {
        // Before one is made for nothing.
        check_proof(None, &BTreeMap::new(), &wanted)?;
    }
    wanted.described = registration::discovered(wanted.registered).await?;
    let (vault, vault_is_new) = session.vault_made().await?;
    if vault_is_new {
        console.say(&format!("made a vault in {}", session.place.shown()));
        console.say(&format!("keep a copy of its key elsewhere: {}", session.place.key.shown()));
    }
    vault.create_tenant(&session.tenant).await?;
    let tenant = vault.tenant(&session.tenant).map_err(|error| Failed::usage(error.to_string()))?;
    let Written { record, flow, existed } = write(&tenant, &wanted).await?;
    if existed && wanted.given.secret.is_some() {
        console.say("the secret was replaced as it was given; auth rotate proves a new one first");
    }
    let flow = flow.filter(|_| registration::has_server(record.attributes()));
    if flow.is_none() {
        console.say(&format!(
            "nothing says yet where the tokens of {} come from: add --provider or --token-url, or describe the \
             service in the program that uses it",
            wanted.service
        ));
    }
    if flow.as_ref().is_some_and(|chosen| chosen.flow == Flow::ClientCredentials) && is_public(&record) {
        console.warn(&format!(
            "the client of {} shows nothing to the server, so that no server gives it tokens by client_credentials (RFC 6749 \
             section 4.4): give it a secret, or name where a person consents (--authorization-url, --device-url)",
            wanted.service
        ));
    }
    let done = if existed { "changed" } else { "stored" };
    console.say(&format!("{done} the credentials of {} (tenant {})", wanted.service, session.tenant));
    if let Some(chosen) = flow.as_ref().filter(|chosen| chosen.tell) {
        let Chosen { flow, because, .. } = chosen;
        console.say(&format!("{} uses the flow {}: {because}", wanted.service, flow.as_str()));
        let other = chosen.how_to_change(&session.whereabouts, &session.tenant, wanted.service);
        console.say(&format!("for another one: {other}"));
    }
    Ok(Stored { existed, vault_is_new, flow })
}

/// Whether nothing is stored that the client could show.
fn is_public(record: &ClientRecord) -> bool {
    let has_none = record.secrets().is_empty() && record.private_key().is_none();
    has_none && !credentials::is_by_certificate(record.attributes())
}

/// What can be refused before anybody is asked for anything, and before a vault is opened or made.
///
/// # Errors
/// Usage, with the flag.
pub(super) fn check(console: &Console, service: &str, registered: &Registered) -> Result<(), Failed> {
    let described = &registered.described;
    grantry::ServiceName::new(service).map_err(|error| Failed::usage(error.to_string()))?;
    if let Some(client_id) = &registered.client_id {
        registration::check_text("client-id", client_id)?;
    }
    let mut attributes = BTreeMap::new();
    registration::change(&mut attributes, described, &Certificates::default(), &[])?;
    registration::check_texts(console, &attributes, &described.scope)?;
    as_configured::check(described)?;
    check_together(attributes, described)
}

/// Whether what was given goes together, as far as that is known without what is stored.
fn check_together(mut attributes: BTreeMap<String, String>, described: &Described) -> Result<(), Failed> {
    if !attributes.contains_key("tls_certificate") {
        // The certificate may be stored already.
        attributes.remove("certificate_bound");
        if credentials::is_by_certificate(&attributes) {
            attributes.remove("auth_method");
        }
    }
    if !registration::has_server(&attributes) {
        attributes.insert("token_url".to_owned(), "https://not.described.invalid/".to_owned());
    }
    // What a preset still needs may be stored already.
    if attributes.contains_key("provider") && described.provider_param.is_empty() {
        return Ok(());
    }
    check_attributes(&attributes).map_err(Failed::from)
}

/// Whether a client has something to show to the server, or is said to have nothing.
///
/// # Errors
/// Usage, with the ways to give it.
fn check_proof(
    before: Option<&ClientRecord>,
    attributes: &BTreeMap<String, String>,
    wanted: &Wanted<'_>,
) -> Result<(), Failed> {
    let given = &wanted.given;
    let method = wanted.described.auth_method.as_ref().or(attributes.get("auth_method"));
    let method = method.and_then(|name| ClientAuthenticationMethod::from_name(name));
    use ClientAuthenticationMethod as Method;
    let is_other =
        matches!(method, Some(Method::None | Method::TlsClientAuth | Method::SelfSignedTlsClientAuth));
    // One that is stored, under the same name, stays what it is.
    let is_stored = before.is_some_and(|before| {
        let has = !before.secrets().is_empty() || before.private_key().is_some();
        has || wanted.registered.client_id.as_deref() == Some(before.client_id().as_str())
    });
    if !wanted.asks || given.secret.is_some() || given.private_key.is_some() || is_other || is_stored {
        return Ok(());
    }
    let fact = format!(
        "nothing says what the client of {} shows to the server, and nobody can be asked",
        wanted.service
    );
    let secret = "--client-secret-stdin, --client-secret-env NAME or --client-secret-file FILE";
    let remedy = match method {
        Some(Method::PrivateKeyJwt) => "add --private-key-file FILE".to_owned(),
        _ => format!("add {secret}; or --private-key-file FILE; or --public for a client without a secret"),
    };
    Err(Failed::usage(fact).with_remedy(remedy))
}

/// What stands in the vault now.
struct Written {
    record: ClientRecord,
    flow: Option<Chosen>,
    existed: bool,
}

/// Stores it, over what others may store at the same moment.
async fn write(tenant: &TenantVault, wanted: &Wanted<'_>) -> Result<Written, Failed> {
    const MOST_CONFLICTS: u32 = 8;
    let mut conflicts = 0;
    loop {
        let stored = tenant.reveal_client(wanted.service).await?;
        let (before, version) = match &stored {
            Some(stored) => (Some(&stored.value), Some(&stored.version)),
            None => (None, None),
        };
        let (record, flow) = record(before, wanted)?;
        match tenant.store_client(wanted.service, record.clone(), version).await {
            Ok(_) => return Ok(Written { record, flow: Some(flow), existed: stored.is_some() }),
            Err(error) if error.kind() == ErrorKind::Conflict && conflicts < MOST_CONFLICTS => conflicts += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

fn record(before: Option<&ClientRecord>, wanted: &Wanted<'_>) -> Result<(ClientRecord, Chosen), Failed> {
    let (Registered { client_id, public, .. }, described) = (wanted.registered, &wanted.described);
    let client_id = client_id.as_deref().or(before.map(|before| before.client_id().as_str()));
    let client_id = client_id.ok_or_else(|| {
        Failed::usage(format!("{} is not stored yet: name its client with --client-id", wanted.service))
    })?;
    let mut attributes = before.map(|before| before.attributes().clone()).unwrap_or_default();
    registration::change(&mut attributes, described, &wanted.given.certificates, wanted.unset)?;
    credentials::check_certificate(&attributes)?;
    check_proof(before, &attributes, wanted)?;
    if wanted.given.secret.is_some() && credentials::is_by_certificate(&attributes) {
        let fact = "the client authenticates by its certificate, so that the secret would never be used";
        return Err(Failed::usage(fact).with_remedy("leave it out, or name another --auth-method"));
    }
    if registration::has_server(&attributes) {
        check_attributes(&attributes)?;
    }
    let chosen = match attributes.get("flow").and_then(|name| Flow::from_name(name)) {
        Some(flow) if described.flow.is_some() => Chosen::said(flow, "the command says so"),
        Some(flow) => Chosen::said(flow, "it was stored so"),
        None => {
            let chosen = wanted.flow.clone().or_else(|| flow::chosen(&attributes));
            if let Some(chosen) = &chosen {
                attributes.insert("flow".to_owned(), chosen.flow.as_str().to_owned());
            }
            chosen.unwrap_or(flow::BY_DEFAULT)
        }
    };
    let mut record = ClientRecord::new(client_id);
    match (wanted.given.secret.as_ref(), wanted.given.private_key.as_ref(), public) {
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
                let key = credentials::usable_key(key, credentials::is_by_certificate(&attributes))?;
                record = record.with_private_key(key.as_str());
            }
        }
    }
    let record =
        attributes.into_iter().fold(record, |record, (name, value)| record.with_attribute(name, value));
    credentials::check_pair(&record)?;
    Ok((record, chosen))
}
