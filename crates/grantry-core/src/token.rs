//! The token that callers hold.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

use crate::{Binding, Instant, Scope, SecretHeader};

/// Numbers tokens in the order in which this process received them.
static NEXT_SERIAL: AtomicU64 = AtomicU64::new(1);

/// An access token as callers hold it: cheap to clone, its header value built once and marked sensitive.
///
/// It is what [`TokenSource::token`](crate::TokenSource::token) gives. It never holds a refresh token, and its
/// `Debug` shows no byte of the secret.
#[derive(Clone)]
pub struct Token(Arc<TokenBody>);

/// What the clones of a [`Token`] share. Opaque; it is public so that a source can keep it in a cell of its own
/// without a second pointer ([`Token::into_body`], [`Token::from_body`]).
pub struct TokenBody {
    header: HeaderValue,
    expires: Option<Instant>,
    obtained: Instant,
    serial: u64,
    scope: Scope,
    binding: Binding,
    past_expiry: bool,
}

impl Token {
    /// `None` where the token could not stand in a header.
    pub(crate) fn new(
        access_token: &str,
        expires: Option<Instant>,
        obtained: Instant,
        scope: Scope,
        binding: Binding,
    ) -> Option<Self> {
        let header = SecretHeader::new([binding.scheme(), access_token]).into_value()?;
        let serial = NEXT_SERIAL.fetch_add(1, Ordering::Relaxed);
        Some(Self(Arc::new(TokenBody {
            header,
            expires,
            obtained,
            serial,
            scope,
            binding,
            past_expiry: false,
        })))
    }

    /// The value of the `Authorization` header, marked sensitive. Cloning it allocates nothing.
    pub fn header(&self) -> &HeaderValue {
        &self.0.header
    }

    /// The access token itself. Prefer [`header`](Token::header): it needs no copy.
    pub fn expose(&self) -> &str {
        let scheme = self.0.binding.scheme().len();
        // The bytes were built from `str`s in `Token::new`.
        self.0.header.as_bytes().get(scheme..).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default()
    }

    /// When it expires on the boot clock; `None` where the authorization server did not say (RFC 6749
    /// section 5.1 leaves `expires_in` out), which is not the same as never.
    pub fn expires(&self) -> Option<Instant> {
        self.0.expires
    }

    /// When the request that brought it was sent, on the boot clock.
    pub fn obtained(&self) -> Instant {
        self.0.obtained
    }

    /// Whether it may still be presented at `now`. A token of unknown lifetime may, until it is refused.
    pub fn is_fit(&self, now: Instant) -> bool {
        self.0.expires.is_none_or(|expires| now < expires)
    }

    /// Whether it was handed out past its expiry, which only the fallback `use-expired` does.
    pub fn is_past_expiry(&self) -> bool {
        self.0.past_expiry
    }

    /// The scope that was granted, which may be narrower than the one asked for.
    pub fn scope(&self) -> &Scope {
        &self.0.scope
    }

    /// Who may present it.
    pub fn binding(&self) -> &Binding {
        &self.0.binding
    }

    /// The token's number in this process: a later token has a higher one, a copy the same.
    pub fn serial(&self) -> u64 {
        self.0.serial
    }

    /// Whether both are the same token, however often copied.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.serial == other.0.serial
    }

    /// The same token in memory of its own, so that threads do not share one reference count.
    #[must_use]
    pub fn apart(&self) -> Self {
        self.copy(self.0.past_expiry)
    }

    /// The same token, marked as past its expiry.
    #[must_use]
    pub fn marked_past_expiry(&self) -> Self {
        self.copy(true)
    }

    /// The part that clones share.
    pub fn into_body(self) -> Arc<TokenBody> {
        self.0
    }

    /// The token around a shared part.
    pub fn from_body(body: Arc<TokenBody>) -> Self {
        Self(body)
    }

    fn copy(&self, past_expiry: bool) -> Self {
        let scheme = self.0.binding.scheme();
        let header = SecretHeader::new([scheme, self.expose()]).into_value();
        Self(Arc::new(TokenBody {
            // The bytes stood in a header before, so they can again.
            header: header.unwrap_or_else(|| self.0.header.clone()),
            expires: self.0.expires,
            obtained: self.0.obtained,
            serial: self.0.serial,
            scope: self.0.scope.clone(),
            binding: self.0.binding.clone(),
            past_expiry,
        }))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TokenBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("serial", &self.serial)
            .field("expires", &self.expires)
            .field("scope", &self.scope)
            .field("binding", &self.binding)
            .field("past_expiry", &self.past_expiry)
            .finish_non_exhaustive()
    }
}
