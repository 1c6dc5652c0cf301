//! What a finished authorization brought.

use grantry_core::{RefreshToken, Scope, TokenSet};
use grantry_endpoint::{FurtherParameters, IdToken, IdTokenClaims};

/// The tokens that a person's consent brought, and what was asked for.
///
/// It is made in one place, where the ID token has been checked if one was asked for, and by nobody else:
///
/// ```compile_fail,E0639
/// # use grantry_authorization_code::Granted;
/// fn forge(of_another: Granted) -> Granted {
///     Granted { claims: None, ..of_another }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Granted {
    /// Access token, refresh token and granted scope. A scope that the answer leaves out is the one asked for.
    pub token_set: TokenSet,
    /// The scope that was asked for.
    pub requested: Scope,
    /// The issuer that was asked, where the server's facts name one.
    pub issuer: Option<String>,
    /// Who logged in, as the checked ID token says; `None` where none was asked for, or none came and may be missing.
    pub claims: Option<IdTokenClaims>,
    /// The ID token itself, where it was checked: a hint for later requests to this server (`id_token_hint`). It proves
    /// nothing to anybody else.
    pub id_token: Option<IdToken>,
    /// What else the answer said and the server's facts say to keep, such as `instance_url`; the token set has it too, for
    /// whoever keeps that.
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
