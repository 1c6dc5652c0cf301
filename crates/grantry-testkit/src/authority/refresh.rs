//! The refresh-token grant (RFC 6749 section 6) and what becomes of the refresh token that is used.

use std::sync::Arc;

use grantry_core::{Rotation, Scope};

use super::answers::Refusal;
use super::store::{Issued, StoredRefreshToken};
use super::token::asked_scope;
use super::{Authority, Moment};
use crate::{ReceivedRequest, RegisteredClient};

const NOT_VALID: Refusal = Refusal::new("invalid_grant", "the refresh token is not valid");

pub(super) fn refresh(
    authority: &mut Authority,
    request: &ReceivedRequest,
    client: &Arc<RegisteredClient>,
    at: Moment,
) -> Result<Issued, Refusal> {
    let presented = request.form().value("refresh_token");
    let presented = presented.ok_or(Refusal::new("invalid_request", "refresh_token is missing"))?;
    let stored = authority.store.refresh_tokens.get(presented).ok_or(NOT_VALID)?.clone();
    let grant = authority.store.live_grant(stored.grant).ok_or(NOT_VALID)?;
    // Bound to the client that it was issued to (RFC 6749 section 10.4); the others learn nothing.
    if grant.client != *client.id() {
        return Err(NOT_VALID);
    }
    let subject = grant.subject.clone();
    let scope = narrowed(&grant.scope, asked_scope(request)?)?;
    // Nothing is spent before everything else about the request is known to be right.
    let refresh_token = rotate(authority, presented, &stored, at)?;
    if authority.settings.old_access_token_dies {
        authority.store.drop_access_tokens(stored.grant);
    }
    let lifetime = authority.settings.token_lifetime;
    let access_token =
        authority.store.access_token(client.id(), subject, scope.clone(), Some(stored.grant), lifetime, at);
    Ok(Issued { access_token, refresh_token, id_token: None, lifetime, scope })
}

/// Whether the token would be accepted at the moment, without spending it.
pub(super) fn would_be_accepted(authority: &Authority, token: &str, at: Moment) -> bool {
    let Some(stored) = authority.store.refresh_tokens.get(token) else { return false };
    authority.store.live_grant(stored.grant).is_some() && verdict(authority, stored, at) == Verdict::Accept
}

/// What to make of a refresh token of a live grant.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Accept,
    Refuse,
    /// Refuse, and revoke its whole family: it was used by somebody who should not have it.
    RevokeFamily,
}

fn verdict(authority: &Authority, stored: &StoredRefreshToken, at: Moment) -> Verdict {
    let Some(first_used) = stored.first_used else { return Verdict::Accept };
    match authority.settings.rotation {
        Rotation::None | Rotation::KeepOld => Verdict::Accept,
        Rotation::Grace { window, .. } => {
            // Only the generation before the newest is accepted: once a successor was used, the client had
            // it, and whoever shows the old one is somebody else.
            let tokens = &authority.store.refresh_tokens;
            let unused = |s: &String| tokens.get(s).is_some_and(|t| t.first_used.is_none());
            let in_time = at.now.since(first_used) <= window;
            let newest_unused = stored.successors.iter().all(unused);
            if in_time && newest_unused { Verdict::Accept } else { Verdict::RevokeFamily }
        }
        Rotation::Strict { revokes_family: false } => Verdict::Refuse,
        // Core may learn more policies; the strictest is the safe reading.
        _ => Verdict::RevokeFamily,
    }
}

/// The scope asked for, which must not exceed the grant's (RFC 6749 section 6).
fn narrowed(granted: &Scope, asked: Option<Scope>) -> Result<Scope, Refusal> {
    match asked {
        None => Ok(granted.clone()),
        Some(asked) if granted.covers(&asked) => Ok(asked),
        Some(_) => Err(Refusal::new("invalid_scope", "more than was granted")),
    }
}

/// Spends the refresh token by the policy: the refresh token that the answer carries, if any.
fn rotate(
    authority: &mut Authority,
    presented: &str,
    stored: &StoredRefreshToken,
    at: Moment,
) -> Result<Option<String>, Refusal> {
    let verdict = verdict(authority, stored, at);
    let store = &mut authority.store;
    match verdict {
        Verdict::Accept => {}
        Verdict::Refuse => return Err(NOT_VALID),
        Verdict::RevokeFamily => {
            store.revoke_grant(stored.grant);
            return Err(NOT_VALID);
        }
    }
    let successor = match authority.settings.rotation {
        // It stays as it is and was never used up, also if the policy changes later.
        Rotation::None => return Ok(None),
        Rotation::Grace { same: true, .. } => stored.successors.first().cloned(),
        _ => None,
    };
    if successor.is_some() {
        return Ok(successor);
    }
    let successor = store.refresh_token(stored.grant);
    if let Some(spent) = store.refresh_tokens.get_mut(presented) {
        spent.first_used.get_or_insert(at.now);
        spent.successors.push(successor.clone());
    }
    Ok(Some(successor))
}
