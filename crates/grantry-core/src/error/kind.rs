//! What can go wrong.

use std::fmt;

/// What went wrong. [`Error::stage`](crate::Error::stage) says where, [`Error::diagnosis`](crate::Error::diagnosis) whose move it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A mistake in what the application built or configured; found before anything was sent.
    Configuration,
    /// The server could not be reached, or the request could not be signed or sent in time: nothing was sent.
    Unreachable,
    /// The server's certificate or host name did not verify: nothing was sent.
    Untrusted,
    /// The request may have arrived but no answer came in time, or the answer broke off.
    Interrupted,
    /// The server says that it is busy or broken (408, 425, 429, 5xx); or it would, and was not asked so that its bound is kept.
    Unavailable,
    /// The server answered something that is not an OAuth answer, or not a usable one.
    InvalidAnswer,
    /// `invalid_grant`: the credential that was presented is invalid, expired or revoked.
    InvalidGrant,
    /// `invalid_client`: the authorization server does not accept this client or its credential.
    InvalidClient,
    /// `invalid_scope` or `invalid_target`: what was asked for is not on offer.
    InvalidScope,
    /// Another OAuth error code; [`Error::oauth_code`](crate::Error::oauth_code) has it.
    Refused,
    /// 403 `insufficient_scope` from a resource server; [`Error::needed_scope`](crate::Error::needed_scope) has what it asks for.
    InsufficientScope,
    /// `insufficient_user_authentication` from a resource server: the person has to log in anew, or otherwise (RFC 9470).
    InsufficientAuthentication,
    /// The resource server refused a fresh token once more after a renewal.
    TokenRejected,
    /// The token may not go to this origin.
    OriginNotAllowed,
    /// An earlier renewal is in doubt; this is not final, and not before [`crate::Retry`] says so.
    InDoubt,
    /// Too many callers wait for the same renewal.
    Overloaded,
    /// The source was shut down.
    Closed,
    /// The vault, a lifeboat or a keeper could not keep a credential.
    Storage,
    /// Somebody else changed the stored record in between: nothing was written.
    Conflict,
    /// A stored record is refused: changed, moved, rolled back, or of a newer format. Nothing of it was used.
    Damaged,
    /// The keys that the vault needs cannot be had: the HSM, the KMS or the key file.
    KeyUnavailable,
    /// The audit trail could not record what was about to happen, so it did not happen.
    AuditUnavailable,
    /// No role of the principal allows it, or a binding forbids it.
    AccessDenied,
    /// The tenant was erased: its keys are destroyed.
    Erased,
    /// There is no such service, grant or record.
    NotFound,
    /// The service was taken out of the configuration.
    Removed,
    /// A mistake of ours; please report it.
    Internal,
}

impl ErrorKind {
    /// The kind in lower-case words joined by `_`: for logs, metrics and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Unreachable => "unreachable",
            Self::Untrusted => "untrusted",
            Self::Interrupted => "interrupted",
            Self::Unavailable => "unavailable",
            Self::InvalidAnswer => "invalid_answer",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidClient => "invalid_client",
            Self::InvalidScope => "invalid_scope",
            Self::Refused => "refused",
            Self::InsufficientScope => "insufficient_scope",
            Self::InsufficientAuthentication => "insufficient_authentication",
            Self::TokenRejected => "token_rejected",
            Self::OriginNotAllowed => "origin_not_allowed",
            Self::InDoubt => "in_doubt",
            Self::Overloaded => "overloaded",
            Self::Closed => "closed",
            Self::Storage => "storage",
            Self::Conflict => "conflict",
            Self::Damaged => "damaged",
            Self::KeyUnavailable => "key_unavailable",
            Self::AuditUnavailable => "audit_unavailable",
            Self::AccessDenied => "access_denied",
            Self::Erased => "erased",
            Self::NotFound => "not_found",
            Self::Removed => "removed",
            Self::Internal => "internal",
        }
    }

    /// Every kind.
    #[cfg(test)]
    pub(crate) const EVERY: [Self; ALL.len()] = ALL;

    /// The kind of a name that [`as_str`](Self::as_str) gave, if it is one of these.
    pub fn from_name(name: &str) -> Option<Self> {
        ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether it is the last word on what was asked: the same request would get the same answer until somebody
    /// changes something.
    ///
    /// Four kinds are not, though their diagnosis says [`Retry::Never`](crate::Retry::Never) to the caller:
    /// `Untrusted`, for whoever answered was not the server, so it says nothing of the grant and may be over
    /// when the network in between changes; `TokenRejected`, which is about one token; `Damaged`, for the store
    /// may be set right; and `Internal`.
    pub const fn is_definite(self) -> bool {
        matches!(
            self,
            Self::Configuration
                | Self::InvalidGrant
                | Self::InvalidClient
                | Self::InvalidScope
                | Self::Refused
                | Self::InsufficientScope
                | Self::InsufficientAuthentication
                | Self::OriginNotAllowed
                | Self::AccessDenied
                | Self::Erased
                | Self::NotFound
                | Self::Removed
                | Self::Closed
        )
    }
}

/// All kinds, in the order of their declaration.
const ALL: [ErrorKind; 27] = [
    ErrorKind::Configuration,
    ErrorKind::Unreachable,
    ErrorKind::Untrusted,
    ErrorKind::Interrupted,
    ErrorKind::Unavailable,
    ErrorKind::InvalidAnswer,
    ErrorKind::InvalidGrant,
    ErrorKind::InvalidClient,
    ErrorKind::InvalidScope,
    ErrorKind::Refused,
    ErrorKind::InsufficientScope,
    ErrorKind::InsufficientAuthentication,
    ErrorKind::TokenRejected,
    ErrorKind::OriginNotAllowed,
    ErrorKind::InDoubt,
    ErrorKind::Overloaded,
    ErrorKind::Closed,
    ErrorKind::Storage,
    ErrorKind::Conflict,
    ErrorKind::Damaged,
    ErrorKind::KeyUnavailable,
    ErrorKind::AuditUnavailable,
    ErrorKind::AccessDenied,
    ErrorKind::Erased,
    ErrorKind::NotFound,
    ErrorKind::Removed,
    ErrorKind::Internal,
];

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_kinds_go_both_ways() {
        for (place, kind) in ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place, "{kind} is missing or out of order");
            assert_eq!(ErrorKind::from_name(kind.as_str()), Some(kind));
        }
        assert_eq!(ErrorKind::from_name("Invalid_Grant"), None);
    }
}
