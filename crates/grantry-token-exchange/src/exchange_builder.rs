//! Builds a token exchange, and refuses what could not work.

use std::fmt;
use std::sync::Arc;

use grantry_core::{Error, GrantKey};
use grantry_endpoint::{TokenEndpoint, check_parameter_value, check_parameters, checked_target};
use zeroize::Zeroizing;

use crate::exchange::Shown;
use crate::parameters::{self, Parameters};
use crate::{SubjectTokens, TokenExchange, TokenIssue, TokenType};

/// Parameters of RFC 8693 section 2.1, and where they are set.
const ELSEWHERE: &[(&str, &str)] = &[
    ("audience", "use audience()"),
    ("subject_token", "the builder takes it"),
    ("subject_token_type", "the builder takes it"),
    ("actor_token", "use actor()"),
    ("actor_token_type", "use actor()"),
    ("requested_token_type", "use requested_token_type()"),
];

/// Builds [`TokenExchange`], or [`TokenIssue`].
#[derive(Clone)]
#[must_use]
pub struct TokenExchangeBuilder {
    endpoint: TokenEndpoint,
    subject: Shown,
    actor: Option<Shown>,
    requested: Option<TokenType>,
    scopes: Vec<String>,
    audiences: Vec<String>,
    resources: Vec<String>,
    parameters: Parameters,
    key: Option<GrantKey>,
}

impl TokenExchangeBuilder {
    pub(crate) fn new(
        endpoint: TokenEndpoint,
        tokens: Arc<dyn SubjectTokens>,
        token_type: TokenType,
    ) -> Self {
        Self {
            endpoint,
            subject: Shown { tokens, token_type },
            actor: None,
            requested: None,
            scopes: Vec::new(),
            audiences: Vec::new(),
            resources: Vec::new(),
            parameters: Vec::new(),
            key: None,
        }
    }

    /// Shows the token of who acts for the subject (delegation), and what that is.
    pub fn actor(mut self, actor: impl SubjectTokens, actor_token_type: TokenType) -> Self {
        self.actor = Some(Shown { tokens: Arc::new(actor), token_type: actor_token_type });
        self
    }

    /// What the token that comes back is to be. With none the server chooses, mostly an access token.
    pub fn requested_token_type(mut self, token_type: TokenType) -> Self {
        self.requested = Some(token_type);
        self
    }

    /// Asks for a scope (RFC 6749 section 3.3); may be called several times, and a text with spaces is several
    /// scopes. With none at all the server chooses.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Asks for several scopes.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Names a service that the token is for, by a name that the server knows (RFC 8693 section 2.1). May be called
    /// several times; a repeat is left out.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Names a resource that the token is for, by its address: an absolute URI without a fragment. May be called
    /// several times; a repeat is left out.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Adds a parameter of the server's own, which may be a secret.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), Zeroizing::new(value.into())));
        self
    }

    /// Whose grant it is, for the events that the endpoint tells.
    pub fn key(mut self, key: GrantKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Checks everything, for access tokens.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration), with what to change: a scope, audience, resource or
    /// parameter that is not usable; a requested token type that is never presented to an API.
    pub fn build(self) -> Result<TokenExchange, Error> {
        if self.requested.as_ref().is_some_and(TokenType::is_no_access_token) {
            return Err(Error::configuration(
                "the token type that is requested is not one to present to an API, and a grant is for those alone: use \
                 build_issue(), or request an access token",
            ));
        }
        self.checked()
    }

    /// Checks everything, for tokens of any type.
    ///
    /// # Errors
    /// As [`build`](Self::build), but for the requested token type.
    pub fn build_issue(self) -> Result<TokenIssue, Error> {
        self.checked().map(TokenIssue)
    }

    fn checked(self) -> Result<TokenExchange, Error> {
        check_parameters(&self.parameters, ELSEWHERE)?;
        let mut audiences: Vec<String> = Vec::new();
        for audience in self.audiences {
            check_parameter_value("audience", &audience)?;
            if !audiences.contains(&audience) {
                audiences.push(audience);
            }
        }
        let target = checked_target(self.endpoint.server(), &self.scopes, &self.resources)?;
        Ok(TokenExchange {
            endpoint: self.endpoint,
            subject: self.subject,
            actor: self.actor,
            requested: self.requested,
            target,
            audiences,
            parameters: self.parameters,
            key: self.key,
        })
    }
}

impl fmt::Debug for TokenExchangeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenExchangeBuilder")
            .field("endpoint", &self.endpoint)
            .field("subject_token_type", &self.subject.token_type)
            .field("requested_token_type", &self.requested)
            .field("scopes", &self.scopes)
            .field("audiences", &self.audiences)
            .field("resources", &self.resources)
            .field("parameters", &parameters::names(&self.parameters))
            .finish_non_exhaustive()
    }
}
