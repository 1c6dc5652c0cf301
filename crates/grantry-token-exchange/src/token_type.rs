//! Token type identifiers (RFC 8693 section 3).

use std::borrow::Cow;

use grantry_core::Error;
use url::Url;

/// The longest identifier that is accepted, in bytes.
const LONGEST: usize = 256;

/// What kind of token a token is (RFC 8693 section 3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenType(Cow<'static, str>);

impl TokenType {
    /// An access token of OAuth 2.0.
    pub const ACCESS_TOKEN: Self = Self(Cow::Borrowed("urn:ietf:params:oauth:token-type:access_token"));
    /// A refresh token of OAuth 2.0.
    pub const REFRESH_TOKEN: Self = Self(Cow::Borrowed("urn:ietf:params:oauth:token-type:refresh_token"));
    /// An ID token of OpenID Connect.
    pub const ID_TOKEN: Self = Self(Cow::Borrowed("urn:ietf:params:oauth:token-type:id_token"));
    /// A SAML 1.1 assertion, in base64url.
    pub const SAML1: Self = Self(Cow::Borrowed("urn:ietf:params:oauth:token-type:saml1"));
    /// A SAML 2.0 assertion, in base64url.
    pub const SAML2: Self = Self(Cow::Borrowed("urn:ietf:params:oauth:token-type:saml2"));
    /// A JWT (RFC 7519), whatever it is for.
    pub const JWT: Self = Self(Cow::Borrowed("urn:ietf:params:oauth:token-type:jwt"));

    /// Another type, by its URI.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) where it is no absolute URI of at most 256 visible
    /// characters of ASCII.
    pub fn new(uri: impl Into<String>) -> Result<Self, Error> {
        let uri = uri.into();
        let is_uri = uri.len() <= LONGEST
            && uri.bytes().all(|b| b.is_ascii_graphic())
            && Url::parse(&uri).is_ok_and(|parsed| !parsed.path().is_empty());
        if is_uri {
            return Ok(Self(Cow::Owned(uri)));
        }
        Err(Error::configuration(
            "a token type is no absolute URI such as urn:ietf:params:oauth:token-type:access_token (RFC 8693 section \
             3)",
        ))
    }

    /// The URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether tokens of this type are known to be none that is presented to an API.
    pub fn is_no_access_token(&self) -> bool {
        [Self::REFRESH_TOKEN, Self::ID_TOKEN, Self::SAML1, Self::SAML2].contains(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_a_uri() {
        assert_eq!(TokenType::new(TokenType::JWT.as_str()).unwrap(), TokenType::JWT);
        assert!(TokenType::new("https://as.example/types/ticket").is_ok());
        let long = format!("urn:x:{}", "y".repeat(LONGEST));
        for bad in ["", "access_token", "urn:", "urn:x y", "urn:é", &long] {
            assert!(TokenType::new(bad).is_err(), "{bad}");
        }
    }
}
