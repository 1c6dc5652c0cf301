//! JWTs as authorization grants (RFC 7523 section 2.1): a registered client vouches for a person with its key.

use std::sync::Arc;

use grantry_core::Timestamp;
use grantry_jose::Algorithm::{EdDsa, Es256, Ps256, Rs256};

use super::answers::Refusal;
use super::assertion::{LEEWAY, LONGEST, claimed_issuer, signed};
use super::store::Issued;
use super::token::asked_scope;
use super::{Authority, Moment};
use crate::{ReceivedRequest, RegisteredClient};

const fn refused(description: &'static str) -> Refusal {
    Refusal::new("invalid_grant", description)
}

pub(super) fn redeem(
    authority: &mut Authority,
    request: &ReceivedRequest,
    client: &Arc<RegisteredClient>,
    at: Moment,
) -> Result<Issued, Refusal> {
    let assertion = request.form().value("assertion");
    let assertion = assertion.ok_or(Refusal::new("invalid_request", "assertion is missing"))?;
    let issuer = claimed_issuer(assertion).and_then(|issuer| authority.client(&issuer));
    let issuer = issuer.ok_or(refused("nobody is known who would issue the assertion"))?;
    let claims = signed(assertion, issuer.keys().cloned(), &[Es256, Ps256, Rs256, EdDsa]);
    let claims = claims.ok_or(refused("no key of its issuer verifies the assertion"))?;
    let metadata = authority.metadata();
    // RFC 7523 section 3: either names this server.
    if claims.aud != metadata.issuer && claims.aud != metadata.token_endpoint {
        return Err(refused("the assertion is for another audience"));
    }
    let exp = Timestamp::from_unix_seconds(claims.exp);
    if exp.after(LEEWAY) < at.wall {
        return Err(refused("the assertion has expired"));
    }
    if exp > at.wall.after(LONGEST + LEEWAY) {
        return Err(refused("the assertion is good for too long"));
    }
    let begins = [claims.iat, claims.nbf].into_iter().flatten().max().map(Timestamp::from_unix_seconds);
    if begins.is_some_and(|begins| begins > at.wall.after(LEEWAY)) {
        return Err(refused("the assertion is from the future"));
    }
    let asked = asked_scope(request)?.unwrap_or_default();
    let scope = authority.settings.scope_policy.grant(&asked);
    let scope = scope.ok_or(Refusal::new("invalid_scope", "more than the client may have"))?;
    if !authority.assertions.first_time(issuer.id().as_str(), claims.jti, exp.after(LEEWAY), at.wall) {
        return Err(refused("the assertion was used before"));
    }
    let lifetime = authority.settings.token_lifetime;
    let subject = claims.sub.into();
    let access_token = authority.store.access_token(client.id(), subject, scope.clone(), None, lifetime, at);
    Ok(Issued { access_token, refresh_token: None, id_token: None, lifetime, scope })
}
