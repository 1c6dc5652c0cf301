//! The token endpoint (RFC 6749 section 3.2).

use std::sync::Arc;

use grantry_core::Scope;
use grantry_endpoint::Answer;

use super::answers::{self, Refusal};
use super::store::Issued;
use super::{Authority, Moment, authentication, bearer, code, device, exchange, refresh};
use crate::proof::Flaw;
use crate::{ReceivedRequest, RegisteredClient};

pub(crate) fn answer(
    authority: &mut Authority,
    request: &ReceivedRequest,
    at: Moment,
) -> Result<Answer, Refusal> {
    let client = authentication::authenticate(authority, request, at)?;
    let proved = proved(authority, request, at)?;
    let issued = match request.form().value("grant_type") {
        None => return Err(Refusal::new("invalid_request", "grant_type is missing")),
        Some("client_credentials") => client_credentials(authority, request, &client, at)?,
        Some("authorization_code") => code::exchange(authority, request, &client, at)?,
        Some("refresh_token") => refresh::refresh(authority, request, &client, at)?,
        Some("urn:ietf:params:oauth:grant-type:device_code") => {
            device::redeem(authority, request, &client, at)?
        }
        Some("urn:ietf:params:oauth:grant-type:jwt-bearer") => {
            bearer::redeem(authority, request, &client, at)?
        }
        Some("urn:ietf:params:oauth:grant-type:token-exchange") => {
            let exchanged = exchange::exchange(authority, request, &client, at)?;
            let style = authority.settings.answer_style.clone();
            let Some(thumbprint) = proved.filter(|_| exchanged.presentable) else {
                return Ok(answers::exchanged(&exchanged, &style));
            };
            authority.store.bound.insert(exchanged.issued.access_token.clone(), thumbprint);
            return Ok(answers::exchanged(&exchanged, &style.token_type(Some("DPoP"))));
        }
        Some(_) => return Err(Refusal::new("unsupported_grant_type", "no such grant here")),
    };
    let style = &authority.settings.answer_style;
    let Some(thumbprint) = proved else { return Ok(answers::token(&issued, style)) };
    authority.store.bound.insert(issued.access_token.clone(), thumbprint.clone());
    // That of a confidential client is bound to its authentication (RFC 9449 section 5).
    if let Some(refresh_token) = issued.refresh_token.clone().filter(|_| !client.is_confidential()) {
        authority.store.bound.insert(refresh_token, thumbprint);
    }
    Ok(answers::token(&issued, &style.clone().token_type(Some("DPoP"))))
}

/// The thumbprint of the key that the request is proved with, if it is (RFC 9449 section 5). A code or refresh token that
/// is bound to a key is good for that key alone.
fn proved(
    authority: &mut Authority,
    request: &ReceivedRequest,
    at: Moment,
) -> Result<Option<String>, Refusal> {
    let policy = &authority.settings.proofs;
    if policy.ignored {
        return Ok(None);
    }
    let proved = authority.proofs.check(policy.nonces, request, None, at).map_err(|flaw| match flaw {
        Flaw::Invalid(why) => Refusal::new("invalid_dpop_proof", why),
        Flaw::NonceWanted => Refusal::new("use_dpop_nonce", "the proof needs the nonce that is named here"),
    })?;
    if proved.is_none() && policy.required {
        return Err(Refusal::new("invalid_dpop_proof", "there is no proof"));
    }
    let form = request.form();
    let presented = form.value("code").or_else(|| form.value("refresh_token"));
    let bound = presented.and_then(|presented| authority.store.bound.get(presented));
    if bound.is_some_and(|bound| proved.as_ref() != Some(bound)) {
        return Err(Refusal::new("invalid_grant", "it is bound to another key"));
    }
    Ok(proved)
}

/// RFC 6749 section 4.4, for confidential clients only. No refresh token is issued (section 4.4.3).
fn client_credentials(
    authority: &mut Authority,
    request: &ReceivedRequest,
    client: &Arc<RegisteredClient>,
    at: Moment,
) -> Result<Issued, Refusal> {
    if !client.is_confidential() {
        return Err(Refusal::new("unauthorized_client", "client credentials are for confidential clients"));
    }
    let asked = asked_scope(request)?.unwrap_or_default();
    let scope = authority.settings.scope_policy.grant(&asked);
    let scope = scope.ok_or(Refusal::new("invalid_scope", "more than the client may have"))?;
    let lifetime = authority.settings.token_lifetime;
    let subject = client.id().as_str().into();
    let access_token = authority.store.access_token(client.id(), subject, scope.clone(), None, lifetime, at);
    Ok(Issued { access_token, refresh_token: None, id_token: None, lifetime, scope })
}

/// The scope that the request names, if it names one.
pub(super) fn asked_scope(request: &ReceivedRequest) -> Result<Option<Scope>, Refusal> {
    let asked = request.form().value("scope").map(Scope::parse).transpose();
    asked.map_err(|_| Refusal::new("invalid_scope", "a scope holds a character that is not allowed"))
}
