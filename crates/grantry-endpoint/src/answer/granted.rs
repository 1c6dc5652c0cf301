//! A successful answer (RFC 6749 section 5.1), normalised and then parsed by `oauth2`.

use std::time::Duration;

use grantry_core::{AccessToken, AuthorizationServer, Lifetime, RefreshToken, Scope};
use oauth2::basic::BasicTokenType;
use oauth2::{ExtraTokenFields, StandardTokenResponse, TokenResponse};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Members;
use super::salvage::is_usable;
use super::seconds::seconds;

/// What a token endpoint granted.
pub(crate) struct Granted {
    pub(crate) access_token: AccessToken,
    /// From when the request was sent; `None` where nobody knows, or it is never.
    pub(crate) expires_in: Option<Duration>,
    /// When the server wishes it renewed.
    pub(crate) refresh_in: Option<Duration>,
    /// `None` also where one is there that nobody could have meant: empty, or with control characters. The token
    /// set is good without it, and the refresh token from before is what is left either way.
    pub(crate) refresh_token: Option<RefreshToken>,
    /// `None`: as was asked for. One of a wrong type is empty: what it stands for is not known, so nothing is
    /// taken for granted.
    pub(crate) scope: Option<Scope>,
}

/// The one form that `oauth2` is given: every member in the type that the RFC has for it.
#[derive(Serialize)]
struct Canonical<'a> {
    access_token: &'a str,
    token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
}

#[derive(Debug, Serialize, Deserialize)]
struct RefreshIn {
    refresh_in: Option<u64>,
}

impl ExtraTokenFields for RefreshIn {}

type Parsed = StandardTokenResponse<RefreshIn, BasicTokenType>;

impl Granted {
    /// # Errors
    /// Why the answer cannot be used, as a sentence.
    pub(super) fn from_members(
        members: &Members<'_>,
        server: &AuthorizationServer,
    ) -> Result<Self, &'static str> {
        let access_token = members.access_token.text().ok_or("the answer holds no access token")?;
        check_token_type(members)?;
        let scope = scope(members, server);
        let refresh_token = members.refresh_token.text_or_number().filter(|text| is_usable(text));
        let canonical = Canonical {
            access_token: &access_token,
            token_type: "bearer",
            expires_in: lifetime(members, server),
            refresh_in: seconds(&members.refresh_in),
            refresh_token: refresh_token.as_ref().map(|t| t.as_str()),
            scope: scope.as_ref().map(Scope::as_str),
        };
        // Room for every escape, so that the buffer never moves.
        let room = 6 * (access_token.len() + refresh_token.as_ref().map_or(0, |t| t.len())) + 256;
        let mut json = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *json, &canonical).map_err(|_| "the answer has no canonical form")?;
        let parsed: Parsed =
            serde_json::from_slice(&json).map_err(|_| "the answer is not a token response")?;
        Ok(Self {
            access_token: AccessToken::new(parsed.access_token().secret().as_str()),
            expires_in: parsed.expires_in(),
            refresh_in: parsed.extra_fields().refresh_in.map(Duration::from_secs),
            refresh_token: parsed.refresh_token().map(|t| RefreshToken::new(t.secret().as_str())),
            scope,
        })
    }
}

/// Only bearer tokens were asked for. A server that names no type is taken to mean that.
fn check_token_type(members: &Members<'_>) -> Result<(), &'static str> {
    if members.token_type.is_absent() {
        return Ok(());
    }
    let named = members.token_type.text().ok_or("the answer's token type is not a string")?;
    if named.eq_ignore_ascii_case("bearer") {
        Ok(())
    } else {
        Err("the answer's token type is not one that was asked for")
    }
}

/// The lifetime in seconds; zero, negative and unreadable ones are no lifetime.
fn lifetime(members: &Members<'_>, server: &AuthorizationServer) -> Option<u64> {
    match seconds(&members.expires_in) {
        Some(0) if server.zero_means_never() => None,
        Some(0) | None => match server.missing_expires_in() {
            Lifetime::Documented(lifetime) => Some(lifetime.as_secs()),
            _ => None,
        },
        some => some,
    }
}

/// The scope that was granted; characters that no scope may hold take their token with them.
fn scope(members: &Members<'_>, server: &AuthorizationServer) -> Option<Scope> {
    if members.scope.is_absent() {
        return None;
    }
    let listed = match members.scope.text() {
        Some(text) => vec![text.to_string()],
        None => members.scope.texts().unwrap_or_default(),
    };
    let separator = server.scope_separator();
    let tokens = listed.iter().flat_map(|list| list.split([' ', separator]));
    let valid = tokens.filter(|token| Scope::parse(token).is_ok());
    Scope::from_tokens(valid).ok()
}
