//! The token set that grants obtain and sources keep: a token and what renews it.

use std::fmt;

use crate::{AccessToken, Binding, FurtherParameters, Instant, RefreshToken, Scope, Token};

/// An access token that cannot be presented: empty, or with a character that [`TokenSetBuilder::build`] refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the access token is empty or holds a character that cannot stand in an Authorization header")]
#[non_exhaustive]
pub struct InvalidToken;

/// The answer of a grant: an access token, and a refresh token where there is one.
///
/// Only grants and sources see it; callers get the [`Token`] inside, so a refresh token cannot reach request
/// code by type.
///
/// ```
/// use std::time::Duration;
/// use grantry_core::{AccessToken, Clock, Scope, SystemClock, TokenSet};
///
/// let sent = SystemClock::new().now();
/// let set = TokenSet::builder(AccessToken::new("2YotnFZFEjr1zCsicMWpAA"), sent)
///     .expires(sent.after(Duration::from_secs(3600)))
///     .scope(Scope::parse("orders.read")?)
///     .build()?;
/// assert_eq!(set.token().header(), "Bearer 2YotnFZFEjr1zCsicMWpAA");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TokenSet {
    token: Token,
    obtained: Instant,
    refresh_token: Option<RefreshToken>,
    renew_at: Option<Instant>,
    generation: u64,
    further: FurtherParameters,
}

impl TokenSet {
    /// Starts from the two things every token set has: the access token, and when its request was sent
    /// (lifetimes count from then, never from when the answer came).
    pub fn builder(access_token: AccessToken, sent: Instant) -> TokenSetBuilder {
        TokenSetBuilder {
            access_token,
            sent,
            expires: None,
            scope: Scope::EMPTY,
            binding: Binding::Bearer,
            refresh_token: None,
            renew_at: None,
            generation: 0,
            further: FurtherParameters::default(),
        }
    }

    /// A token set that holds nothing besides its token: what a source knows of a grant that keeps nothing for
    /// the next renewal.
    pub fn from_token(token: Token) -> Self {
        Self {
            token,
            obtained: Instant::ZERO,
            refresh_token: None,
            renew_at: None,
            generation: 0,
            further: FurtherParameters::default(),
        }
    }

    /// What callers get.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// When the request that brought it was sent, on the boot clock; [`Instant::ZERO`] where nobody kept that.
    pub fn obtained(&self) -> Instant {
        self.obtained
    }

    /// What renews it, if the source itself holds that. A source over custody never does.
    pub fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    /// The moment from which the authorization server wishes it renewed (`refresh_in`), if it said one.
    pub fn renew_at(&self) -> Option<Instant> {
        self.renew_at
    }

    /// How many renewals lie behind it, counted by whoever keeps the grant.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// What else the answer said and the server's facts say to keep; what a store keeps with the grant.
    pub fn further(&self) -> &FurtherParameters {
        &self.further
    }
}

impl fmt::Debug for TokenSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSet")
            .field("token", &self.token)
            .field("obtained", &self.obtained)
            .field("refresh_token", &self.refresh_token)
            .field("renew_at", &self.renew_at)
            .field("generation", &self.generation)
            .field("further", &self.further)
            .finish()
    }
}

/// Builds a [`TokenSet`].
#[derive(Debug)]
#[must_use]
pub struct TokenSetBuilder {
    access_token: AccessToken,
    sent: Instant,
    expires: Option<Instant>,
    scope: Scope,
    binding: Binding,
    refresh_token: Option<RefreshToken>,
    renew_at: Option<Instant>,
    generation: u64,
    further: FurtherParameters,
}

impl TokenSetBuilder {
    /// When the access token expires. Left out: unknown, so it is used until it is refused.
    pub fn expires(mut self, at: Instant) -> Self {
        self.expires = Some(at);
        self
    }

    /// The scope that was granted.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Who may present it; a bearer token if left out.
    pub fn binding(mut self, binding: Binding) -> Self {
        self.binding = binding;
        self
    }

    /// The refresh token that renews it.
    pub fn refresh_token(mut self, refresh_token: RefreshToken) -> Self {
        self.refresh_token = Some(refresh_token);
        self
    }

    /// When the authorization server wishes it renewed.
    pub fn renew_at(mut self, at: Instant) -> Self {
        self.renew_at = Some(at);
        self
    }

    /// How many renewals lie behind it.
    pub fn generation(mut self, generation: u64) -> Self {
        self.generation = generation;
        self
    }

    /// What else the answer said and the server's facts say to keep.
    pub fn further(mut self, further: FurtherParameters) -> Self {
        self.further = further;
        self
    }

    /// Checks the access token and builds its header value.
    ///
    /// # Errors
    /// [`InvalidToken`] where the access token is empty, or holds anything but visible ASCII, or a comma, a quote or a
    /// backslash: it could split a header. That is wider than the `token68` of RFC 6750 section 2.1, since servers in use
    /// issue tokens with `:`, `|`, `!` and the like.
    pub fn build(self) -> Result<TokenSet, InvalidToken> {
        let text = self.access_token.expose();
        if !is_presentable(text) {
            return Err(InvalidToken);
        }
        let token = Token::new(text, self.expires, self.scope, self.binding).ok_or(InvalidToken)?;
        Ok(TokenSet {
            token,
            obtained: self.sent,
            refresh_token: self.refresh_token,
            renew_at: self.renew_at,
            generation: self.generation,
            further: self.further,
        })
    }
}

/// Whether the text can stand in an `Authorization` header as one token. All of `token68` can (RFC 6750 section 2.1:
/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`), and any other visible ASCII, which servers in use add to
/// it, but for what separates or quotes in a header: a comma, a quote, a backslash.
fn is_presentable(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_graphic() && !matches!(b, b',' | b'"' | b'\\');
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(token: &str) -> Result<TokenSet, InvalidToken> {
        TokenSet::builder(AccessToken::new(token), Instant::ZERO).build()
    }

    #[test]
    fn req_e03_a_token_that_could_split_a_header_is_refused() {
        for bad in ["", "a b", "a\r\nX: y", "a\tb", "a\0", "é", "a,b", "a\"b", "a\\b", "\u{7f}"] {
            assert!(set(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "eyJ.x-y_z~+/==", "a:b|c!"] {
            assert!(set(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn a_copy_in_other_memory_is_the_same_token() {
        let token = set("abc").unwrap().token().clone();
        let copy = token.apart();
        assert!(copy.is_same(&token) && copy.expose() == "abc");
        assert_ne!(copy.header().as_bytes().as_ptr(), token.header().as_bytes().as_ptr());
        assert!(!set("abc").unwrap().token().is_same(&token), "equal bytes are not the same token");
        assert!(token.marked_past_expiry().is_past_expiry() && !copy.is_past_expiry());
    }

    #[test]
    fn the_header_is_sensitive_and_debug_is_silent() {
        let set = TokenSet::builder(AccessToken::new("canary"), Instant::ZERO)
            .refresh_token(RefreshToken::new("canary"))
            .build()
            .unwrap();
        assert!(set.token().header().is_sensitive());
        let shown = format!("{set:?} {:?} {:?}", set.token(), set.token().header());
        assert!(!shown.contains("canary"), "{shown}");
    }
}
