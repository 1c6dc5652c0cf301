//! The pushed authorization request endpoint (RFC 9126).

use std::sync::Arc;

use grantry_endpoint::Answer;
use http::StatusCode;
use serde::Serialize;

use super::answers::{self, Refusal};
use super::authorization::{check, invalid};
use super::store::StoredRequest;
use super::{Authority, Moment, authentication};
use crate::{Form, ReceivedRequest, RegisteredClient};

/// What every reference begins with (RFC 9126 section 2.2).
const PREFIX: &str = "urn:ietf:params:oauth:request_uri";

#[derive(Serialize)]
struct Pushed {
    request_uri: String,
    expires_in: u64,
}

pub(super) fn answer(
    authority: &mut Authority,
    request: &ReceivedRequest,
    at: Moment,
) -> Result<Answer, Refusal> {
    let client = authentication::authenticate(authority, request, at)?;
    let parameters = request.form();
    if parameters.value("request_uri").is_some() {
        return Err(invalid("request_uri may not be pushed"));
    }
    if parameters.value("client_id") != Some(client.id().as_str()) {
        return Err(invalid("client_id is missing"));
    }
    if !parameters.value("redirect_uri").is_some_and(|uri| client.may_redirect_to(uri)) {
        return Err(invalid("redirect_uri is not registered"));
    }
    check(parameters, authority.settings.refuses_pkce)
        .map_err(|error| Refusal::new(error, "the authorization request is not usable"))?;
    let lifetime = authority.settings.request_uri_lifetime;
    let request_uri = format!("{PREFIX}:{}", authority.store.opaque("par"));
    let stored = StoredRequest {
        client: client.id().clone(),
        parameters: parameters.clone(),
        expires: at.now.after(lifetime),
    };
    authority.store.pushed.insert(request_uri.clone(), stored);
    let pushed = Pushed { request_uri, expires_in: lifetime.as_secs() };
    Ok(answers::json(StatusCode::CREATED, &pushed))
}

/// The request that was pushed, which is good for once. Nothing else may come along (RFC 9126 section 4).
pub(super) fn take(
    authority: &mut Authority,
    query: &Form,
    client: &Arc<RegisteredClient>,
    at: Moment,
) -> Result<Form, Refusal> {
    if query.names().any(|name| !matches!(name, "client_id" | "request_uri")) {
        return Err(invalid("a pushed request comes with client_id and request_uri alone"));
    }
    let uri = query.value("request_uri").unwrap_or_default();
    let stored =
        authority.store.pushed.remove(uri).ok_or(invalid("request_uri is not known, or was used"))?;
    if stored.client != *client.id() || at.now >= stored.expires {
        return Err(invalid("request_uri is another client's, or expired"));
    }
    Ok(stored.parameters)
}
