//! The ID token (OpenID Connect Core section 2): unread, and what makes a checked one of it.

mod claims;
mod flaw;
mod original_login;
mod rules;
mod verifier;

use std::fmt;

use zeroize::Zeroizing;

pub use claims::IdTokenClaims;
pub(crate) use claims::{is_verified, text};
pub use flaw::IdTokenFlaw;
pub use original_login::OriginalLogin;
pub use verifier::{ExpectedIdToken, IdTokenVerifier};

/// An ID token as the server sent it. **Nobody has validated it**: neither its signature nor one of its claims
/// means anything before an [`IdTokenVerifier`] made [`IdTokenClaims`] of it.
///
/// `Debug` prints `[redacted]`; there is no `Display`, `Serialize` or `PartialEq`; the memory is zeroized when it
/// is dropped.
#[derive(Clone)]
pub struct IdToken(Zeroizing<String>);

impl IdToken {
    /// Takes the token over.
    pub fn new(token: impl Into<String>) -> Self {
        Self(Zeroizing::new(token.into()))
    }

    pub(crate) fn from_text(token: Zeroizing<String>) -> Self {
        Self(token)
    }

    /// The token itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdToken([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_token_does_not_show() {
        let token = IdToken::new("canary");
        assert!(!format!("{token:?}").contains("canary"));
        assert_eq!(token.clone().expose(), "canary");
    }
}
