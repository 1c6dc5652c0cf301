//! What a finished device authorization brought.

use grantry_core::{RefreshToken, Scope, TokenSet};
use grantry_endpoint::{FurtherParameters, IdToken};

/// The tokens that a person's approval brought, and what was asked for.
#[derive(Debug)]
#[non_exhaustive]
pub struct DeviceGranted {
    /// Access token, refresh token and granted scope. A scope that the answer leaves out is the one asked for.
    pub token_set: TokenSet,
    /// The scope that was asked for.
    pub requested: Scope,
    /// The ID token, which **nobody has validated**: it says nothing yet of who the person is.
    pub id_token: Option<IdToken>,
    /// What else the answer said and the server's facts say to keep; the token set has it too, for
    /// whoever keeps that.
    pub further: FurtherParameters,
}

impl DeviceGranted {
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
