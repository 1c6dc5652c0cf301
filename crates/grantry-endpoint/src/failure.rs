//! Failures of the transport as errors.

use grantry_core::{Error, ErrorKind, Failure, Stage};

use crate::answer::{by_status, salvage};
use crate::{TransportCause, TransportFailure};

/// The error that a transport failure is to callers.
pub(crate) fn error(failure: &TransportFailure, stage: Stage) -> Error {
    let (kind, fact) = said_of(failure.cause());
    let error = Error::new(kind, stage, fact);
    match failure.partial() {
        Some(partial) => error.with_status(partial.status().as_u16()),
        None => error,
    }
}

/// What a cause is to callers.
pub(crate) fn said_of(cause: TransportCause) -> (ErrorKind, &'static str) {
    match cause {
        TransportCause::NameNotFound => (ErrorKind::Unreachable, "the server's name does not resolve"),
        TransportCause::NotConnected => (ErrorKind::Unreachable, "no connection to the server"),
        TransportCause::ProxyRefused => (ErrorKind::Unreachable, "the proxy refused to connect"),
        TransportCause::TlsFailed => (ErrorKind::Untrusted, "the server's certificate does not verify"),
        TransportCause::AddressNotAllowed => (
            ErrorKind::Configuration,
            "the URL leads where requests may not go: it has to be https, and where it was learned at run time \
             to a public address unless the transport allows private ones",
        ),
        TransportCause::TimedOut => (ErrorKind::Interrupted, "no answer in time"),
        TransportCause::Broken => (ErrorKind::Interrupted, "the connection broke before there was an answer"),
        TransportCause::Truncated => {
            (ErrorKind::Interrupted, "the answer is cut off or its framing is broken")
        }
        TransportCause::TooLarge => (ErrorKind::InvalidAnswer, "the answer is larger than 256 KiB"),
    }
}

/// What it means for the credential that was spent. Before a second request one left that was refused for want of a nonce.
pub(crate) fn of_token_request(failure: &TransportFailure, is_second: bool) -> Failure {
    let error = error(failure, Stage::Token);
    if failure.is_unsent() {
        return if is_second { Failure::not_consumed(error) } else { Failure::unsent(error) };
    }
    let Some(partial) = failure.partial() else {
        return Failure::unknown(error);
    };
    // The head was there: 429 and 503 say enough without a body.
    let said = by_status(partial.status(), "");
    if said.consumed == grantry_core::Consumed::No {
        let error = Error::new(said.kind, Stage::Token, said.fact).with_status(partial.status().as_u16());
        return Failure::not_consumed(error);
    }
    Failure::unknown(error).with_salvaged(salvage(partial.status(), partial.expose_body(), false))
}
