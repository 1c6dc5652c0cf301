//! What to do after a resource server's answer.

use http::{HeaderMap, StatusCode};

use super::challenge::{Challenge, Challenges};
use super::step_up::bounded_scope;
use super::{grpc, proof};
use crate::{Diagnosis, Error, ErrorKind, Party, Retry, Stage, Token, is_echo};

/// Error codes of a 401 that another token of the same kind would not change (RFC 6750 section 3.1, RFC 9449
/// section 12.2; `insufficient_claims` is Microsoft's).
const NOT_THE_TOKEN: [&str; 4] =
    ["invalid_request", "insufficient_claims", "invalid_dpop_proof", "use_dpop_nonce"];

/// Schemes that have nothing to do with access tokens.
const FOREIGN_SCHEMES: [&str; 4] = ["Basic", "Digest", "Negotiate", "NTLM"];

/// The longest parameter of a challenge that an error carries, in bytes.
const LONGEST_PARAMETER: usize = 2048;

/// What has been tried for one request beyond its first send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Tried {
    /// It was sent again with another token.
    pub another_token: bool,
    /// It was sent again with the nonce that the server asked for.
    pub nonce: bool,
}

impl Tried {
    /// How often the request was sent again: at most twice.
    pub fn resends(self) -> u8 {
        u8::from(self.another_token) + u8::from(self.nonce)
    }
}

/// An answer, and what was known when it came.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Answer<'a> {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The token that the request carried.
    pub token: &'a Token,
    /// What was tried for this request before.
    pub tried: Tried,
    /// Whether the request can be sent again: its body can be replayed.
    pub can_resend: bool,
}

impl<'a> Answer<'a> {
    /// The answer to the first send of a request that carried `token`.
    pub fn new(status: StatusCode, headers: &'a HeaderMap, token: &'a Token) -> Self {
        Self { status, headers, token, tried: Tried::default(), can_resend: false }
    }

    /// Says what was tried before.
    #[must_use]
    pub fn after(self, tried: Tried) -> Self {
        Self { tried, ..self }
    }

    /// Says whether the request can be sent again.
    #[must_use]
    pub fn resendable(self, can_resend: bool) -> Self {
        Self { can_resend, ..self }
    }
}

/// What a wrapper does next.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Next {
    /// Hand the answer to the caller.
    Deliver,
    /// The token was refused, but the request cannot be sent again: reject the token, then hand the answer on.
    RejectAndDeliver,
    /// The token was refused: reject it, take a token from the source, and if it [`is_another`] send the
    /// request once more; if not, fail with [`token_rejected`]. A newer token that is at hand already serves
    /// as well as a renewed one.
    RejectAndResend,
    /// The server asked for a proof with a nonce: remember it and send the request once more, with the same
    /// token and a new proof.
    ResendWithNonce,
    /// There is nothing more to try: fail with this error.
    Fail(Error),
}

/// Decides what follows from an answer; see the [module](super) for what a 401 means.
///
/// A request is sent again at most once with another token and at most once with a nonce, so at most three
/// times in all. An answer of another origin than the one that the token went to must not be put before it:
/// it says nothing about the token.
pub fn after_answer(answer: &Answer<'_>) -> Next {
    // Nearly every answer ends here, before anything is parsed.
    let is_401 =
        answer.status == StatusCode::UNAUTHORIZED || grpc::is_unauthenticated(answer.status, answer.headers);
    if !is_401 && answer.status != StatusCode::FORBIDDEN {
        return Next::Deliver;
    }
    let challenges = Challenges::of(answer.headers);
    let scheme = answer.token.binding().scheme().trim_end();
    let stated = stated_error(&challenges, scheme);
    match stated.and_then(|challenge| Some((challenge.error()?, challenge))) {
        Some(("insufficient_scope", challenge)) => {
            Next::Fail(insufficient_scope(answer.status, &told(challenge, answer.token)))
        }
        Some(("insufficient_user_authentication", challenge)) => {
            Next::Fail(insufficient_authentication(answer.status, told(challenge, answer.token)))
        }
        _ if !is_401 => Next::Deliver,
        Some(("use_dpop_nonce", _)) if scheme == "DPoP" => nonce_asked(answer),
        Some((code, _)) if NOT_THE_TOKEN.contains(&code) => Next::Deliver,
        None if would_refuse_any(&challenges, scheme) => Next::Deliver,
        _ => refused(answer),
    }
}

/// Whether `new` is worth sending after `refused` was refused: another token, with other bytes. An
/// authorization server may well answer a renewal with the token that it gave before.
pub fn is_another(new: &Token, refused: &Token) -> bool {
    !new.is_same(refused) && new.header() != refused.header()
}

/// The error for a token that stays refused, when nothing is left to try. `status` is that of the answer that refused it; one
/// of success is a gRPC answer's, which has a status of its own.
pub fn token_rejected(status: StatusCode) -> Error {
    let said = match status.is_success() {
        true => "with gRPC's status 16 (UNAUTHENTICATED)".to_owned(),
        false => status.as_u16().to_string(),
    };
    let fact = format!("the resource server answered {said}, and a renewal did not help");
    Error::new(ErrorKind::TokenRejected, Stage::Present, fact).with_status(status.as_u16())
}

/// The challenge that says what is wrong: of the scheme that was presented, else of the other one.
fn stated_error<'a>(challenges: &'a Challenges, scheme: &str) -> Option<&'a Challenge> {
    let stated =
        || challenges.iter().filter(|c| c.is("Bearer") || c.is("DPoP")).filter(|c| c.error().is_some());
    stated().find(|c| c.is(scheme)).or_else(|| stated().next())
}

/// Whether the challenges say that no token of this scheme is welcome, whatever its value.
fn would_refuse_any(challenges: &Challenges, scheme: &str) -> bool {
    let only_proofs = scheme == "Bearer" && challenges.of_scheme("DPoP").next().is_some();
    let foreign = |c: &Challenge| FOREIGN_SCHEMES.iter().any(|s| c.is(s)) || (only_proofs && c.is("DPoP"));
    !challenges.is_empty() && challenges.iter().all(foreign)
}

fn refused(answer: &Answer<'_>) -> Next {
    match (answer.tried.another_token, answer.can_resend) {
        (true, _) => Next::Fail(token_rejected(answer.status)),
        (false, true) => Next::RejectAndResend,
        (false, false) => Next::RejectAndDeliver,
    }
}

fn nonce_asked(answer: &Answer<'_>) -> Next {
    if answer.tried.nonce {
        return Next::Fail(nonce_loop(answer.status));
    }
    if answer.can_resend && proof::proof_nonce(answer.headers).is_some() {
        return Next::ResendWithNonce;
    }
    Next::Deliver
}

/// The challenge without what holds the token that the server was sent, whoever wrote it there, and what is too long: an
/// error carries what is left.
fn told(challenge: &Challenge, token: &Token) -> Challenge {
    let secret = token.expose();
    // A parameter that is lost costs little, so here the whole of a token counts however short it is.
    challenge.without(|text| text.len() > LONGEST_PARAMETER || text.contains(secret) || is_echo(text, secret))
}

/// The message holds nothing that the server sent: what it asks for is data, in `needed_scope` and `challenge` alone.
fn insufficient_scope(status: StatusCode, challenge: &Challenge) -> Error {
    let needed = bounded_scope(challenge);
    let fact = match &needed {
        Some(_) => "the resource server asks for more scope, which `needed_scope` has",
        None => "the resource server asks for more scope and does not say which",
    };
    let error = Error::new(ErrorKind::InsufficientScope, Stage::Present, fact)
        .with_status(status.as_u16())
        .with_oauth_code("insufficient_scope")
        .with_challenge(challenge.clone());
    match needed {
        Some(scope) => error.with_needed_scope(scope),
        None => error,
    }
}

fn insufficient_authentication(status: StatusCode, challenge: Challenge) -> Error {
    let fact = "the resource server asks for another login of the person, of which `challenge` has the terms";
    let error = Error::new(ErrorKind::InsufficientAuthentication, Stage::Present, fact)
        .with_status(status.as_u16())
        .with_oauth_code("insufficient_user_authentication");
    match bounded_scope(&challenge) {
        Some(scope) => error.with_needed_scope(scope),
        None => error,
    }
    .with_challenge(challenge)
}

fn nonce_loop(status: StatusCode) -> Error {
    Error::new(
        ErrorKind::InvalidAnswer,
        Stage::Present,
        "the resource server asked for another nonce after it had got the one it named",
    )
    .with_status(status.as_u16())
    .with_oauth_code("use_dpop_nonce")
    .with_diagnosis(
        Diagnosis::new(
            Party::ResourceServer,
            "have the resource server accept the nonce that it named last (RFC 9449 section 9)",
            Retry::Never,
        )
        .cause("its replicas do not share their nonces"),
    )
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
