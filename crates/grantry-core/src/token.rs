//! The token that callers hold.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

use crate::known_scope::KnownScope;
use crate::{Binding, Instant, Scope, SecretHeader};

/// Numbers tokens in the order in which this process received them.
static NEXT_SERIAL: AtomicU64 = AtomicU64::new(1);

/// An access token as callers hold it, its header value built once and marked sensitive.
///
/// It is what [`TokenSource::token`](crate::TokenSource::token) gives. It never holds a refresh token, and its
/// `Debug` shows no byte of the secret. A clone allocates nothing: the secret's bytes are shared.
#[derive(Clone)]
pub struct Token {
    header: HeaderValue,
    /// [`Instant::MAX`] stands for "not said".
    expires: Instant,
    /// Its number, and that of its scope.
    serial_and_scope: u64,
    /// What few tokens differ in, kept apart so that handing a bearer token out counts one reference only.
    traits: Option<Arc<Traits>>,
}

/// What sets a token apart from a bearer token with a scope that many have.
#[derive(Clone)]
struct Traits {
    scope: Scope,
    binding: Binding,
    past_expiry: bool,
}

impl Token {
    /// `None` where the token could not stand in a header.
    pub(crate) fn new(
        access_token: &str,
        expires: Option<Instant>,
        scope: Scope,
        binding: Binding,
    ) -> Option<Self> {
        let header = SecretHeader::new([binding.scheme(), access_token]).into_value()?;
        let known = KnownScope::of(&scope).filter(|_| matches!(binding, Binding::Bearer));
        let serial = NEXT_SERIAL.fetch_add(1, Ordering::Relaxed);
        Some(Self {
            header,
            expires: expires.unwrap_or(Instant::MAX),
            serial_and_scope: known.unwrap_or(KnownScope::EMPTY).beside(serial),
            traits: known.is_none().then(|| Arc::new(Traits { scope, binding, past_expiry: false })),
        })
    }

    /// The value of the `Authorization` header, marked sensitive. Cloning it allocates nothing.
    #[inline]
    pub fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// The header value, moved out: the cheapest way onto a request.
    #[inline]
    pub fn into_header(self) -> HeaderValue {
        self.header
    }

    /// The access token itself. Prefer [`header`](Token::header): it needs no copy.
    pub fn expose(&self) -> &str {
        let scheme = self.binding().scheme().len();
        // The bytes were built from `str`s in `Token::new`.
        self.header.as_bytes().get(scheme..).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default()
    }

    /// When it expires on the boot clock; `None` where the authorization server did not say (RFC 6749
    /// section 5.1 leaves `expires_in` out), which is not the same as never.
    pub fn expires(&self) -> Option<Instant> {
        (self.expires != Instant::MAX).then_some(self.expires)
    }

    /// Whether it may still be presented at `now`. A token of unknown lifetime may, until it is refused.
    pub fn is_fit(&self, now: Instant) -> bool {
        now < self.expires
    }

    /// Whether it was handed out past its expiry, which only the fallback `use-expired` does.
    pub fn is_past_expiry(&self) -> bool {
        self.traits.as_ref().is_some_and(|t| t.past_expiry)
    }

    /// The scope that was granted, which may be narrower than the one asked for.
    pub fn scope(&self) -> &Scope {
        match &self.traits {
            Some(traits) => &traits.scope,
            None => KnownScope::apart(self.serial_and_scope).1.scope(),
        }
    }

    /// Who may present it.
    pub fn binding(&self) -> &Binding {
        self.traits.as_ref().map_or(&Binding::Bearer, |t| &t.binding)
    }

    /// The token's number in this process: a later token has a higher one, a copy the same.
    pub fn serial(&self) -> u64 {
        KnownScope::apart(self.serial_and_scope).0
    }

    /// Whether both are the same token, however often copied.
    pub fn is_same(&self, other: &Self) -> bool {
        self.serial() == other.serial()
    }

    /// The same token with bytes and counts of its own, so that threads do not contend for one reference count.
    #[must_use]
    pub fn apart(&self) -> Self {
        let copied = SecretHeader::new([self.binding().scheme(), self.expose()]).into_value_apart();
        Self {
            // The bytes stood in a header before, so they can again.
            header: copied.unwrap_or_else(|| self.header.clone()),
            expires: self.expires,
            serial_and_scope: self.serial_and_scope,
            traits: self.traits.as_deref().map(|t| Arc::new(t.clone())),
        }
    }

    /// The same token, marked as past its expiry.
    #[must_use]
    pub fn marked_past_expiry(&self) -> Self {
        let (scope, binding) = (self.scope().clone(), self.binding().clone());
        let traits = Some(Arc::new(Traits { scope, binding, past_expiry: true }));
        Self { traits, ..self.clone() }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("serial", &self.serial())
            .field("expires", &self.expires())
            .field("scope", self.scope())
            .field("binding", self.binding())
            .field("past_expiry", &self.is_past_expiry())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_with_a_scope_counts_no_more_than_one_without() {
        let token = |scope: &str, binding| Token::new("at", None, Scope::parse(scope).unwrap(), binding);
        let scoped = token("read write", Binding::Bearer).unwrap();
        assert!(scoped.traits.is_none());
        assert_eq!((scoped.scope().as_str(), scoped.apart().scope().as_str()), ("read write", "read write"));
        let expired = scoped.marked_past_expiry();
        assert!(expired.is_past_expiry() && expired.is_same(&scoped));
        assert_eq!(expired.scope().as_str(), "read write");
        let long = "x".repeat(5_000);
        assert_eq!(token(&long, Binding::Bearer).unwrap().scope().as_str(), long);
        let bound = token("read", Binding::Certificate(crate::Thumbprint([7; 32]))).unwrap();
        assert!(bound.scope().contains("read") && matches!(bound.binding(), Binding::Certificate(_)));
        assert!(bound.serial() > scoped.serial());
    }
}
