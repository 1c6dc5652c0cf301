//! What the person and the server decide at the authorization endpoint.

use std::fmt;

/// What becomes of an authorization request.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Decision {
    /// The person called `resource-owner` consents at once.
    #[default]
    Consent,
    /// Another person consents at once.
    ConsentBy(String),
    /// The person declines: `access_denied`.
    Deny,
    /// The server answers with this error code and description.
    Fail {
        /// `error`.
        code: String,
        /// `error_description`, whatever it may hold.
        description: String,
    },
    /// The server answers with a code **and** this error.
    Contradict(String),
    /// The server answers with neither a code nor an error.
    SayNothing,
}

/// What a poll of a device authorization is answered with (RFC 8628 section 3.5), while its codes are valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum DeviceDecision {
    /// `authorization_pending`, until a person decides: [`TestServer::approve`](crate::TestServer::approve) or
    /// [`TestServer::deny`](crate::TestServer::deny).
    #[default]
    Wait,
    /// Tokens, as if a person had approved.
    Approve,
    /// `access_denied`.
    Deny,
    /// `slow_down`, each time.
    SlowDown,
    /// `expired_token`, before the time.
    Expire,
}

/// The `state` of an authorization response.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ResponseState {
    /// The one of the request, as RFC 6749 section 4.1.2 has it.
    #[default]
    AsAsked,
    /// None.
    Absent,
    /// Another.
    Other(String),
}

/// The `iss` of an authorization response (RFC 9207).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ResponseIssuer {
    /// The server's own.
    #[default]
    Own,
    /// None.
    Absent,
    /// Another.
    Other(String),
}

impl fmt::Debug for Decision {
    /// What goes into a redirect's query is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Consent => "Consent",
            Self::ConsentBy(_) => "ConsentBy(..)",
            Self::Deny => "Deny",
            Self::Fail { .. } => "Fail(..)",
            Self::Contradict(_) => "Contradict(..)",
            Self::SayNothing => "SayNothing",
        })
    }
}

impl fmt::Debug for ResponseState {
    /// A state is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AsAsked => "AsAsked",
            Self::Absent => "Absent",
            Self::Other(_) => "Other(..)",
        })
    }
}
