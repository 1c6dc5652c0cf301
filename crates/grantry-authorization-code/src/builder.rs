//! Builds the flow, and refuses what could not work.

use std::fmt;
use std::time::Duration;

use grantry_core::{Error, GrantKey, Pkce};
use grantry_endpoint::{TokenEndpoint, check_parameter_value, checked_target};
use zeroize::Zeroizing;

use crate::id_tokens::Wishes;
use crate::parameters::{self, Parameters};
use crate::{AuthorizationCode, redirect_uri};

/// How long a person may take, if nothing else is said.
const LIFETIME: Duration = Duration::from_secs(600);
/// The longest that can be said.
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Builds [`AuthorizationCode`]. Clone it to build several that differ in a scope or a login hint.
#[derive(Clone)]
#[must_use]
pub struct AuthorizationCodeBuilder {
    endpoint: TokenEndpoint,
    redirect_uri: String,
    scopes: Vec<String>,
    resources: Vec<String>,
    prompt: Option<String>,
    login_hint: Option<String>,
    form_post: bool,
    extra: Parameters,
    nonce: bool,
    pushed: bool,
    announced_pkce: bool,
    without_pkce: bool,
    lifetime: Duration,
    key: Option<GrantKey>,
    pub(crate) id_tokens: Wishes,
}

impl AuthorizationCodeBuilder {
    pub(crate) fn new(endpoint: TokenEndpoint, redirect_uri: String) -> Self {
        Self {
            endpoint,
            redirect_uri,
            scopes: Vec::new(),
            resources: Vec::new(),
            prompt: None,
            login_hint: None,
            form_post: false,
            extra: Vec::new(),
            nonce: false,
            pushed: false,
            announced_pkce: false,
            without_pkce: false,
            lifetime: LIFETIME,
            key: None,
            id_tokens: Wishes::default(),
        }
    }

    /// Asks for a scope (RFC 6749 section 3.3); may be called several times, and a text with spaces is several
    /// scopes. Ask for no more than is needed. With none at all the server chooses.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Asks for several scopes.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Names a resource that the tokens are for (RFC 8707), to both endpoints: an absolute URI without a fragment.
    /// May be called several times; a repeat is left out.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// What the server is to ask the person (OpenID Connect Core section 3.1.2.1), such as `consent` or
    /// `select_account`. It takes the place of what the server's facts name for every request.
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = Some(prompt.into());
        self
    }

    /// Whom the server may expect, such as an e-mail address. It goes into a URL, unless the request is pushed.
    pub fn login_hint(mut self, login_hint: impl Into<String>) -> Self {
        self.login_hint = Some(login_hint.into());
        self
    }

    /// Has the response come as a form (`response_mode=form_post`), which no log of URLs sees. The cookie of the
    /// [`UserAgentBinding`](crate::UserAgentBinding) needs `SameSite=None` then.
    pub fn form_post(mut self) -> Self {
        self.form_post = true;
        self
    }

    /// Adds a parameter of the server's own, such as `access_type`. It goes into a URL, unless the request is
    /// pushed. It takes the place of one of this name that the server's facts name for every request
    /// ([`authorization_parameters`](grantry_core::AuthorizationServer::authorization_parameters)).
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.extra.push((name.into(), Zeroizing::new(value.into())));
        self
    }

    /// Asks for an ID token also where `openid` is not in the scope: a nonce is sent, and what comes is checked.
    pub fn nonce(mut self) -> Self {
        self.nonce = true;
        self
    }

    /// Pushes each request to the server (RFC 9126), so that the browser carries a reference alone. It happens by
    /// itself where the server requires it.
    pub fn pushed(mut self) -> Self {
        self.pushed = true;
        self
    }

    /// Refuses a server whose metadata does not announce PKCE by S256, as the Model Context Protocol has it. PKCE is part of
    /// every request in any case, but a server that knows nothing of it ignores it.
    pub fn announced_pkce(mut self) -> Self {
        self.announced_pkce = true;
        self
    }

    /// Leaves PKCE out where the server's facts say that it [does without](Pkce::does_without): that it takes no notice of a
    /// challenge, or that it refuses the verifier. Everywhere else nothing changes. What ties the response to its request
    /// is as ever: the state, the user agent, and the nonce where there is one.
    pub fn without_pkce(mut self) -> Self {
        self.without_pkce = true;
        self
    }

    /// How long a person may take, from 1 s to 24 h; 10 minutes if left out.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Whose grant it will be, for the events that the endpoint tells.
    pub fn key(mut self, key: GrantKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration), with what to change: a server without an
    /// authorization endpoint, without a pushed authorization request endpoint where one is needed, without PKCE by
    /// S256, or that names itself in its responses while nobody said who it is; a client that does not authenticate, and
    /// would go without PKCE; an ID token that is asked for, and that nobody could
    /// check; a redirect URI, scope, resource, parameter or lifetime
    /// that is not usable.
    pub fn build(mut self) -> Result<AuthorizationCode, Error> {
        let server = self.endpoint.server();
        let authorization_endpoint = server.authorization_endpoint().cloned().ok_or_else(|| {
            Error::configuration("the authorization server has no authorization endpoint: name its URL")
        })?;
        redirect_uri::check(&self.redirect_uri)?;
        if server.authorization_response_iss_parameter() && server.issuer().is_none() {
            return Err(Error::configuration(
                "the server names itself in its responses (RFC 9207): name its issuer, to compare it with",
            ));
        }
        let pushed = self.pushed || server.require_pushed_authorization_requests();
        if pushed && server.pushed_authorization_request_endpoint().is_none() {
            return Err(Error::configuration(
                "the requests have to be pushed (RFC 9126), and the server has no endpoint for that: name its URL",
            ));
        }
        match server.pkce() {
            Pkce::Required | Pkce::Supported => {}
            Pkce::WithoutS256 => {
                return Err(Error::configuration(
                    "the server announces PKCE without S256, and plain challenges protect nothing: nothing is sent there",
                ));
            }
            _ if !self.announced_pkce => {}
            _ => {
                return Err(Error::configuration(
                    "the server's metadata does not announce PKCE (code_challenge_methods_supported), which is \
                     required here: use a server that does, or name the fact where you know it",
                ));
            }
        }
        let without_pkce = self.without_pkce && server.pkce().does_without();
        if without_pkce && !self.endpoint.client().is_confidential() {
            return Err(Error::configuration(
                "the client does not authenticate, so that without PKCE a code would be all that a stranger needs: leave \
                 PKCE on",
            ));
        }
        if self.lifetime < Duration::from_secs(1) || self.lifetime > LONGEST_LIFETIME {
            return Err(Error::configuration(
                "the time that a person may take is not between 1 s and 24 h: 10 minutes are enough for most",
            ));
        }
        parameters::check(&self.extra)?;
        self.id_tokens.take_max_age(&mut self.extra)?;
        parameters::check_of_server(server.authorization_parameters())?;
        let target = checked_target(server, &self.scopes, &self.resources)?;
        let nonce = self.id_tokens.want(self.nonce || target.scope.contains("openid"));
        let max_age = self.id_tokens.max_age;
        let id_tokens = self.id_tokens.at(&self.endpoint, nonce)?;
        let mut fixed = self.extra;
        if let Some(max_age) = max_age {
            fixed.push(("max_age".to_owned(), Zeroizing::new(max_age.as_secs().to_string())));
        }
        for (name, value) in [("prompt", self.prompt), ("login_hint", self.login_hint)] {
            if let Some(value) = value {
                check_parameter_value(name, &value)?;
                fixed.push((name.to_owned(), Zeroizing::new(value)));
            }
        }
        if self.form_post {
            fixed.push(("response_mode".to_owned(), Zeroizing::new("form_post".to_owned())));
        }
        parameters::add_of_server(&mut fixed, server.authorization_parameters());
        parameters::check_endpoint(&authorization_endpoint, &fixed)?;
        Ok(AuthorizationCode {
            endpoint: self.endpoint,
            authorization_endpoint,
            redirect_uri: self.redirect_uri.into(),
            target,
            fixed,
            beginning: std::sync::Arc::default(),
            nonce,
            max_age: max_age.filter(|_| nonce),
            id_tokens,
            pushed,
            without_pkce,
            lifetime: self.lifetime,
            key: self.key,
            codes: std::sync::Arc::default(),
        }
        .with_beginning())
    }
}

impl fmt::Debug for AuthorizationCodeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nothing is checked yet, so nothing that a person typed is shown but scopes and names.
        let names: Vec<&str> = self.extra.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("AuthorizationCodeBuilder")
            .field("endpoint", &self.endpoint)
            .field("scopes", &self.scopes)
            .field("parameters", &names)
            .field("pushed", &self.pushed)
            .finish_non_exhaustive()
    }
}
