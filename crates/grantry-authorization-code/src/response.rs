//! Whether a response is the one that is waited for (RFC 6749 section 4.1.2, RFC 9207).

use grantry_core::{Diagnosis, Error, ErrorKind, Party, Retry};
use zeroize::Zeroizing;

use crate::{
    AuthorizationCode, Callback, PendingAuthorization, STAGE, Unfinished, UserAgentBinding, refusal,
};

/// The code of a response that was found to be right.
pub(crate) struct Code(pub(crate) Zeroizing<String>);

/// Why a response brings no code.
pub(crate) struct Refused {
    error: Error,
    /// Whether the authorization goes on: the response is none of its own.
    goes_on: bool,
    said: Option<String>,
}

impl Refused {
    fn another(error: Error) -> Self {
        Self { error, goes_on: true, said: None }
    }

    fn over(error: Error) -> Self {
        Self { error, goes_on: false, said: None }
    }

    pub(crate) fn of(self, pending: PendingAuthorization) -> Unfinished {
        if self.goes_on {
            Unfinished::again(self.error, pending)
        } else {
            Unfinished { said: self.said, ..Unfinished::over(self.error) }
        }
    }
}

/// Checks who sent the response before anything that it says.
pub(crate) fn check(
    pending: &PendingAuthorization,
    flow: &AuthorizationCode,
    user_agent: &UserAgentBinding,
    callback: &Callback,
) -> Result<Code, Refused> {
    if !flow.began(pending) {
        // A server compares the redirect URI of both requests (RFC 6749 section 4.1.3), and refuses a code for less.
        let what = flow.differences(pending).collect::<Vec<_>>().join(", another ");
        return Err(Refused::another(Error::configuration(format!(
            "the authorization was begun with another {what}: finish it with the flow that began it"
        ))));
    }
    if flow.endpoint.clock().now() >= pending.expires {
        return Err(Refused::over(begin_again(
            ErrorKind::InvalidAnswer,
            "the authorization was begun too long ago",
            "the person took longer than the application waits",
        )));
    }
    if !pending.user_agent.is_of(user_agent) {
        return Err(Refused::another(begin_again(
            ErrorKind::InvalidAnswer,
            "the response came in another user agent than the one that the authorization was begun in",
            "the cookie was lost: SameSite=Strict, another host name, or a form post without SameSite=None",
        )));
    }
    match &callback.state {
        Some(state) if pending.state.is(state) => {}
        found => {
            let fact = match found {
                None => "the response has no state",
                Some(_) => "the state of the response is not that of the authorization",
            };
            return Err(Refused::another(begin_again(
                ErrorKind::InvalidAnswer,
                fact,
                "it is the response to another authorization, or nobody's",
            )));
        }
    }
    check_issuer(pending, flow, callback).map_err(Refused::over)?;
    read(pending, flow, callback)
}

/// RFC 9207 section 2.4. On a mismatch nothing of the response is used or shown.
fn check_issuer(
    pending: &PendingAuthorization,
    flow: &AuthorizationCode,
    callback: &Callback,
) -> Result<(), Error> {
    let (sent, expected) = (callback.iss.as_ref().map(|iss| iss.as_str()), pending.issuer.as_deref());
    let fact = match (sent, expected) {
        // As plain strings: no case, slash, port or escape is made equal.
        (Some(sent), Some(expected)) if sent == expected => return Ok(()),
        (None, _) if !flow.endpoint.server().authorization_response_iss_parameter() => return Ok(()),
        (Some(_), Some(_)) => "the response names another issuer than the one that was asked (RFC 9207)",
        (None, _) => "the response names no issuer, although its server always does (RFC 9207)",
        (Some(_), None) => {
            return Err(Error::configuration(
                "the response names an issuer (RFC 9207), and the server's facts name none to compare it with: set \
                 the server's issuer",
            ));
        }
    };
    let diagnosis = Diagnosis::new(
        Party::AuthorizationServer,
        "let the person begin again; if it happens with every response, compare the issuer that is configured with \
         the one in the server's metadata, to the last slash",
        Retry::Never,
    )
    .cause("one authorization server tries to get the codes of another (mix-up)");
    Err(Error::new(ErrorKind::InvalidAnswer, STAGE, fact).with_diagnosis(diagnosis))
}

/// The response is the server's own: what does it say?
fn read(
    pending: &PendingAuthorization,
    flow: &AuthorizationCode,
    callback: &Callback,
) -> Result<Code, Refused> {
    let contradiction = |fact| {
        let cause = "the server is broken, or somebody changed the response";
        Err(Refused::over(begin_again(ErrorKind::InvalidAnswer, fact, cause)))
    };
    match (&callback.code, &callback.error) {
        (Some(code), None) => Ok(Code(code.clone())),
        (Some(_), Some(_)) => contradiction("the response holds a code and an error at once"),
        (None, None) => contradiction("the response holds neither a code nor an error"),
        (None, Some(code)) => {
            let state = pending.state.text();
            let challenge = pending.verifier.as_ref().map(|verifier| Zeroizing::new(verifier.challenge()));
            let nonce = pending.nonce.as_ref().map(|nonce| nonce.text());
            let mut secrets: Vec<&str> = vec![&state];
            secrets.extend(challenge.as_ref().map(|challenge| challenge.as_str()));
            secrets.extend(nonce.as_ref().map(|nonce| nonce.as_str()));
            // What the application added may be a secret, and the server may say it back.
            secrets.extend(flow.added());
            let said = refusal::text(callback, &secrets);
            let mut error = refusal::error(code, &secrets);
            let prefix = flow.endpoint.server().provider_code_prefix();
            if let Some(code) = refusal::provider_code(callback, prefix, &secrets) {
                error = error.with_provider_code(&code);
            }
            let error = flow.endpoint.server().explain(error);
            Err(Refused { error, goes_on: false, said })
        }
    }
}

fn begin_again(kind: ErrorKind, fact: &str, cause: &'static str) -> Error {
    let diagnosis = Diagnosis::new(Party::ResourceOwner, "let the person begin again", Retry::Never);
    Error::new(kind, STAGE, fact).with_diagnosis(diagnosis.cause(cause))
}
