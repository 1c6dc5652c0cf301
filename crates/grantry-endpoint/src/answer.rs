//! Reads the answers of a token endpoint: classified by status and content first, normalised, then parsed.
//!
//! Pure: no clock, no I/O. What became of the credential follows from here alone: an OAuth error that comes with no
//! 5xx, 429 and 503 are the server's word that it was not used; whatever else is no usable answer leaves it unknown.

mod codes;
mod further;
mod granted;
mod members;
mod refusal;
mod retry_after;
mod salvage;
mod seconds;

use grantry_core::{AuthorizationServer, Consumed, ErrorKind};
use http::StatusCode;
use http::header::CONTENT_ENCODING;

pub(crate) use codes::may_be_told;
pub(crate) use granted::{Granted, Wanted};
pub(crate) use members::{Member, Members};
pub(crate) use refusal::Refusal;
pub(crate) use retry_after::retry_after;
pub(crate) use salvage::salvage;
pub(crate) use seconds::seconds;

use crate::Answer;

/// What a token endpoint answered. A refusal comes with the refresh token that the answer holds beside it.
pub(crate) fn read(
    answer: &Answer,
    server: &AuthorizationServer,
    wanted: Wanted,
    proved: bool,
) -> Result<Granted, Refusal> {
    let (status, body) = (answer.status(), answer.expose_body());
    understand(answer, server, wanted, proved).map_err(|refusal| {
        // Outside of a success, a verdict says that nothing was given.
        let may_hold_one = status.is_success() || refusal.consumed == Consumed::Unknown;
        let found = if may_hold_one { salvage(status, body, true) } else { None };
        refusal.with_salvaged(found)
    })
}

fn understand(
    answer: &Answer,
    server: &AuthorizationServer,
    wanted: Wanted,
    proved: bool,
) -> Result<Granted, Refusal> {
    let status = answer.status();
    if is_encoded(answer) {
        // We asked for no encoding, and cannot read what is inside.
        return Err(by_status(status, "the answer is compressed, which was not asked for"));
    }
    let members = Members::parse(answer.expose_body());
    let refused = members.as_ref().ok().and_then(|members| refusal::of_members(members, status, server));
    if let Some(refusal) = refused {
        return Err(refusal);
    }
    if !status.is_success() {
        return Err(by_status(status, "which is no OAuth answer"));
    }
    let unusable = |fact: &'static str| Refusal::unknown(ErrorKind::InvalidAnswer, fact);
    let granted =
        Granted::from_members(&members.map_err(unusable)?, server, wanted, proved).map_err(unusable)?;
    let further = further::further_parameters(answer.expose_body(), server.kept_parameters());
    Ok(Granted { further, ..granted })
}

/// Why an answer of another endpoint is no success.
pub(crate) fn refusal(answer: &Answer, server: &AuthorizationServer) -> Refusal {
    let members = Members::parse(answer.expose_body()).ok().filter(|_| !is_encoded(answer));
    let named = members.and_then(|members| refusal::of_members(&members, answer.status(), server));
    named.unwrap_or_else(|| by_status(answer.status(), "which is no OAuth answer"))
}

/// Whether the answer is an error of this code, and no token beside it.
pub(crate) fn names_error(answer: &Answer, code: &str) -> bool {
    let members = Members::parse(answer.expose_body()).ok().filter(|_| !is_encoded(answer));
    members.is_some_and(|members| {
        members.access_token.is_absent() && members.error.text().is_some_and(|error| error.as_str() == code)
    })
}

/// What a status says by itself, without a body that could be read.
pub(crate) fn by_status(status: StatusCode, otherwise: &str) -> Refusal {
    let number = status.as_u16();
    let (kind, consumed) = match number {
        // The server's word that it did nothing.
        429 | 503 => (ErrorKind::Unavailable, Consumed::No),
        408 | 425 | 500..=599 => (ErrorKind::Unavailable, Consumed::Unknown),
        // Not even 401 is a verdict on the client: gateways and login pages say it as well.
        _ => (ErrorKind::InvalidAnswer, Consumed::Unknown),
    };
    let fact = match kind {
        ErrorKind::InvalidAnswer => format!("the server answered {number}, {otherwise}"),
        _ => format!("the server answered {number}"),
    };
    Refusal::new(kind, consumed, fact)
}

/// Whether the body is in an encoding that was not asked for.
pub(crate) fn is_encoded(answer: &Answer) -> bool {
    let encodings = answer.headers().get_all(CONTENT_ENCODING);
    encodings.iter().any(|e| !e.as_bytes().eq_ignore_ascii_case(b"identity") && !e.is_empty())
}
