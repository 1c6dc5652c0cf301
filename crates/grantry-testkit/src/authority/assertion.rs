//! Client assertions: `client_secret_jwt` and `private_key_jwt` (RFC 7523 sections 2.2 and 3).

use std::collections::HashMap;
use std::time::Duration;

use grantry_core::{AssertionAudience, ClientAuthenticationMethod, Timestamp};
use grantry_jose::{Algorithm, HmacKey, JoseHeader, VerifyingKey, base64url, verify_jwt};
use serde::Deserialize;

use super::answers::Refusal;
use super::{Authority, Moment};
use crate::RegisteredClient;

/// RFC 7523 section 2.2.
pub(super) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far the clocks may be apart.
pub(super) const LEEWAY: Duration = Duration::from_secs(10);
/// How long an assertion may be good for at most.
pub(super) const LONGEST: Duration = Duration::from_secs(600);
/// Assertions that are over are forgotten whenever so many are remembered.
const SWEEP_AT: usize = 4_096;

#[derive(Deserialize)]
pub(super) struct Claims {
    iss: String,
    pub(super) sub: String,
    /// One string (FAPI 2.0 section 5.3.3.1): an array of audiences is not read.
    pub(super) aud: String,
    pub(super) exp: i64,
    pub(super) iat: Option<i64>,
    pub(super) nbf: Option<i64>,
    pub(super) jti: String,
}

/// The assertions that were accepted and are not over yet: client and `jti`, and until when.
#[derive(Default)]
pub(super) struct SeenAssertions(HashMap<(String, String), Timestamp>);

impl SeenAssertions {
    /// Whether this is the first time; it is remembered.
    pub(super) fn first_time(&mut self, client: &str, jti: String, until: Timestamp, now: Timestamp) -> bool {
        if self.0.len() >= SWEEP_AT {
            self.0.retain(|_, until| now <= *until);
        }
        self.0.insert((client.to_owned(), jti), until).is_none_or(|until| until < now)
    }
}

/// Which of the two methods an assertion belongs to, by its algorithm.
pub(super) fn method(assertion: &str) -> Result<ClientAuthenticationMethod, Refusal> {
    match JoseHeader::peek(assertion).map(|header| header.algorithm) {
        Ok(Algorithm::Hs256) => Ok(ClientAuthenticationMethod::ClientSecretJwt),
        Ok(_) => Ok(ClientAuthenticationMethod::PrivateKeyJwt),
        Err(_) => Err(Refusal::invalid_client("the assertion is not a JWT signed by a known algorithm")),
    }
}

/// Whom an assertion says it is from. Nothing is verified yet.
pub(super) fn claimed_client(assertion: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Subject {
        sub: String,
    }
    let payload = base64url::decode(assertion.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Subject>(&payload).ok().map(|s| s.sub)
}

/// Who says that it issued an assertion. Nothing is verified yet.
pub(super) fn claimed_issuer(assertion: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: String,
    }
    let payload = base64url::decode(assertion.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Issuer>(&payload).ok().map(|claims| claims.iss)
}

/// Whether the client made this assertion, just now, for this server, and shows it for the first time.
pub(super) fn verify(
    authority: &mut Authority,
    client: &RegisteredClient,
    method: ClientAuthenticationMethod,
    assertion: &str,
    at: Moment,
) -> Result<(), Refusal> {
    let claims = match method {
        ClientAuthenticationMethod::ClientSecretJwt => {
            // A secret that is too short for HS256 verifies nothing (RFC 7518 section 3.2).
            let keys = client.secrets().filter_map(|s| HmacKey::new(s).ok()).map(VerifyingKey::from);
            signed(assertion, keys, &[Algorithm::Hs256])
        }
        _ => {
            use Algorithm::{EdDsa, Es256, Ps256, Rs256};
            signed(assertion, client.keys().cloned(), &[Es256, Ps256, Rs256, EdDsa])
        }
    };
    let claims = claims.ok_or(Refusal::invalid_client("no key of the client verifies the assertion"))?;
    let id = client.id().as_str();
    if claims.iss != id || claims.sub != id {
        return Err(Refusal::invalid_client("iss and sub of the assertion have to be the client id"));
    }
    if claims.aud != audience(authority) {
        return Err(Refusal::invalid_client("the assertion is for another audience"));
    }
    let exp = Timestamp::from_unix_seconds(claims.exp);
    if exp.after(LEEWAY) < at.wall {
        return Err(Refusal::invalid_client("the assertion has expired"));
    }
    if exp > at.wall.after(LONGEST + LEEWAY) {
        return Err(Refusal::invalid_client("the assertion is good for too long"));
    }
    let begins = [claims.iat, claims.nbf].into_iter().flatten().max().map(Timestamp::from_unix_seconds);
    if begins.is_some_and(|begins| begins > at.wall.after(LEEWAY)) {
        return Err(Refusal::invalid_client("the assertion is from the future"));
    }
    if !authority.assertions.first_time(id, claims.jti, exp.after(LEEWAY), at.wall) {
        return Err(Refusal::invalid_client("the assertion was used before"));
    }
    Ok(())
}

/// The claims, if one of the keys verifies them.
pub(super) fn signed(
    assertion: &str,
    mut keys: impl Iterator<Item = VerifyingKey>,
    allowed: &[Algorithm],
) -> Option<Claims> {
    let named = JoseHeader::peek(assertion).ok()?.key_id;
    let fits = |key: &VerifyingKey| match (&named, key.key_id()) {
        (Some(named), Some(id)) => named == id,
        _ => true,
    };
    keys.find_map(|key| verify_jwt(assertion, &key, allowed).ok().filter(|_| fits(&key)).map(|(_, c)| c))
}

/// Whom assertions have to be for.
fn audience(authority: &Authority) -> String {
    match authority.settings.assertion_audience {
        AssertionAudience::TokenEndpoint => authority.metadata().token_endpoint,
        _ => authority.issuer.clone(),
    }
}
