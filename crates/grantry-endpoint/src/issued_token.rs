//! A token of any kind, as a token exchange brings it (RFC 8693 section 2.2.1).

use std::fmt;

use grantry_core::{Instant, Scope};
use zeroize::Zeroizing;

/// A token that may be no access token, and that nothing here presents: whoever asked for it knows where it belongs.
///
/// `Debug` shows no byte of it; there is no `Display`, `Serialize` or `PartialEq`; the memory is zeroized when it is
/// dropped.
pub struct IssuedToken {
    pub(crate) token: Zeroizing<String>,
    pub(crate) issued_token_type: Option<String>,
    pub(crate) presentable: bool,
    pub(crate) expires: Option<Instant>,
    pub(crate) scope: Scope,
}

impl IssuedToken {
    /// The token itself. Where it is no access token, it must not go into an `Authorization` header.
    pub fn expose(&self) -> &str {
        &self.token
    }

    /// What the server says that it is (`issued_token_type`): at most 256 visible characters of ASCII.
    pub fn issued_token_type(&self) -> Option<&str> {
        self.issued_token_type.as_deref()
    }

    /// Whether it is an access token, to be presented as a bearer token: neither `token_type` nor
    /// `issued_token_type` says otherwise.
    pub fn is_access_token(&self) -> bool {
        self.presentable
    }

    /// When it expires, on the boot clock, where the server says.
    pub fn expires(&self) -> Option<Instant> {
        self.expires
    }

    /// The scope of the token; the one asked for where the server names none.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken")
            // A text of the server's, which may have written anything there.
            .field("issued_token_type", &self.issued_token_type.is_some())
            .field("presentable", &self.presentable)
            .field("expires", &self.expires)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
