//! The revocation endpoint (RFC 7009).

use grantry_endpoint::Answer;
use http::StatusCode;

use super::answers::Refusal;
use super::{Authority, Moment, authentication};
use crate::ReceivedRequest;

/// 200 also for a token that was not valid (section 2.2). A token of another client is left alone, and the
/// answer does not tell.
pub(super) fn answer(
    authority: &mut Authority,
    request: &ReceivedRequest,
    at: Moment,
) -> Result<Answer, Refusal> {
    let client = authentication::authenticate(authority, request, at)?;
    let token = request.form().value("token");
    let token = token.ok_or(Refusal::new("invalid_request", "token is missing"))?;
    let store = &mut authority.store;
    // The hint is not needed: a token is looked for everywhere anyway (section 2.1).
    if let Some(number) = store.refresh_tokens.get(token).map(|t| t.grant) {
        if store.live_grant(number).is_some_and(|g| g.client == *client.id()) {
            store.revoke_grant(number);
        }
    } else if store.access_tokens.get(token).is_some_and(|t| t.client == *client.id()) {
        store.access_tokens.remove(token);
    }
    Ok(Answer::new(StatusCode::OK))
}
