//! The token that callers hold.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

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
    serial: u64,
    /// What few tokens differ in, kept apart so that handing a plain token out counts one reference only.
    traits: Option<Arc<Traits>>,
}

/// What sets a token apart from a bearer token without a scope.
#[derive(Clone, Default)]
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
        let plain = scope.is_empty() && matches!(binding, Binding::Bearer);
        Some(Self {
            header,
            expires: expires.unwrap_or(Instant::MAX),
            serial: NEXT_SERIAL.fetch_add(1, Ordering::Relaxed),
            traits: (!plain).then(|| Arc::new(Traits { scope, binding, past_expiry: false })),
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
        self.traits.as_ref().map_or(&Scope::EMPTY, |t| &t.scope)
    }

    /// Who may present it.
    pub fn binding(&self) -> &Binding {
        self.traits.as_ref().map_or(&Binding::Bearer, |t| &t.binding)
    }

    /// The token's number in this process: a later token has a higher one, a copy the same.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Whether both are the same token, however often copied.
    pub fn is_same(&self, other: &Self) -> bool {
        self.serial == other.serial
    }

    /// The same token with bytes and counts of its own, so that threads do not contend for one reference count.
    #[must_use]
    pub fn apart(&self) -> Self {
        let copied = SecretHeader::new([self.binding().scheme(), self.expose()]).into_value_apart();
        Self {
            // The bytes stood in a header before, so they can again.
            header: copied.unwrap_or_else(|| self.header.clone()),
            expires: self.expires,
            serial: self.serial,
            traits: self.traits.as_deref().map(|t| Arc::new(t.clone())),
        }
    }

    /// The same token, marked as past its expiry.
    #[must_use]
    pub fn marked_past_expiry(&self) -> Self {
        let traits = self.traits.as_deref().cloned().unwrap_or_default();
        Self { traits: Some(Arc::new(Traits { past_expiry: true, ..traits })), ..self.clone() }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("serial", &self.serial)
            .field("expires", &self.expires())
            .field("scope", self.scope())
            .field("binding", self.binding())
            .field("past_expiry", &self.is_past_expiry())
            .finish_non_exhaustive()
    }
}
