//! A successful answer (RFC 6749 section 5.1), normalised and then parsed by `oauth2`.

use std::time::Duration;

use grantry_core::{AccessToken, AuthorizationServer, Lifetime, RefreshToken, Scope, is_echo};
use oauth2::basic::BasicTokenType;
use oauth2::{ExtraTokenFields, StandardTokenResponse, TokenResponse};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Members;
use super::salvage::is_usable;
use super::seconds::seconds;
use crate::{FurtherParameters, IdToken};

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
    /// Read by nobody here.
    pub(crate) id_token: Option<IdToken>,
    /// What the token is, where the answer says so (RFC 8693 section 2.2.1).
    pub(crate) issued_token_type: Option<String>,
    /// Whether the token may be presented at all.
    pub(crate) presentable: bool,
    /// Whether it is bound to the key of the proof that was sent (RFC 9449 section 5).
    pub(crate) bound: bool,
    /// `None`: as was asked for. One of a wrong type is empty: what it stands for is not known, so nothing is
    /// taken for granted.
    pub(crate) scope: Option<Scope>,
    /// What the server's facts say to keep.
    pub(crate) further: FurtherParameters,
}

/// What whoever asks can do something with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A token to present.
    AccessToken,
    /// Whatever a token exchange brings.
    AnyToken,
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

/// What registered token types begin with (RFC 8693 section 3).
const TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:";
/// The longest token type that is accepted, in bytes.
const LONGEST_TYPE: usize = 256;

type Parsed = StandardTokenResponse<RefreshIn, BasicTokenType>;

impl Granted {
    /// # Errors
    /// Why the answer cannot be used, as a sentence.
    pub(super) fn from_members(
        members: &Members<'_>,
        server: &AuthorizationServer,
        wanted: Wanted,
        proved: bool,
    ) -> Result<Self, &'static str> {
        let access_token = members.access_token.text().ok_or("the answer holds no access token")?;
        let issued_token_type = issued_token_type(members)?;
        let (presentable, bound) = is_presentable(members, issued_token_type.as_deref(), server, proved)?;
        if !presentable && wanted == Wanted::AccessToken {
            return Err("the token that was issued is no access token and cannot be presented");
        }
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
            id_token: members.id_token.text().filter(|text| !text.is_empty()).map(IdToken::from_text),
            issued_token_type,
            presentable,
            bound,
            scope,
            further: FurtherParameters::default(),
        })
    }
}

/// Whether the token is one to present, and whether it is bound to the key of the proof that was sent. Without one only
/// bearer tokens were asked for; a server that names no type is taken to mean that. `N_A` says that it is no access token
/// (RFC 8693 section 2.2.1), and so do some of the registered types: presented to an API, they would be in the wrong hands.
fn is_presentable(
    members: &Members<'_>,
    issued: Option<&str>,
    server: &AuthorizationServer,
    proved: bool,
) -> Result<(bool, bool), &'static str> {
    // Keycloak answers with an access token and a refresh token, and names the type of the latter.
    let is_another = match issued.and_then(|issued| issued.strip_prefix(TOKEN_TYPE)) {
        Some("id_token" | "saml1" | "saml2") => true,
        Some("refresh_token") => members.refresh_token.is_absent(),
        _ => false,
    };
    if members.token_type.is_absent() {
        return Ok((!is_another, false));
    }
    let named = members.token_type.text().ok_or("the answer's token type is not a string")?;
    let is_bearer = |name: &str| {
        let own = server.bearer_aliases().iter().map(String::as_str);
        std::iter::once("bearer").chain(own).any(|bearer| name.eq_ignore_ascii_case(bearer))
    };
    match named.as_str() {
        bearer if is_bearer(bearer) => Ok((!is_another, false)),
        dpop if dpop.eq_ignore_ascii_case("dpop") && proved => Ok((!is_another, true)),
        none if none.eq_ignore_ascii_case("n_a") => Ok((false, false)),
        _ => Err("the answer's token type is not one that was asked for"),
    }
}

/// What the token is; an empty text says nothing.
fn issued_token_type(members: &Members<'_>) -> Result<Option<String>, &'static str> {
    if members.issued_token_type.is_absent() {
        return Ok(None);
    }
    let refused = "the answer's issued token type is not usable";
    let text = members.issued_token_type.text().ok_or(refused)?;
    if text.len() > LONGEST_TYPE || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(refused);
    }
    Ok((!text.is_empty()).then(|| text.to_string()))
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

/// The scope that was granted; characters that no scope may hold take their token with them, and so does a token of the same
/// answer: scopes are shown.
fn scope(members: &Members<'_>, server: &AuthorizationServer) -> Option<Scope> {
    if members.scope.is_absent() {
        return None;
    }
    let listed = match members.scope.text() {
        Some(text) => vec![text.to_string()],
        None => members.scope.texts().unwrap_or_default(),
    };
    let separator = server.scope_separator();
    let separators = [' ', separator, server.granted_scope_separator().unwrap_or(separator)];
    let tokens = listed.iter().flat_map(|list| list.split(separators));
    let secrets = [&members.access_token, &members.refresh_token, &members.id_token];
    let secrets: Vec<_> = secrets.into_iter().filter_map(|member| member.text()).collect();
    let valid = tokens.filter(|token| Scope::parse(token).is_ok());
    Scope::from_tokens(valid.filter(|token| !secrets.iter().any(|secret| is_echo(token, secret)))).ok()
}
