//! Token exchange (RFC 8693) of access tokens that this server issued.

use std::sync::Arc;

use super::answers::Refusal;
use super::store::{Issued, StoredAccessToken};
use super::token::asked_scope;
use super::{Authority, Moment};
use crate::{Form, ReceivedRequest, RegisteredClient};

/// What registered token types begin with (RFC 8693 section 3).
const TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:";

/// What an exchange brought.
pub(super) struct Exchanged {
    pub(super) issued: Issued,
    /// `issued_token_type`.
    pub(super) token_type: String,
    /// Whether it is an access token; `token_type` is `N_A` where it is not.
    pub(super) presentable: bool,
}

pub(super) fn exchange(
    authority: &mut Authority,
    request: &ReceivedRequest,
    client: &Arc<RegisteredClient>,
    at: Moment,
) -> Result<Exchanged, Refusal> {
    let form = request.form();
    let subject = token(authority, form, "subject_token", "subject_token_type", at)?;
    let subject = subject.ok_or(Refusal::new("invalid_request", "subject_token is missing"))?;
    // Who acts is checked and not told.
    token(authority, form, "actor_token", "actor_token_type", at)?;
    let requested =
        form.value("requested_token_type").unwrap_or("urn:ietf:params:oauth:token-type:access_token");
    let presentable = match requested.strip_prefix(TOKEN_TYPE) {
        Some("access_token" | "jwt") => true,
        Some("id_token" | "refresh_token" | "saml1" | "saml2") => false,
        _ => return Err(Refusal::new("invalid_request", "requested_token_type is not issued here")),
    };
    let scope = match asked_scope(request)? {
        None => subject.scope.clone(),
        Some(asked) => {
            let granted = authority.settings.scope_policy.grant(&asked);
            granted.ok_or(Refusal::new("invalid_scope", "more than the client may have"))?
        }
    };
    let lifetime = authority.settings.token_lifetime;
    let access_token = if presentable {
        authority.store.access_token(client.id(), subject.subject, scope.clone(), None, lifetime, at)
    } else {
        authority.store.opaque("other")
    };
    Ok(Exchanged {
        issued: Issued { access_token, refresh_token: None, id_token: None, lifetime, scope },
        token_type: requested.to_owned(),
        presentable,
    })
}

/// A token that is shown, with its type: both, or neither (RFC 8693 section 2.1).
fn token(
    authority: &Authority,
    form: &Form,
    name: &str,
    type_name: &str,
    at: Moment,
) -> Result<Option<StoredAccessToken>, Refusal> {
    let (token, token_type) = match (form.value(name), form.value(type_name)) {
        (Some(token), Some(token_type)) => (token, token_type),
        (None, None) => return Ok(None),
        _ => return Err(Refusal::new("invalid_request", "a token and its type come together")),
    };
    if token_type.strip_prefix(TOKEN_TYPE) != Some("access_token") {
        return Err(Refusal::new("invalid_request", "only access tokens are exchanged here"));
    }
    // RFC 8693 section 2.2.2 has no other code for it.
    let live = authority.store.live_access_token(token, at).cloned();
    live.map(Some).ok_or(Refusal::new("invalid_request", "the token is not valid"))
}
