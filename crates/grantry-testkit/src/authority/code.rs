//! Codes for tokens (RFC 6749 section 4.1.3, RFC 7636 section 4.6).

use std::sync::Arc;

use grantry_jose::{base64url, sha256};

use super::answers::Refusal;
use super::store::{Issued, StoredGrant};
use super::{Authority, Moment, id_token};
use crate::{ReceivedRequest, RegisteredClient};

const NOT_VALID: Refusal = Refusal::new("invalid_grant", "the code is not valid");

pub(super) fn exchange(
    authority: &mut Authority,
    request: &ReceivedRequest,
    client: &Arc<RegisteredClient>,
    at: Moment,
) -> Result<Issued, Refusal> {
    let form = request.form();
    let code = form.value("code").ok_or(Refusal::new("invalid_request", "code is missing"))?;
    let verifier = form.value("code_verifier");
    match verifier {
        None if !authority.settings.refuses_pkce => {
            return Err(Refusal::new("invalid_request", "code_verifier is missing"));
        }
        Some(_) if authority.settings.refuses_pkce => {
            return Err(Refusal::new("invalid_client", "client authentication failed"));
        }
        _ => {}
    }
    let stored = authority.store.codes.get(code).ok_or(NOT_VALID)?.clone();
    if stored.client != *client.id() {
        return Err(NOT_VALID);
    }
    // Somebody has it who should not: what the first use brought goes (RFC 6749 section 4.1.2).
    if let Some(grant) = stored.grant {
        authority.store.revoke_grant(grant);
        return Err(NOT_VALID);
    }
    let proves = verifier.map(|verifier| base64url::encode(sha256(verifier))) == stored.challenge;
    let in_time = at.now < stored.expires;
    if !proves || !in_time || form.value("redirect_uri") != Some(stored.redirect_uri.as_str()) {
        // One guess is all there is.
        authority.store.codes.remove(code);
        return Err(NOT_VALID);
    }
    let (subject, scope) = (stored.subject.clone(), stored.scope.clone());
    let grant = StoredGrant {
        client: client.id().clone(),
        subject: subject.clone(),
        scope: scope.clone(),
        revoked: false,
    };
    let grant = authority.store.grant(grant);
    if let Some(used) = authority.store.codes.get_mut(code) {
        used.grant = Some(grant);
    }
    let lifetime = authority.settings.token_lifetime;
    let refresh_token = Some(authority.store.refresh_token(grant));
    let access_token =
        authority.store.access_token(client.id(), subject, scope.clone(), Some(grant), lifetime, at);
    let id_token = id_token::issue(authority, &stored, &access_token, at)?;
    Ok(Issued { access_token, refresh_token, id_token, lifetime, scope })
}
