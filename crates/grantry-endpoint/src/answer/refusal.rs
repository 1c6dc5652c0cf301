//! Why an answer is no token, and what that says about the credential.

use grantry_core::{AuthorizationServer, Consumed, ErrorKind, RefreshToken};
use http::StatusCode;
use zeroize::Zeroizing;

use super::{Members, by_status};

/// A refusal, or an answer that cannot be used.
pub(crate) struct Refusal {
    pub(crate) kind: ErrorKind,
    pub(crate) consumed: Consumed,
    /// One sentence with nothing in it that the server sent.
    pub(crate) fact: String,
    /// As the server sent it: see `may_be_told`.
    pub(crate) oauth_code: Option<Zeroizing<String>>,
    /// As the server sent it: see `may_be_told`.
    pub(crate) provider_code: Option<Zeroizing<String>>,
    pub(crate) salvaged: Option<RefreshToken>,
}

impl Refusal {
    pub(crate) fn new(kind: ErrorKind, consumed: Consumed, fact: impl Into<String>) -> Self {
        Self { kind, consumed, fact: fact.into(), oauth_code: None, provider_code: None, salvaged: None }
    }

    /// Nobody can tell what became of the credential.
    pub(crate) fn unknown(kind: ErrorKind, fact: impl Into<String>) -> Self {
        Self::new(kind, Consumed::Unknown, fact)
    }

    /// Two things at once that cannot both be so.
    pub(crate) fn contradiction(fact: &'static str) -> Self {
        Self::unknown(ErrorKind::InvalidAnswer, fact)
    }

    /// Whether this is the code.
    pub(crate) fn names(&self, code: &str) -> bool {
        self.oauth_code.as_ref().is_some_and(|named| named.as_str() == code)
    }

    /// Adds a refresh token that was found in the answer.
    pub(crate) fn with_salvaged(self, salvaged: Option<RefreshToken>) -> Self {
        Self { salvaged, ..self }
    }
}

/// The refusal that the members name, if they name one (RFC 6749 section 5.2): with any status, since servers
/// in use send it with 200. Where the server broke (5xx), its status counts and no code is a verdict, unless the
/// server's facts say what that very code means with that very status.
pub(super) fn of_members(
    members: &Members<'_>,
    status: StatusCode,
    server: &AuthorizationServer,
) -> Option<Refusal> {
    let (error, alias) = (members.error.text(), alias(members, status, server));
    let code = alias.or_else(|| error.as_ref().map(|e| e.as_str()))?;
    if !members.access_token.is_absent() {
        return Some(Refusal::contradiction("the answer holds an error and an access token at once"));
    }
    if status.is_server_error() && alias.is_none() {
        return Some(named(by_status(status, ""), code, members, server));
    }
    let (kind, consumed, fact) = match code {
        "invalid_grant" => {
            (ErrorKind::InvalidGrant, Consumed::Refused, "the server refused the credential (invalid_grant)")
        }
        "invalid_client" => {
            (ErrorKind::InvalidClient, Consumed::No, "the server does not accept the client (invalid_client)")
        }
        "invalid_scope" | "invalid_target" => {
            (ErrorKind::InvalidScope, Consumed::No, "what was asked for is not on offer")
        }
        "temporarily_unavailable" => {
            (ErrorKind::Unavailable, Consumed::No, "the server says that it is unavailable for a while")
        }
        "unauthorized_client"
        | "unsupported_grant_type"
        | "invalid_request"
        | "invalid_dpop_proof"
        | "use_dpop_nonce" => (ErrorKind::Refused, Consumed::No, "the server refused the request"),
        // A code of the server's own: with these statuses it is the status that counts.
        _ if matches!(status.as_u16(), 408 | 425 | 429) => {
            return Some(named(by_status(status, ""), code, members, server));
        }
        "server_error" => (ErrorKind::Unavailable, Consumed::Unknown, "the server says that it failed"),
        _ => (ErrorKind::Refused, Consumed::No, "the server refused the request"),
    };
    Some(named(Refusal::new(kind, consumed, fact), code, members, server))
}

/// Adds the codes.
fn named(refusal: Refusal, code: &str, members: &Members<'_>, server: &AuthorizationServer) -> Refusal {
    let provider_code = provider_code(members, server).or_else(|| {
        let own = members.error.text()?;
        (own.as_str() != code).then_some(own)
    });
    Refusal { oauth_code: Some(Zeroizing::new(code.to_owned())), provider_code, ..refusal }
}

/// The registered code that this server means, where it says so in its own way.
fn alias<'s>(members: &Members<'_>, status: StatusCode, server: &'s AuthorizationServer) -> Option<&'s str> {
    let said = [
        &members.error,
        &members.vendor_error_code,
        &members.vendor_error_code_camel,
        &members.vendor_code,
        &members.vendor_status,
    ]
    .map(|member| member.text_or_number());
    let means = |code: &str| said.iter().flatten().any(|text| text.as_str() == code);
    let aliases = server.error_aliases().iter();
    aliases.into_iter().find(|a| a.status == status.as_u16() && means(a.code)).map(|a| a.means)
}

/// The provider's code inside the description, such as `AADSTS700082`.
fn provider_code(members: &Members<'_>, server: &AuthorizationServer) -> Option<Zeroizing<String>> {
    let prefix = server.provider_code_prefix().filter(|prefix| !prefix.is_empty())?;
    let description = members.error_description.text()?;
    let (_, after) = description.split_once(prefix)?;
    let rest: String = after.chars().take_while(char::is_ascii_alphanumeric).take(32).collect();
    (!rest.is_empty()).then(|| Zeroizing::new(format!("{prefix}{rest}")))
}
