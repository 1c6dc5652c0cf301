//! The rules that an ID token's claims have to keep (OpenID Connect Core section 3.1.3.7), as pure code.

use std::time::Duration;

use grantry_core::Timestamp;
use grantry_jose::{JoseHeader, token_hash};
use serde::Deserialize;
use serde_json::{Map, Number, Value};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::original_login::Said;
use super::{IdTokenClaims, IdTokenFlaw, OriginalLogin};

/// The longest subject, in bytes (OpenID Connect Core section 2).
const LONGEST_SUBJECT: usize = 255;

/// What the claims are held against.
pub(super) struct Rules<'a> {
    pub(super) issuer: &'a str,
    pub(super) client: &'a str,
    /// Further audiences that the token may be for.
    pub(super) trusted: &'a [String],
    /// Now, by the server's clock.
    pub(super) now: Timestamp,
    pub(super) leeway: Duration,
    pub(super) nonce: Option<&'a str>,
    /// What a renewal has to say again.
    pub(super) original: Option<&'a OriginalLogin>,
    pub(super) access_token: Option<&'a str>,
    pub(super) max_age: Option<Duration>,
}

/// The claims that decide. One that comes twice is an error.
#[derive(Deserialize)]
struct Wire {
    iss: String,
    sub: String,
    aud: Audience,
    exp: Number,
    iat: Number,
    nbf: Option<Number>,
    auth_time: Option<Number>,
    azp: Option<String>,
    nonce: Option<String>,
    at_hash: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Rules<'_> {
    /// The claims of a token whose signature was verified.
    pub(super) fn judge(&self, header: &JoseHeader, payload: &[u8]) -> Result<IdTokenClaims, IdTokenFlaw> {
        // A token of another kind, signed by the same key for the same client, is none (RFC 8725 section 3.11).
        let is_jwt =
            |typ: &String| typ.eq_ignore_ascii_case("jwt") || typ.eq_ignore_ascii_case("application/jwt");
        if !header.typ.as_ref().is_none_or(is_jwt) {
            return Err(IdTokenFlaw::OtherType);
        }
        let wire: Wire = serde_json::from_slice(payload).map_err(|_| IdTokenFlaw::Malformed)?;
        let mut all: Map<String, Value> =
            serde_json::from_slice(payload).map_err(|_| IdTokenFlaw::Malformed)?;
        if wire.iss != self.issuer {
            return Err(IdTokenFlaw::OtherIssuer);
        }
        let subject = wire.sub;
        if subject.is_empty() || subject.len() > LONGEST_SUBJECT || subject.chars().any(char::is_control) {
            return Err(IdTokenFlaw::Subject);
        }
        let audience = match wire.aud {
            Audience::One(one) => vec![one],
            Audience::Several(several) => several,
        };
        self.check_audience(&audience, wire.azp.as_deref())?;
        let (issued, expires) = (moment(&wire.iat)?, moment(&wire.exp)?);
        let not_before = wire.nbf.as_ref().map(moment).transpose()?;
        let authenticated = wire.auth_time.as_ref().map(moment).transpose()?;
        if self.now >= expires.after(self.leeway) {
            return Err(IdTokenFlaw::Expired);
        }
        let latest = self.now.after(self.leeway);
        if issued > latest || [not_before, authenticated].into_iter().flatten().any(|from| from > latest) {
            return Err(IdTokenFlaw::FromTheFuture);
        }
        if let Some(max_age) = self.max_age {
            let at = authenticated.ok_or(IdTokenFlaw::AuthenticationTimeMissing)?;
            if self.now > at.after(max_age).after(self.leeway) {
                return Err(IdTokenFlaw::AuthenticatedTooLongAgo);
            }
        }
        if let Some(original) = self.original {
            original.check(&Said {
                issuer: &wire.iss,
                subject: &subject,
                audience: &audience,
                authorized_party: wire.azp.as_deref(),
                authenticated,
            })?;
        }
        let sent = self.nonce.or_else(|| self.original?.sent_nonce());
        match (sent, wire.nonce.as_deref()) {
            (None, None) => {}
            // It need not be there again, and nobody may know it any more.
            (None, Some(_)) | (Some(_), None) if self.original.is_some() && self.nonce.is_none() => {}
            (Some(sent), Some(found)) if same(sent, found) => {}
            (Some(_), None) => return Err(IdTokenFlaw::NonceMissing),
            // One that nobody sent belongs to another authorization.
            _ => return Err(IdTokenFlaw::OtherNonce),
        }
        // It may be left out of tokens that come from the token endpoint.
        if let (Some(hash), Some(access_token)) = (&wire.at_hash, self.access_token)
            && !same(&token_hash(header.algorithm, access_token), hash)
        {
            return Err(IdTokenFlaw::OtherAccessToken);
        }
        all.remove("nonce");
        let nonce = wire.nonce.or_else(|| sent.map(str::to_owned)).map(Zeroizing::new);
        Ok(IdTokenClaims {
            issuer: wire.iss,
            subject,
            audience,
            authorized_party: wire.azp,
            issued,
            expires,
            authenticated,
            nonce,
            all,
        })
    }

    fn check_audience(&self, audience: &[String], authorized: Option<&str>) -> Result<(), IdTokenFlaw> {
        if !audience.iter().any(|one| one == self.client) {
            return Err(IdTokenFlaw::OtherAudience);
        }
        let mut others = audience.iter().filter(|one| *one != self.client);
        if others.any(|one| !self.trusted.contains(one)) {
            return Err(IdTokenFlaw::UntrustedAudience);
        }
        match authorized {
            Some(party) if party != self.client => Err(IdTokenFlaw::OtherParty),
            None if audience.iter().any(|one| one != self.client) => Err(IdTokenFlaw::PartyMissing),
            _ => Ok(()),
        }
    }
}

/// Takes the same time wherever they differ.
fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// Seconds since 1970 as a moment (RFC 7519 section 2, `NumericDate`).
fn moment(seconds: &Number) -> Result<Timestamp, IdTokenFlaw> {
    let whole = seconds.as_i64().or_else(|| {
        let seconds = seconds.as_f64().filter(|s| s.abs() < 1e15)?;
        // It was found to fit on the line before.
        #[allow(clippy::cast_possible_truncation, reason = "it fits")]
        let whole = seconds.floor() as i64;
        Some(whole)
    });
    // Later than every moment that can be named is an expiry that means nothing.
    let in_range = whole.filter(|seconds| (0..=9_000_000_000).contains(seconds));
    in_range.map(Timestamp::from_unix_seconds).ok_or(IdTokenFlaw::Malformed)
}
