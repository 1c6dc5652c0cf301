//! What an answer to a poll means (RFC 8628 section 3.5), and how a device authorization ends.

use grantry_core::{Consumed, Diagnosis, Error, ErrorKind, Failure, Party, Retry};

use crate::{DeviceEnding, DeviceUnfinished, PendingDevice, STAGE, WaitingFor};

/// What comes after a poll that brought no tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Another poll.
    Wait(WaitingFor),
    /// The server's last word on the codes.
    Over(DeviceEnding),
    /// No further poll, though the codes may still be good.
    Stop,
}

/// RFC 8628 section 3.5: polling goes on after `authorization_pending` and `slow_down`, and after what is no answer of
/// the server's; any other error code ends it.
pub(crate) fn of(error: &Error) -> Verdict {
    let code = error.oauth_code();
    // With these statuses it is the status that counts, whatever the body says.
    let is_busy = matches!(error.status(), Some(408 | 425 | 429 | 500..=599));
    match error.kind() {
        ErrorKind::Refused | ErrorKind::Unavailable if code == Some("slow_down") => {
            Verdict::Wait(WaitingFor::PersonLessOften)
        }
        ErrorKind::Refused => match code {
            Some("authorization_pending") => Verdict::Wait(WaitingFor::Person),
            Some("access_denied") => Verdict::Over(DeviceEnding::Denied),
            Some("expired_token") => Verdict::Over(DeviceEnding::Expired),
            _ => Verdict::Stop,
        },
        ErrorKind::InvalidGrant => Verdict::Over(DeviceEnding::Failed),
        ErrorKind::Unavailable if is_busy || code.is_none() => Verdict::Wait(WaitingFor::Server),
        ErrorKind::Unreachable | ErrorKind::Interrupted => Verdict::Wait(WaitingFor::Server),
        _ => Verdict::Stop,
    }
}

/// Whether the answer that was lost or broken may have held the tokens.
pub(crate) fn may_have_lost_the_tokens(failure: &Failure) -> bool {
    failure.sent && failure.consumed == Consumed::Unknown
}

impl PendingDevice {
    /// Nobody approved in time, by our own clock.
    pub(crate) fn expired(self) -> DeviceUnfinished {
        let fact = "nobody approved before the codes expired";
        self.over(Error::new(ErrorKind::Refused, STAGE, fact), DeviceEnding::Expired)
    }

    /// Nobody waits for it any more. The codes are as good as they were.
    pub(crate) fn given_up(mut self) -> DeviceUnfinished {
        let fact = "the login was given up before anybody approved";
        let own = Diagnosis::new(Party::Application, "finish it again, until the codes expire", Retry::Never);
        let salvaged = self.salvaged.take();
        DeviceUnfinished {
            error: Error::new(ErrorKind::Closed, STAGE, fact).with_diagnosis(own),
            ending: DeviceEnding::Failed,
            again: (!self.is_expired()).then(|| Box::new(self)),
            salvaged,
        }
    }

    /// The end, with a diagnosis of its own.
    pub(crate) fn over(self, error: Error, ending: DeviceEnding) -> DeviceUnfinished {
        let person = |remedy| Diagnosis::new(Party::ResourceOwner, remedy, Retry::Never);
        let diagnosis = match ending {
            DeviceEnding::Denied => person("offer the person to begin again")
                .cause("the person declined, or cancelled the login")
                .cause("a policy of the server does not let this person or this application in"),
            DeviceEnding::Expired => person("begin again, and show the person the new code")
                .cause("the person took longer than the codes are good for, or opened another address"),
            DeviceEnding::Failed => person("begin again, and show the person the new code")
                .cause("the device code was used before, or the server has forgotten it")
                .cause("the device code was issued to another client"),
        };
        let diagnosis = if self.lost {
            diagnosis.cause(
                "an answer to a poll was lost or could not be used: it may have held the tokens, which the server \
                 does not issue twice",
            )
        } else {
            diagnosis
        };
        let error = error.with_diagnosis(diagnosis);
        DeviceUnfinished { error, ending, again: None, salvaged: self.salvaged }
    }

    /// An error that says nothing about the codes, which may have expired meanwhile.
    pub(crate) fn stopped(mut self, error: Error) -> DeviceUnfinished {
        let salvaged = self.salvaged.take();
        let (expired, said) = (self.is_expired(), error.diagnosis());
        let then = if expired { "begin again" } else { "finish again, until the codes expire" };
        let own = Diagnosis::new(said.party(), format!("{}; then {then}", said.remedy()), said.retry());
        let own = said.causes().map(str::to_owned).fold(own, Diagnosis::cause);
        self.pace.stopped(self.endpoint.clock().now());
        DeviceUnfinished {
            error: error.with_diagnosis(own),
            ending: DeviceEnding::Failed,
            again: (!expired).then(|| Box::new(self)),
            salvaged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind, code: &str, status: u16) -> Error {
        let error = Error::new(kind, STAGE, "x").with_status(status);
        if code.is_empty() { error } else { error.with_oauth_code(code) }
    }

    #[test]
    fn req_c18_only_pending_and_slow_down_and_no_answer_go_on() {
        use ErrorKind::*;
        let wait = Verdict::Wait;
        for (kind, code, status, verdict) in [
            (Refused, "authorization_pending", 400, wait(WaitingFor::Person)),
            // Google's statuses.
            (Refused, "authorization_pending", 428, wait(WaitingFor::Person)),
            (Refused, "slow_down", 403, wait(WaitingFor::PersonLessOften)),
            (Unavailable, "slow_down", 429, wait(WaitingFor::PersonLessOften)),
            (Unreachable, "", 0, wait(WaitingFor::Server)),
            (Interrupted, "", 0, wait(WaitingFor::Server)),
            (Unavailable, "", 503, wait(WaitingFor::Server)),
            (Unavailable, "temporarily_unavailable", 503, wait(WaitingFor::Server)),
            (Unavailable, "temporarily_unavailable", 400, Verdict::Stop),
            (Unavailable, "server_error", 400, Verdict::Stop),
            (Refused, "access_denied", 400, Verdict::Over(DeviceEnding::Denied)),
            (Refused, "expired_token", 400, Verdict::Over(DeviceEnding::Expired)),
            (InvalidGrant, "invalid_grant", 400, Verdict::Over(DeviceEnding::Failed)),
            (InvalidClient, "invalid_client", 401, Verdict::Stop),
            (InvalidScope, "invalid_scope", 400, Verdict::Stop),
            (Refused, "unauthorized_client", 400, Verdict::Stop),
            (Refused, "unsupported_grant_type", 400, Verdict::Stop),
            (Refused, "invalid_request", 400, Verdict::Stop),
            (Refused, "odd_code", 400, Verdict::Stop),
            (Refused, "", 400, Verdict::Stop),
            (InvalidAnswer, "", 200, Verdict::Stop),
            (InvalidAnswer, "", 404, Verdict::Stop),
            (Untrusted, "", 0, Verdict::Stop),
            (Configuration, "", 0, Verdict::Stop),
        ] {
            assert_eq!(of(&error(kind, code, status)), verdict, "{kind} {code} {status}");
        }
    }
}
