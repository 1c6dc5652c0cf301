//! Whose move it is, why, and what to do.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::{Error, ErrorKind};

/// Who has to act for the error to go away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Party {
    /// Whoever writes or configures this application.
    Application,
    /// Whoever runs the authorization server, or nobody: it may come back by itself.
    AuthorizationServer,
    /// Whoever runs the resource server.
    ResourceServer,
    /// Whoever runs the network between here and there.
    Network,
    /// The person whose consent it is.
    ResourceOwner,
    /// Whoever runs the vault or the disk.
    Store,
    /// The authors of this library.
    Library,
}

impl Party {
    /// In lower-case words joined by `_`: for logs, metrics and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::AuthorizationServer => "authorization_server",
            Self::ResourceServer => "resource_server",
            Self::Network => "network",
            Self::ResourceOwner => "resource_owner",
            Self::Store => "store",
            Self::Library => "library",
        }
    }
}

/// Whether and when trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// Not before somebody changed something.
    Never,
    /// At once; the source does so by itself.
    Now,
    /// After a while; where a renewal failed the source does so by itself. The duration is a hint.
    After(Duration),
}

/// What an error means for the person who reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    party: Party,
    causes: Vec<Cow<'static, str>>,
    remedy: Cow<'static, str>,
    retry: Retry,
    /// Whether the first cause is what the provider's own code means.
    is_named: bool,
}

impl Diagnosis {
    /// A diagnosis of your own; add causes with [`Diagnosis::cause`].
    pub fn new(party: Party, remedy: impl Into<Cow<'static, str>>, retry: Retry) -> Self {
        Self { party, causes: Vec::new(), remedy: remedy.into(), retry, is_named: false }
    }

    /// Adds a likely cause, with the evidence for it. The likeliest comes first.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<Cow<'static, str>>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Puts what the provider's own code for the error means before all other causes.
    #[must_use]
    pub fn named_cause(mut self, cause: impl Into<Cow<'static, str>>) -> Self {
        self.causes.insert(0, cause.into());
        self.is_named = true;
        self
    }

    /// What the provider's own code for the error means, where a preset knows it. It is among the causes too.
    pub fn as_named_cause(&self) -> Option<&str> {
        self.causes().next().filter(|_| self.is_named)
    }

    /// Whose move it is.
    pub fn party(&self) -> Party {
        self.party
    }

    /// Likely causes, the likeliest first.
    pub fn causes(&self) -> impl Iterator<Item = &str> {
        self.causes.iter().map(AsRef::as_ref)
    }

    /// What to do.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }

    /// Whether and when trying again can help.
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// What follows from an error's kind alone.
    pub(crate) fn of(error: &Error) -> Self {
        let soon = Retry::After(Duration::from_secs(1));
        match error.kind() {
            ErrorKind::Configuration => {
                Self::new(Party::Application, "change what the message names, then build again", Retry::Never)
            }
            ErrorKind::Unreachable => {
                Self::new(Party::Network, "check the host name, the proxy and the network, then try again", soon)
                    .cause("the host name does not resolve")
                    .cause("nothing listens at the address, or a firewall or proxy refuses")
            }
            ErrorKind::Untrusted => Self::new(
                Party::Application,
                "check the host name; if the server's certificate authority is private, add its root certificate \
                 to the transport. Verification cannot be switched off",
                Retry::Never,
            )
            .cause("the certificate is self-signed, expired, or for another host"),
            ErrorKind::Interrupted => {
                Self::new(Party::Network, "nothing to do: the source tries again by itself", soon)
                    .cause("the answer was lost or came too late")
            }
            ErrorKind::Unavailable => Self::new(
                Party::AuthorizationServer,
                "nothing to do: the source will try again by itself, not before the server's Retry-After",
                soon,
            )
            .cause("the server is overloaded, limits the rate of requests, or is down for maintenance"),
            ErrorKind::InvalidAnswer => Self::new(
                Party::AuthorizationServer,
                "check that the URL is the endpoint's and not a web page's, and that no gateway answers for it",
                soon,
            )
            .cause("the URL is not that of this endpoint")
            .cause("a proxy, gateway or login page answers in the server's place"),
            ErrorKind::InvalidGrant => Self::new(
                Party::ResourceOwner,
                "ask the person to consent again, unless one of the causes can be mended",
                Retry::Never,
            )
            .cause("the refresh token expired, was revoked, or was used before by another process")
            .cause("the redirect URI differs from the one of the authorization request")
            .cause("the client's credentials belong to another client than the grant")
            .cause("the authorization code was used before or is too old"),
            ErrorKind::InvalidClient => Self::new(
                Party::Application,
                "check client id, client secret or key, and the authentication method that the server expects",
                Retry::Never,
            )
            .cause("the client secret is wrong or expired")
            .cause("the server expects another client authentication method")
            .cause("this machine's clock is off, so that a signed assertion is not accepted"),
            ErrorKind::InvalidScope => Self::new(
                Party::Application,
                "ask only for scopes and resources that the server offers to this client",
                Retry::Never,
            )
            .cause("a scope is misspelt, or was never granted to this client")
            .cause("an administrator has not consented to it"),
            ErrorKind::Refused => Self::new(
                Party::Application,
                "look the error code up in the server's documentation, and change the request or the client's \
                 registration",
                Retry::Never,
            ),
            ErrorKind::InsufficientScope => Self::new(
                Party::Application,
                "ask for the scope in the error's `needed_scope`: add it to the source, and have it granted; a person's \
                 consent is asked for by a step-up",
                Retry::Never,
            )
            .cause("the source did not ask for the scope")
            .cause("the server granted less than was asked for")
            .cause("an administrator has not consented to it"),
            ErrorKind::InsufficientAuthentication => Self::new(
                Party::ResourceOwner,
                "have the person log in as the resource server asks: by a step-up of the authorization code flow",
                Retry::Never,
            )
            .cause("the login is too long ago, or was not strong enough for this request"),
            ErrorKind::TokenRejected => Self::new(
                Party::ResourceServer,
                "check that the token is meant for this resource: audience, issuer, tenant",
                Retry::Never,
            )
            .cause("the token's audience is another resource")
            .cause("the clocks of the two servers differ by more than the token's lifetime")
            .cause("the buffer before expiry is too short for requests that take this long"),
            ErrorKind::OriginNotAllowed => Self::new(
                Party::Application,
                "add the origin to the allowed origins of the client, if the token is meant for it",
                Retry::Never,
            ),
            ErrorKind::InDoubt => Self::new(
                Party::AuthorizationServer,
                "nothing to do: an earlier renewal is being resolved, and the source tries again by itself",
                soon,
            ),
            ErrorKind::Overloaded => {
                Self::new(Party::Application, "let fewer callers wait at once, then try again", soon)
                    .cause("a renewal takes long while callers pile up")
            }
            ErrorKind::Closed => {
                Self::new(Party::Application, "open a new source: this one was shut down", Retry::Never)
            }
            ErrorKind::Storage => {
                Self::new(Party::Store, "see why the store or the keeper failed; nothing was given out", soon)
            }
            ErrorKind::Conflict => {
                Self::new(Party::Application, "read the record again, and decide anew", Retry::Now)
                    .cause("another process or task changed it in between")
            }
            ErrorKind::Damaged => Self::new(
                Party::Store,
                "find out who changed the store, and bring the record back from a copy that is as new; nothing was \
                 overwritten",
                Retry::Never,
            )
            .cause("the store was restored from an older copy, or failed over and lost writes")
            .cause("somebody changed or moved records in the store")
            .cause("the vault was opened with another deployment's name or keys"),
            ErrorKind::KeyUnavailable => Self::new(
                Party::Store,
                "see whether the HSM, the KMS or the key file can be reached and opened; nothing has to be restarted",
                soon,
            )
            .cause("the key provider is down, or its credential expired"),
            ErrorKind::AuditUnavailable => Self::new(
                Party::Store,
                "make room for the audit trail, or bring its sink back; nothing has to be restarted",
                soon,
            )
            .cause("the disk of the audit file is full, or the store behind it does not answer"),
            ErrorKind::AccessDenied => Self::new(
                Party::Application,
                "have a role with the permission bound to the principal, for this tenant, service and account",
                Retry::Never,
            )
            .cause("no binding of the principal covers it")
            .cause("a binding that denies covers it"),
            ErrorKind::Erased => Self::new(
                Party::Application,
                "nothing brings an erased tenant back: create one with another name",
                Retry::Never,
            ),
            ErrorKind::NotFound => Self::new(
                Party::Application,
                "check the names of tenant, service and account, or store what is missing",
                Retry::Never,
            ),
            ErrorKind::Removed => Self::new(
                Party::Application,
                "ask for another service, or bring this one back into the configuration",
                Retry::Never,
            ),
            ErrorKind::Internal => {
                Self::new(Party::Library, "please report this with the message and what led to it", Retry::Never)
            }
        }
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.remedy)?;
        for (nth, cause) in self.causes.iter().enumerate() {
            write!(f, "{}{cause}", if nth == 0 { " (likely: " } else { "; or " })?;
        }
        if !self.causes.is_empty() {
            f.write_str(")")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stage;

    #[test]
    fn every_definite_kind_is_never_retried_and_three_more_say_nothing_of_the_grant() {
        let never =
            |kind: &ErrorKind| Error::new(*kind, Stage::Token, "x").diagnosis().retry() == Retry::Never;
        let (definite, others): (Vec<_>, Vec<_>) =
            ErrorKind::EVERY.iter().partition(|kind| kind.is_definite());
        assert!(definite.iter().all(never), "{definite:?}");
        let others: Vec<_> = others.into_iter().filter(never).collect();
        assert_eq!(
            others,
            [ErrorKind::Untrusted, ErrorKind::TokenRejected, ErrorKind::Damaged, ErrorKind::Internal]
        );
    }
}
