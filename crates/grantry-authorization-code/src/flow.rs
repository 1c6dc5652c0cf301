//! The flow: begins authorizations, and redeems their codes.

mod exchange;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Diagnosis, Error, GrantKey, Retry, Target};
use grantry_endpoint::{DpopKey, PushedAuthorizationRequest, TokenEndpoint};
use url::Url;
use zeroize::Zeroizing;

use crate::id_tokens::IdTokens;
use crate::parameters::{Parameters, append};
use crate::pkce::{self, Verifier};
use crate::random::Random;
use crate::seen_codes::SeenCodes;
use crate::{AuthorizationCodeBuilder, PendingAuthorization, RedirectUrl, UserAgentBinding};

/// The authorization code flow (RFC 6749 section 4.1) of one client at one authorization server.
///
/// Each authorization has a verifier, a state and (where asked for) a nonce of its own, of 256 random bits each.
/// PKCE is always part of it, by S256. Clones are the same flow. **Concurrency**: authorizations are independent.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::sync::Arc;
/// # use grantry_authorization_code::{AuthorizationCode, Callback, UserAgentBinding};
/// # use grantry_core::AuthorizationServer;
/// # use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint};
/// # let callback = "https://app.example.com/callback";
/// # let registered = grantry_testkit::RegisteredClient::with_secret("calendar", "s3cret").redirect_uri(callback);
/// # let test = grantry_testkit::TestServer::builder().client(registered).build();
/// # let (issuer, transport) = (test.issuer(), Arc::new(test.transport()));
/// let server = AuthorizationServer::builder(format!("{issuer}/token"))
///     .authorization_endpoint(format!("{issuer}/authorize"))
///     .issuer(issuer)
///     .build()?;
/// let client = Client::new("calendar", ClientAuthentication::secret_basic("s3cret"))?;
/// let endpoint = TokenEndpoint::new(server, client, transport)?;
/// let flow = AuthorizationCode::builder(endpoint, "https://app.example.com/callback")
///     .scope("calendar.read")
///     .build()?;
///
/// // The person clicks "connect": a value for a cookie, and where to send the browser.
/// let user_agent = flow.user_agent();
/// let (redirect, pending) = flow.begin(&user_agent).await?;
/// let location = redirect.into_location()?;
/// # let back = test.visit(&location).await.ok_or("nobody came back")?;
/// # let query = back.split_once('?').ok_or("no query")?.1;
///
/// // The browser comes back to /callback, with the cookie:
/// let granted = pending.finish(&flow, &user_agent, &Callback::from_query(query)?).await?;
/// if !granted.missing_scope().is_empty() {
///     // The person, or the server, granted less than was asked for.
/// }
/// # assert_eq!(granted.scope().as_str(), "calendar.read");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AuthorizationCode {
    pub(crate) endpoint: TokenEndpoint,
    pub(crate) authorization_endpoint: Url,
    pub(crate) redirect_uri: Arc<str>,
    pub(crate) target: Target,
    /// What every request says besides: response mode, prompt, login hint, extra parameters, and what the server's
    /// facts name.
    pub(crate) fixed: Parameters,
    /// The URL of every request, up to what is new in each.
    pub(crate) beginning: Arc<Zeroizing<String>>,
    /// Whether an ID token is asked for.
    pub(crate) nonce: bool,
    pub(crate) max_age: Option<Duration>,
    pub(crate) id_tokens: IdTokens,
    pub(crate) pushed: bool,
    /// Whether nothing proves to the token endpoint that the code is ours.
    pub(crate) without_pkce: bool,
    pub(crate) lifetime: Duration,
    pub(crate) key: Option<GrantKey>,
    /// Codes that came, and were sent.
    pub(crate) codes: Arc<SeenCodes>,
}

impl AuthorizationCode {
    /// Starts from the two things every such flow has: the token endpoint, which knows server and client, and the
    /// redirect URI exactly as it is registered there.
    pub fn builder(endpoint: TokenEndpoint, redirect_uri: impl Into<String>) -> AuthorizationCodeBuilder {
        AuthorizationCodeBuilder::new(endpoint, redirect_uri.into())
    }

    /// A new value for a user agent that has none yet.
    pub fn user_agent(&self) -> UserAgentBinding {
        UserAgentBinding::new(&**self.endpoint.entropy())
    }

    /// Begins an authorization in this user agent: where to send it, and what to keep until it comes back.
    ///
    /// Nothing is sent, unless the request is pushed (RFC 9126). Dropping the future leaves nothing behind that does
    /// not expire by itself.
    ///
    /// # Errors
    /// Of the pushed request, and where no key can be made that the tokens would be bound to; begin again, which spends
    /// nothing.
    pub async fn begin(
        &self,
        user_agent: &UserAgentBinding,
    ) -> Result<(RedirectUrl, PendingAuthorization), Error> {
        let pending = self.pending(user_agent, self.endpoint.new_dpop_key()?);
        let client = self.endpoint.client().id().as_str();
        let (url, expires) = if self.pushed {
            let mut request = PushedAuthorizationRequest::to(&self.endpoint)?;
            for (name, value) in &self.parameters() {
                request = request.parameter(name, value.as_str());
            }
            for (name, value) in new_in(&pending) {
                request = request.parameter(name, value.as_str());
            }
            let pushed = request.send().await.map_err(not_pushed)?;
            // Nothing else: the server has it all (RFC 9126 section 4).
            let url = append(
                &self.authorization_endpoint,
                [("client_id", client), ("request_uri", pushed.expose())],
            );
            (url, Some(pushed.expires()))
        } else {
            let new: Vec<_> = new_in(&pending).collect();
            let room: usize = new.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
            // The size is exact, so the buffer never moves.
            let mut url = Zeroizing::new(String::with_capacity(self.beginning.len() + room));
            url.push_str(&self.beginning);
            for (name, value) in &new {
                // Letters, digits, `-` and `_`: nothing to escape.
                url.extend(["&", name, "=", value.as_str()]);
            }
            (url, None)
        };
        let clock = Arc::clone(self.endpoint.clock());
        Ok((RedirectUrl { url, expires, clock }, pending))
    }

    /// What is asked for.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Where the tokens come from.
    pub fn endpoint(&self) -> &TokenEndpoint {
        &self.endpoint
    }

    /// Where the server sends the person back to.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Whether a pending authorization was begun by such a flow: its code may go to this token endpoint.
    pub fn began(&self, pending: &PendingAuthorization) -> bool {
        self.differences(pending).next().is_none()
    }

    /// In what a pending authorization differs from what this flow begins.
    pub(crate) fn differences(&self, pending: &PendingAuthorization) -> impl Iterator<Item = &'static str> {
        let server = self.endpoint.server();
        let is_same_server = pending.issuer.as_deref() == server.issuer()
            && pending.token_endpoint == server.token_endpoint().as_str();
        let same = [
            ("server", is_same_server),
            ("client", pending.client == *self.endpoint.client().id()),
            ("redirect URI", pending.redirect_uri == *self.redirect_uri),
            // Whoever can change what is kept takes no protection away.
            ("code challenge", pending.verifier.is_some() || self.without_pkce),
        ];
        same.into_iter().filter(|(_, same)| !same).map(|(what, _)| what)
    }

    /// Whether the response comes as a form ([`form_post`](AuthorizationCodeBuilder::form_post)).
    pub fn is_form_post(&self) -> bool {
        self.fixed.iter().any(|(name, value)| name == "response_mode" && value.as_str() == "form_post")
    }

    fn pending(&self, user_agent: &UserAgentBinding, dpop_key: Option<DpopKey>) -> PendingAuthorization {
        let (server, entropy) = (self.endpoint.server(), &**self.endpoint.entropy());
        let clock = self.endpoint.clock();
        PendingAuthorization {
            state: Random::new(entropy),
            verifier: (!self.without_pkce).then(|| Verifier::new(entropy)),
            nonce: self.nonce.then(|| Random::new(entropy)),
            dpop_key,
            user_agent: user_agent.hash(),
            issuer: server.issuer().map(str::to_owned),
            token_endpoint: server.token_endpoint().as_str().to_owned(),
            client: self.endpoint.client().id().clone(),
            redirect_uri: self.redirect_uri.as_ref().to_owned(),
            scope: self.target.scope.clone(),
            resources: self.target.resources.clone(),
            max_age: self.max_age,
            expires: clock.now().after(self.lifetime),
            expires_wall: clock.wall().after(self.lifetime),
            lifetime: self.lifetime,
        }
    }

    /// The URL of every request up to what is new in each.
    pub(crate) fn with_beginning(mut self) -> Self {
        let parameters = self.parameters();
        let client = [("client_id", self.endpoint.client().id().as_str())];
        let all = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.beginning = Arc::new(append(&self.authorization_endpoint, client.into_iter().chain(all)));
        self
    }

    /// All that is the same in every request but `client_id`, which is set by whoever sends them.
    fn parameters(&self) -> Parameters {
        let separator = self.endpoint.server().scope_separator().to_string();
        let scope = self.target.scope.tokens().collect::<Vec<_>>().join(&separator);
        let plain = |name: &str, value: &str| (name.to_owned(), Zeroizing::new(value.to_owned()));
        let mut all = vec![plain("response_type", "code"), plain("redirect_uri", &self.redirect_uri)];
        if !scope.is_empty() {
            all.push(plain("scope", &scope));
        }
        all.extend(self.target.resources.iter().map(|resource| plain("resource", resource)));
        if !self.without_pkce {
            all.push(plain("code_challenge_method", pkce::METHOD));
        }
        all.extend(self.fixed.iter().cloned());
        all
    }
}

/// What is new in each request.
fn new_in(pending: &PendingAuthorization) -> impl Iterator<Item = (&'static str, Zeroizing<String>)> {
    let nonce = pending.nonce.as_ref().map(|nonce| ("nonce", nonce.text()));
    let challenge =
        pending.verifier.as_ref().map(|verifier| ("code_challenge", Zeroizing::new(verifier.challenge())));
    // So that the code is worth nothing without the key either (RFC 9449 section 10).
    let key = pending.dpop_key.as_ref().map(|key| ("dpop_jkt", Zeroizing::new(key.thumbprint().to_owned())));
    [("state", pending.state.text())].into_iter().chain(challenge).chain(nonce).chain(key)
}

/// No source tries this again: whoever began does.
fn not_pushed(error: Error) -> Error {
    let said = error.diagnosis();
    if said.retry() == Retry::Never {
        return error;
    }
    let remedy = "begin again; nothing was spent";
    let own = Diagnosis::new(said.party(), remedy, said.retry());
    let own = said.causes().map(str::to_owned).fold(own, Diagnosis::cause);
    error.with_diagnosis(own)
}

impl AuthorizationCode {
    /// The values of parameters that may be secrets: all but those of which every value is known, and the server's
    /// facts.
    pub(crate) fn added(&self) -> impl Iterator<Item = &str> {
        let facts = self.endpoint.server().authorization_parameters();
        let public = move |name: &str, value: &str| {
            ["prompt", "response_mode", "max_age"].contains(&name)
                || facts.iter().any(|(n, v)| n == name && v == value)
        };
        let added = self.fixed.iter().filter(move |(name, value)| !public(name, value));
        added.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for AuthorizationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.fixed.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("AuthorizationCode")
            .field("endpoint", &self.endpoint)
            .field("redirect_uri", &self.redirect_uri)
            .field("target", &self.target)
            .field("parameters", &names)
            .field("pushed", &self.pushed)
            .finish_non_exhaustive()
    }
}
