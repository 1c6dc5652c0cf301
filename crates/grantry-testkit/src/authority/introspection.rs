//! The introspection endpoint (RFC 7662).

use grantry_endpoint::Answer;
use http::StatusCode;
use serde::Serialize;

use super::answers::{self, Refusal};
use super::{Authority, Moment, authentication, refresh};
use crate::ReceivedRequest;

#[derive(Serialize, Default)]
struct Introspection {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
}

/// Any authenticated client may ask about any token. A token that is not live is `active: false` and nothing
/// else (section 2.2).
pub(super) fn answer(
    authority: &mut Authority,
    request: &ReceivedRequest,
    at: Moment,
) -> Result<Answer, Refusal> {
    authentication::authenticate(authority, request, at)?;
    let token = request.form().value("token");
    let token = token.ok_or(Refusal::new("invalid_request", "token is missing"))?;
    let found = access_token(authority, token, at).or_else(|| refresh_token(authority, token, at));
    Ok(answers::json(StatusCode::OK, &found.unwrap_or_default()))
}

fn access_token(authority: &Authority, token: &str, at: Moment) -> Option<Introspection> {
    let stored = authority.store.live_access_token(token, at)?;
    Some(Introspection {
        active: true,
        scope: Some(stored.scope.as_str().to_owned()).filter(|s| !s.is_empty()),
        client_id: Some(stored.client.as_str().to_owned()),
        token_type: Some("Bearer"),
        exp: Some(stored.expires_wall.as_unix_seconds()),
        iat: Some(stored.issued_wall.as_unix_seconds()),
        sub: Some(stored.subject.to_string()),
        iss: Some(authority.issuer.clone()),
    })
}

fn refresh_token(authority: &Authority, token: &str, at: Moment) -> Option<Introspection> {
    let stored = authority.store.refresh_tokens.get(token)?;
    let grant = authority.store.live_grant(stored.grant)?;
    refresh::would_be_accepted(authority, token, at).then(|| Introspection {
        active: true,
        scope: Some(grant.scope.as_str().to_owned()).filter(|s| !s.is_empty()),
        client_id: Some(grant.client.as_str().to_owned()),
        sub: Some(grant.subject.to_string()),
        iss: Some(authority.issuer.clone()),
        ..Introspection::default()
    })
}
