//! What a flow asks of the token endpoint.

use std::fmt;

use grantry_core::{Error, GrantKey, RefreshToken, Scope};
use zeroize::Zeroizing;

use crate::DpopKey;

/// A token request (RFC 6749 section 3.2) without the client's authentication, which the endpoint adds.
///
/// ```
/// use grantry_core::Scope;
/// use grantry_endpoint::TokenRequest;
/// let request = TokenRequest::new("client_credentials")
///     .scope(Scope::parse("orders.read")?)
///     .parameter("audience", "https://api.example.com")
///     .resource("https://api.example.com/orders");
/// # Ok::<(), grantry_core::InvalidScope>(())
/// ```
#[must_use]
pub struct TokenRequest {
    pub(crate) grant_type: String,
    pub(crate) parameters: Vec<(String, Zeroizing<String>)>,
    pub(crate) scope: Scope,
    pub(crate) assumed_scope: Option<Scope>,
    pub(crate) kept_refresh_token: Option<RefreshToken>,
    pub(crate) key: Option<GrantKey>,
    pub(crate) dpop_key: Option<DpopKey>,
}

/// Parameters that are the endpoint's to set.
const OURS: [&str; 6] =
    ["grant_type", "scope", "client_id", "client_secret", "client_assertion", "client_assertion_type"];

/// The grant type in which `audience` may be repeated (RFC 8693 section 2.1).
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// Parameters that are never secret.
const PUBLIC: [&str; 2] = ["audience", "resource"];

impl TokenRequest {
    /// A request of this grant type.
    pub fn new(grant_type: impl Into<String>) -> Self {
        Self {
            grant_type: grant_type.into(),
            parameters: Vec::new(),
            scope: Scope::EMPTY,
            assumed_scope: None,
            kept_refresh_token: None,
            key: None,
            dpop_key: None,
        }
    }

    /// Adds a parameter, which may be a secret. An empty one is left out. It takes the place of a parameter of
    /// this name that the server's facts name for every request.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), Zeroizing::new(value.into())));
        self
    }

    /// Adds a resource indicator (RFC 8707), the one parameter that may be repeated in any request. The other is
    /// `audience`, in a token exchange (RFC 8693 section 2.1) alone: elsewhere no RFC knows it.
    pub fn resource(self, resource: impl Into<String>) -> Self {
        self.parameter("resource", resource)
    }

    /// The scope to ask for. Left out, the server chooses.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// What is granted where the answer names no scope, if that is another than the one asked for: a refresh
    /// request without a scope asks for the one that was granted before.
    pub fn assumed_scope(mut self, scope: Scope) -> Self {
        self.assumed_scope = Some(scope);
        self
    }

    /// The refresh token that stays where the answer names none (RFC 6749 section 6).
    pub fn keeping_refresh_token(mut self, refresh_token: RefreshToken) -> Self {
        self.kept_refresh_token = Some(refresh_token);
        self
    }

    /// Whose grant it is, for the events.
    pub fn key(mut self, key: GrantKey) -> Self {
        self.key = Some(key);
        self
    }

    /// The key that the grant is bound to (RFC 9449 section 5); left out, the endpoint's own is used, if it has one.
    pub fn dpop_key(mut self, key: DpopKey) -> Self {
        self.dpop_key = Some(key);
        self
    }

    /// Checks that no parameter is repeated or the endpoint's own.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.grant_type.is_empty() {
            return Err(Error::configuration("a token request needs a grant type"));
        }
        for (nth, (name, _)) in self.parameters.iter().enumerate() {
            if OURS.contains(&name.as_str()) {
                return Err(Error::configuration(format!(
                    "the parameter {name} is set by the token endpoint itself: leave it out"
                )));
            }
            let before = self.parameters.iter().take(nth);
            if !self.may_repeat(name) && before.clone().any(|(other, _)| other == name) {
                return Err(Error::configuration(
                    "a parameter of the token request is repeated: name each one once, resource excepted, and in a \
                     token exchange audience",
                ));
            }
        }
        Ok(())
    }

    /// Whether a parameter may be there several times.
    pub(crate) fn may_repeat(&self, name: &str) -> bool {
        name == "resource" || (name == "audience" && self.grant_type == TOKEN_EXCHANGE)
    }

    /// Whether this is the very refresh token that the request spends.
    pub(crate) fn spends(&self, token: &RefreshToken) -> bool {
        self.parameters
            .iter()
            .any(|(name, value)| name == "refresh_token" && value.as_str() == token.expose())
    }

    /// Whatever among the parameters may be a secret; a text of less than 8 bytes is none worth the name.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let parameters = self.parameters.iter().filter(|(name, _)| !PUBLIC.contains(&name.as_str()));
        parameters.map(|(_, value)| value.as_str()).filter(|value| value.len() >= 8)
    }

    /// Whether the request itself names the parameter.
    pub(crate) fn names(&self, name: &str) -> bool {
        OURS.contains(&name) && (name != "scope" || !self.scope.is_empty())
            || self.parameters.iter().any(|(other, value)| other == name && !value.is_empty())
    }
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("TokenRequest")
            .field("grant_type", &self.grant_type)
            .field("scope", &self.scope)
            .field("parameters", &names)
            .finish_non_exhaustive()
    }
}
