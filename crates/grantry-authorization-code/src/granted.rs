//! What a finished authorization brought.

use std::fmt;

use grantry_core::{RefreshToken, Scope, TokenSet};
use grantry_endpoint::{FurtherParameters, IdToken};
use zeroize::Zeroizing;

/// The tokens that a person's consent brought, and what was asked for.
#[derive(Debug)]
#[non_exhaustive]
pub struct Granted {
    /// Access token, refresh token and granted scope. A scope that the answer leaves out is the one asked for.
    pub token_set: TokenSet,
    /// The scope that was asked for.
    pub requested: Scope,
    /// The issuer that was asked, where the server's facts name one.
    pub issuer: Option<String>,
    /// The ID token, which **nobody has validated**: it says nothing yet of who the person is.
    pub id_token: Option<IdToken>,
    /// The nonce that was sent, and that the ID token has to hold; `None` where none was sent.
    pub nonce: Option<Nonce>,
    /// What else the answer said and the server's facts say to keep, such as `instance_url`.
    pub further: FurtherParameters,
}

impl Granted {
    /// The scope that was granted.
    pub fn scope(&self) -> &Scope {
        self.token_set.token().scope()
    }

    /// What was asked for and not granted; empty where everything was, or the server was left the choice.
    pub fn missing_scope(&self) -> Scope {
        self.requested.without(self.scope())
    }

    /// What renews the tokens without the person, where the server gave it.
    pub fn refresh_token(&self) -> Option<&RefreshToken> {
        self.token_set.refresh_token()
    }
}

/// The nonce of one authorization request (OpenID Connect Core section 3.1.2.1).
pub struct Nonce(pub(crate) Zeroizing<String>);

impl Nonce {
    /// The nonce itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce([redacted])")
    }
}
