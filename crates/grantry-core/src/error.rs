//! The one error that callers see.

mod kind;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::presenting::Challenge;
use crate::{ClockSkew, Diagnosis, Instant, Scope};

pub use kind::ErrorKind;

/// Where it went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Building a client, a source or a request.
    Build,
    /// Learning an authorization server's metadata.
    Discover,
    /// The pushed authorization request endpoint (RFC 9126).
    Push,
    /// The person's way to the authorization endpoint and back (RFC 6749 section 4.1).
    Authorize,
    /// The device authorization endpoint, and the person's way there (RFC 8628).
    Device,
    /// The token endpoint.
    Token,
    /// The keys that an authorization server publishes (RFC 7517).
    Keys,
    /// Checking an ID token (OpenID Connect Core section 3.1.3.7).
    IdToken,
    /// The UserInfo endpoint (OpenID Connect Core section 5.3).
    UserInfo,
    /// The revocation endpoint (RFC 7009).
    Revoke,
    /// The introspection endpoint (RFC 7662).
    Introspect,
    /// Keeping a credential.
    Keep,
    /// The vault.
    Vault,
    /// Waiting for a renewal.
    Wait,
    /// Presenting a token to a resource server.
    Present,
}

impl Stage {
    /// The stage in words, as it stands in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Build => "building",
            Self::Discover => "discovery",
            Self::Push => "pushed authorization request endpoint",
            Self::Authorize => "authorization",
            Self::Device => "device authorization",
            Self::Token => "token endpoint",
            Self::Keys => "keys of the server",
            Self::IdToken => "ID token",
            Self::UserInfo => "UserInfo endpoint",
            Self::Revoke => "revocation endpoint",
            Self::Introspect => "introspection endpoint",
            Self::Keep => "keeping the credential",
            Self::Vault => "vault",
            Self::Wait => "waiting for a renewal",
            Self::Present => "resource request",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why there is no token, or why a request could not be made with one.
///
/// It is opaque, cheap to clone, and holds only facts that this library chose: never a response body, a token,
/// a secret or a foreign `Debug`. `Display` tells this layer's fact; the cause is in
/// [`source`](StdError::source).
///
/// ```
/// use grantry_core::{Error, ErrorKind, Stage};
/// let error = Error::new(ErrorKind::Unavailable, Stage::Token, "the server answered 503");
/// assert_eq!(error.to_string(), "token endpoint: the server answered 503");
/// assert!(error.diagnosis().remedy().contains("try again"));
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    stage: Stage,
    fact: String,
    oauth_code: Option<String>,
    provider_code: Option<String>,
    status: Option<u16>,
    needed_scope: Option<Scope>,
    challenge: Option<Box<Challenge>>,
    retry_at: Option<Instant>,
    clock_skew: Option<ClockSkew>,
    diagnosis: Option<Diagnosis>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of this kind at this stage. `fact` is one sentence without a full stop that holds nothing
    /// secret and nothing that a server sent.
    pub fn new(kind: ErrorKind, stage: Stage, fact: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            stage,
            fact: fact.into(),
            oauth_code: None,
            provider_code: None,
            status: None,
            needed_scope: None,
            challenge: None,
            retry_at: None,
            clock_skew: None,
            diagnosis: None,
            source: None,
        }))
    }

    /// A mistake in what was configured; `fact` says what to change.
    pub fn configuration(fact: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, Stage::Build, fact)
    }

    /// A mistake of ours.
    pub fn internal(fact: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, Stage::Build, fact)
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Adds the cause. It must hold nothing secret.
    #[must_use]
    pub fn with_source(self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.with(|inner| inner.source = Some(Arc::new(source)))
    }

    /// Adds the HTTP status that was answered.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        self.with(|inner| inner.status = Some(status))
    }

    /// Adds the OAuth error code that was answered (RFC 6749 section 5.2). Characters outside the code's
    /// charset are dropped, and so is whatever comes after the 64th.
    #[must_use]
    pub fn with_oauth_code(self, code: &str) -> Self {
        let code = printable(code, 64);
        self.with(|inner| inner.oauth_code = Some(code))
    }

    /// Adds the provider's own code for the error, such as `AADSTS700082`; cleaned like an OAuth code.
    #[must_use]
    pub fn with_provider_code(self, code: &str) -> Self {
        let code = printable(code, 64);
        self.with(|inner| inner.provider_code = Some(code))
    }

    /// Adds the scope that the resource server asks for. Neither `Display` nor `Debug` shows it.
    #[must_use]
    pub fn with_needed_scope(self, scope: Scope) -> Self {
        self.with(|inner| inner.needed_scope = Some(scope))
    }

    /// Adds the challenge of the resource server that this is about. Neither `Display` nor `Debug` shows it.
    #[must_use]
    pub fn with_challenge(self, challenge: Challenge) -> Self {
        self.with(|inner| inner.challenge = Some(Box::new(challenge)))
    }

    /// Adds the moment before which trying again is useless, on the boot clock.
    #[must_use]
    pub fn with_retry_at(self, at: Instant) -> Self {
        self.with(|inner| inner.retry_at = Some(at))
    }

    /// Adds how far our clock is off the server's.
    #[must_use]
    pub fn with_clock_skew(self, skew: ClockSkew) -> Self {
        self.with(|inner| inner.clock_skew = Some(skew))
    }

    /// Replaces the diagnosis that follows from the kind.
    #[must_use]
    pub fn with_diagnosis(self, diagnosis: Diagnosis) -> Self {
        self.with(|inner| inner.diagnosis = Some(diagnosis))
    }

    /// What happened.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Where it happened.
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// The HTTP status that was answered, if one was.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The OAuth error code that was answered, if one was; known or not, it is only data.
    pub fn oauth_code(&self) -> Option<&str> {
        self.0.oauth_code.as_deref()
    }

    /// The provider's own code for the error, where its preset knows how to find it.
    pub fn provider_code(&self) -> Option<&str> {
        self.0.provider_code.as_deref()
    }

    /// The scope that the resource server asks for, after 403 `insufficient_scope`: at most 1 KiB and 64 scope
    /// tokens, and nothing of the access token. It is what a server sent, so no message holds it.
    pub fn needed_scope(&self) -> Option<&Scope> {
        self.0.needed_scope.as_ref()
    }

    /// The challenge by which the resource server asks for more scope or another login, without what it may have of the
    /// access token: [`StepUp::of`](crate::presenting::StepUp::of) reads what to ask the person for. It is what a server
    /// sent, so no message holds it.
    pub fn challenge(&self) -> Option<&Challenge> {
        self.0.challenge.as_deref()
    }

    /// Before when trying again is useless, on the boot clock, if the server named a time.
    pub fn retry_at(&self) -> Option<Instant> {
        self.0.retry_at
    }

    /// How far our clock is off the server's, as it was measured last, where that is known and more than a few seconds.
    pub fn clock_skew(&self) -> Option<ClockSkew> {
        self.0.clock_skew
    }

    /// How long from `now` until trying again makes sense, if the server named a time.
    pub fn retry_after(&self, now: Instant) -> Option<Duration> {
        self.0.retry_at.map(|at| at.since(now))
    }

    /// Whether it is the last word on what was asked; see [`ErrorKind::is_definite`].
    pub fn is_definite(&self) -> bool {
        self.0.kind.is_definite()
    }

    /// Whose move it is, the likely causes, the remedy, and when to try again.
    pub fn diagnosis(&self) -> Diagnosis {
        self.0.diagnosis.clone().unwrap_or_else(|| Diagnosis::of(self))
    }
}

/// The characters of RFC 6749 section 5.2's `error`, without those that a terminal or a quoted text could trip
/// over.
fn printable(text: &str, longest: usize) -> String {
    text.chars()
        .filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '<' | '>'))
        .take(longest)
        .collect()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.stage, self.0.fact)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Error");
        shown.field("kind", &self.0.kind).field("stage", &self.0.stage).field("fact", &self.0.fact);
        if let Some(code) = &self.0.oauth_code {
            shown.field("oauth_code", code);
        }
        if let Some(code) = &self.0.provider_code {
            shown.field("provider_code", code);
        }
        if let Some(status) = self.0.status {
            shown.field("status", &status);
        }
        if let Some(source) = &self.0.source {
            shown.field("source", &source.to_string());
        }
        shown.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|s| s as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn req_d17_a_hostile_code_is_cut_and_cleaned() {
        let code = format!("\u{1b}[31m<b>\"{}", "x".repeat(1000));
        let error = Error::new(ErrorKind::Refused, Stage::Token, "refused").with_oauth_code(&code);
        let kept = error.oauth_code().unwrap();
        assert!(kept.len() == 64 && kept.starts_with("[31mbx"), "{kept}");
    }

    #[test]
    fn the_cause_is_said_once() {
        let cause = std::io::Error::other("connection refused");
        let error = Error::new(ErrorKind::Unreachable, Stage::Token, "no connection").with_source(cause);
        assert_eq!(error.to_string(), "token endpoint: no connection");
        assert_eq!(error.source().unwrap().to_string(), "connection refused");
    }
}
