//! The device authorization endpoint, and its codes for tokens (RFC 8628).

use std::sync::Arc;
use std::time::Duration;

use grantry_endpoint::Answer;
use http::StatusCode;
use serde::Serialize;

use super::answers::{self, Refusal};
use super::store::{Issued, StoredDevice, StoredGrant};
use super::token::asked_scope;
use super::{Authority, DeviceDecision, Moment, authentication};
use crate::{ReceivedRequest, RegisteredClient};

/// What a poll that comes too soon adds to the interval (RFC 8628 section 3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// What the interval is where the server names none (RFC 8628 section 3.2).
const INTERVAL: Duration = Duration::from_secs(5);
/// Letters that make no words and are hard to mistake for one another (RFC 8628 section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

#[derive(Serialize)]
struct Codes {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<u64>,
}

/// Issues the two codes.
pub(super) fn answer(
    authority: &mut Authority,
    request: &ReceivedRequest,
    at: Moment,
) -> Result<Answer, Refusal> {
    let client = authentication::authenticate(authority, request, at)?;
    let asked = asked_scope(request)?.unwrap_or_default();
    let scope = authority.settings.scope_policy.grant(&asked);
    let scope = scope.ok_or(Refusal::new("invalid_scope", "more than the client may have"))?;
    let (lifetime, interval) = (authority.settings.device_code_lifetime, authority.settings.device_interval);
    let device_code = authority.store.opaque("dc");
    let user_code = user_code(authority);
    let stored = StoredDevice {
        client: client.id().clone(),
        scope,
        user_code: user_code.clone(),
        expires: at.now.after(lifetime),
        interval: interval.unwrap_or(INTERVAL),
        last_poll: None,
        approved: None,
    };
    authority.store.devices.insert(device_code.clone(), stored);
    let verification_uri = format!("{}/device", authority.issuer.trim_end_matches('/'));
    let codes = Codes {
        device_code,
        verification_uri_complete: format!("{verification_uri}?user_code={user_code}"),
        user_code,
        verification_uri,
        expires_in: lifetime.as_secs(),
        interval: interval.map(|interval| interval.as_secs()),
    };
    Ok(answers::json(StatusCode::OK, &codes))
}

/// A poll (RFC 8628 section 3.4).
pub(super) fn redeem(
    authority: &mut Authority,
    request: &ReceivedRequest,
    client: &Arc<RegisteredClient>,
    at: Moment,
) -> Result<Issued, Refusal> {
    let code = request.form().value("device_code");
    let code = code.ok_or(Refusal::new("invalid_request", "device_code is missing"))?;
    let decision = authority.settings.device_decision;
    let unknown = Refusal::new("invalid_grant", "the device code is not valid");
    let stored = authority.store.devices.get_mut(code).filter(|device| device.client == *client.id());
    let device = stored.ok_or(unknown)?;
    if at.now >= device.expires || decision == DeviceDecision::Expire {
        return Err(Refusal::new("expired_token", "the device code has expired"));
    }
    let too_soon = device.last_poll.replace(at.now).is_some_and(|last| at.now.since(last) < device.interval);
    if too_soon || decision == DeviceDecision::SlowDown {
        device.interval = device.interval.saturating_add(SLOWER);
        return Err(Refusal::new("slow_down", "polls have to come less often"));
    }
    let approved = match decision {
        DeviceDecision::Approve => Some(true),
        DeviceDecision::Deny => Some(false),
        _ => device.approved,
    };
    match approved {
        None => Err(Refusal::new("authorization_pending", "nobody has approved yet")),
        Some(false) => Err(Refusal::new("access_denied", "the person declined")),
        Some(true) => {
            let scope = device.scope.clone();
            // It is good for once.
            authority.store.devices.remove(code);
            let subject: Arc<str> = super::PERSON.into();
            let grant = StoredGrant {
                client: client.id().clone(),
                subject: subject.clone(),
                scope: scope.clone(),
                revoked: false,
            };
            let grant = authority.store.grant(grant);
            let lifetime = authority.settings.token_lifetime;
            let refresh_token = Some(authority.store.refresh_token(grant));
            let access_token =
                authority.store.access_token(client.id(), subject, scope.clone(), Some(grant), lifetime, at);
            Ok(Issued { access_token, refresh_token, id_token: None, lifetime, scope })
        }
    }
}

/// What the person decides who typed the code in. `false` where there is no such code, or not any more.
pub(super) fn decide(authority: &mut Authority, user_code: &str, approved: bool, at: Moment) -> bool {
    let mut devices = authority.store.devices.values_mut();
    let found = devices.find(|device| device.user_code == user_code && at.now < device.expires);
    found.map(|device| device.approved = Some(approved)).is_some()
}

fn user_code(authority: &mut Authority) -> String {
    let letter = |byte: u8| char::from(LETTERS[usize::from(byte) % LETTERS.len()]);
    let text: Vec<char> = authority.store.random::<8>().into_iter().map(letter).collect();
    let (first, second) = text.split_at(4);
    first.iter().chain(&['-']).chain(second).collect()
}
