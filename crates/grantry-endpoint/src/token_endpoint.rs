//! The token endpoint (RFC 6749 section 3.2).

mod builder;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{
    Attempt, AuthorizationServer, Binding, Clock, Consumed, Diagnosis, Entropy, Error, ErrorKind, Event,
    Failure, Observer, Party, Retry, Stage, Timestamp, TokenSet,
};

use zeroize::Zeroizing;

pub use builder::TokenEndpointBuilder;

use crate::answer::{self, Granted, Refusal, Wanted};
use crate::channel::{Bounds, Channel, Exchange};
use crate::form::Form;
use crate::quiet::quietly;
use crate::{
    Answer, Client, Dpop, DpopKey, FurtherParameters, IdToken, IssuedToken, TokenRequest, Transport, failure,
};

/// A client at an authorization server's token endpoint: what every flow sends its requests through.
///
/// Answers are classified by status and content, then normalised, before anything parses them as a token.
/// Clones share everything: the measured clock skew, and which of several client secrets works.
///
/// ```
/// use std::sync::Arc;
/// use grantry_core::AuthorizationServer;
/// use grantry_endpoint::{Client, ClientAuthentication, HttpTransport, TokenEndpoint};
///
/// let endpoint = TokenEndpoint::new(
///     AuthorizationServer::builder("https://as.example.com/token").build()?,
///     Client::new("orders", ClientAuthentication::secret_basic("a client secret"))?,
///     Arc::new(HttpTransport::new()?),
/// )?;
/// # Ok::<(), grantry_core::Error>(())
/// ```
#[derive(Clone)]
pub struct TokenEndpoint(Arc<Channel>);

/// What a token request brought.
#[derive(Clone)]
#[non_exhaustive]
pub struct Redeemed {
    /// The tokens.
    pub token_set: TokenSet,
    /// The ID token, where the answer holds one; nobody has validated it yet.
    pub id_token: Option<IdToken>,
    /// What the access token is, where the answer of a token exchange says so (RFC 8693 section 2.2.1), such as
    /// `urn:ietf:params:oauth:token-type:access_token`: at most 256 visible characters of ASCII.
    pub issued_token_type: Option<String>,
    /// What else the answer said and the server's facts say to keep, such as `instance_url`; the token set has it too, for
    /// whoever keeps that.
    pub further: FurtherParameters,
}

/// What a token request came to, and what it brought, if anything.
struct Asked {
    result: Result<(Granted, Exchange), Failure>,
    news: Vec<Event>,
}

impl TokenEndpoint {
    /// An endpoint with the machine's clock and randomness, and nobody listening.
    ///
    /// # Errors
    /// As [`TokenEndpointBuilder::build`].
    pub fn new(
        server: AuthorizationServer,
        client: Client,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, Error> {
        Self::builder(server, client, transport).build()
    }

    /// Starts from the three things every endpoint has.
    pub fn builder(
        server: AuthorizationServer,
        client: Client,
        transport: Arc<dyn Transport>,
    ) -> TokenEndpointBuilder {
        TokenEndpointBuilder::new(server, client, transport)
    }

    /// The facts about the server.
    pub fn server(&self) -> &AuthorizationServer {
        &self.0.server
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// The clock that lifetimes are measured with.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// Who is told what happens.
    pub fn observer(&self) -> &Arc<dyn Observer> {
        self.0.observer.as_inner()
    }

    /// Where random bytes come from.
    pub fn entropy(&self) -> &Arc<dyn Entropy> {
        &self.0.entropy
    }

    /// Now on the wall clock of the authorization server, as far as its answers told how far it is from ours: what
    /// an assertion to it is dated by. No lifetime depends on it.
    pub fn server_time(&self) -> Timestamp {
        self.0.server_clock.now(self.0.clock.wall())
    }

    /// The key of a grant that begins, where tokens are bound to keys ([`TokenEndpointBuilder::dpop`]); `None` where they
    /// are not. Its thumbprint goes into the authorization request (`dpop_jkt`, RFC 9449 section 10), and the key itself
    /// with the token request ([`TokenRequest::dpop_key`]).
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) where the operating system gives no random bytes.
    pub fn new_dpop_key(&self) -> Result<Option<DpopKey>, Error> {
        self.0.dpop.as_ref().map(Dpop::key).transpose()
    }

    /// The key that tokens of a grant were bound to before ([`Attempt::bound_to`]), where each grant has one of its own by that
    /// algorithm: its next token is bound to it, too. `None` leaves the key to the endpoint. What is bound to a key itself, as
    /// refresh tokens are, is redeemed with that in any case.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) where it is no private JWK on P-256 or Ed25519.
    pub fn dpop_key_of(&self, attempt: &Attempt<'_>) -> Result<Option<DpopKey>, Error> {
        let (Some(dpop), Some(kept)) = (&self.0.dpop, attempt.proof_key()) else { return Ok(None) };
        let kept = DpopKey::from_private_key(kept)?;
        Ok(Some(kept).filter(|kept| dpop.goes_on_with(kept)))
    }

    /// The key that the request is proved with.
    fn key_of<'a>(&'a self, request: &'a TokenRequest) -> Option<&'a DpopKey> {
        request.dpop_key.as_ref().or(self.0.dpop_key.as_ref())
    }

    pub(crate) fn channel(&self) -> &Arc<Channel> {
        &self.0
    }

    /// Sends one token request and reads the answer.
    ///
    /// Lifetimes count from when the request was sent. A scope that the answer leaves out is the one that was
    /// asked for; one of a wrong type is empty. One that differs is told to the observer. A refresh token that is
    /// empty or holds control characters is as if it were not there. The generation is counted up only for token
    /// sets with a refresh token: the others are all alike. **Cancel-safety**: dropping the future may lose an
    /// answer to a request that the server has received; who spends a credential runs it to the end.
    ///
    /// # Errors
    /// [`Failure`] says what became of the credential, whether anything was sent, and holds a refresh token
    /// that was found in an unusable answer, unless it is the one that was sent. `invalid_client` moves the client
    /// on to its next secret; while another one is left, or the clock skew was measured only now, the error's
    /// diagnosis says [`Retry::Now`](grantry_core::Retry::Now). What could not be sent because the client's key
    /// did not sign, or because it was too late, is `Unreachable` with a diagnosis that says so.
    pub async fn request(&self, request: TokenRequest, attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        self.redeem(request, attempt).await.map(|redeemed| redeemed.token_set)
    }

    /// The same, with what else the answer brought: for the flows in which a person takes part.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn redeem(&self, request: TokenRequest, attempt: Attempt<'_>) -> Result<Redeemed, Failure> {
        let (result, news) = self.ask(request, attempt).await;
        self.0.tell(news);
        result
    }

    /// The same for a token exchange (RFC 8693) that may bring another token than one to present: an ID token, a SAML
    /// assertion, a refresh token, or any with the token type `N_A`.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn issue(&self, request: TokenRequest, attempt: Attempt<'_>) -> Result<IssuedToken, Failure> {
        let Asked { result, news } = self.exchange(&request, attempt, Wanted::AnyToken).await;
        if let Err(failure) = &result {
            self.trace(&request, failure);
        }
        let result = result.map(|(granted, exchange)| {
            self.0.accepted(&exchange);
            let scope = granted.scope.unwrap_or_else(|| request.scope.clone());
            IssuedToken {
                token: Zeroizing::new(granted.access_token.expose().to_owned()),
                issued_token_type: granted.issued_token_type,
                presentable: granted.presentable,
                expires: granted.expires_in.map(|lifetime| exchange.sent.after(lifetime)),
                scope,
            }
        });
        self.0.tell(news);
        result
    }

    /// The same as `redeem`, with what there is to tell the observer when everything that came is stored.
    pub(crate) async fn ask(
        &self,
        request: TokenRequest,
        attempt: Attempt<'_>,
    ) -> (Result<Redeemed, Failure>, Vec<Event>) {
        let Asked { result, mut news } = self.exchange(&request, attempt, Wanted::AccessToken).await;
        let result = result.and_then(|(mut granted, exchange)| {
            let (id_token, issued_token_type) = (granted.id_token.take(), granted.issued_token_type.take());
            let further = granted.further.clone();
            let token_set = self.token_set(granted, &request, &exchange, attempt, &mut news)?;
            Ok(Redeemed { token_set, id_token, issued_token_type, further })
        });
        if let Err(failure) = &result {
            self.trace(&request, failure);
        }
        (result, news)
    }

    /// Sends the request and understands the answer.
    async fn exchange(&self, request: &TokenRequest, attempt: Attempt<'_>, wanted: Wanted) -> Asked {
        if let Err(error) = request.check() {
            return Asked { result: Err(Failure::unsent(error)), news: Vec::new() };
        }
        let channel = &*self.0;
        let (form, url) = (self.form(request), channel.server.token_endpoint());
        let key = self.key_of(request);
        let exchange = match channel.post_proving(Stage::Token, url, form, Bounds::of(attempt), key).await {
            Ok(exchange) => exchange,
            Err(error) => return Asked { result: Err(error.into()), news: Vec::new() },
        };
        let news: Vec<Event> = Channel::news(&exchange, url).into_iter().collect();
        let result = match &exchange.result {
            Err(failure) => {
                let mut failed = failure::of_token_request(failure, exchange.is_second);
                failed.error = channel.with_wait(failed.error, failure.partial());
                failed.salvaged = failed.salvaged.filter(|found| !request.spends(found));
                Err(failed)
            }
            Ok(answer) => match answer::read(answer, &channel.server, wanted, key.is_some()) {
                Ok(granted) => Ok(granted),
                Err(refusal) => Err(self.refuse(refusal, answer, request, &exchange)),
            },
        };
        Asked { result: result.map(|granted| (granted, exchange)), news }
    }

    fn trace(&self, request: &TokenRequest, failure: &Failure) {
        quietly(|| {
            tracing::debug!(
                server.address = self.0.server.token_endpoint().host_str(),
                oauth.grant_type = request.grant_type.as_str(),
                http.response.status_code = failure.error.status(),
                error.type = failure.error.kind().as_str(),
                "token request failed"
            );
        });
    }

    fn form(&self, request: &TokenRequest) -> Form {
        let server = &self.0.server;
        let mut form = Form::default();
        form.add("grant_type", &request.grant_type);
        let scopes: Vec<&str> = request.scope.tokens().collect();
        form.add("scope", &scopes.join(&server.scope_separator().to_string()));
        for (name, value) in &request.parameters {
            form.add(name, value);
        }
        let mut added: Vec<&str> = Vec::new();
        for (name, value) in server.extra_parameters() {
            let repeated = name != "resource" && added.contains(&name.as_str());
            if !request.names(name) && !repeated {
                form.add(name, value);
                added.push(name);
            }
        }
        form
    }

    fn token_set(
        &self,
        granted: Granted,
        request: &TokenRequest,
        exchange: &Exchange,
        attempt: Attempt<'_>,
        news: &mut Vec<Event>,
    ) -> Result<TokenSet, Failure> {
        let sent = exchange.sent;
        let scope = granted
            .scope
            .unwrap_or_else(|| request.assumed_scope.clone().unwrap_or_else(|| request.scope.clone()));
        let asked =
            if request.scope.is_empty() { request.assumed_scope.as_ref() } else { Some(&request.scope) };
        let changed = asked.filter(|asked| **asked != scope && !asked.is_empty()).cloned();
        let mut set =
            TokenSet::builder(granted.access_token, sent).scope(scope.clone()).further(granted.further);
        match self.key_of(request) {
            Some(key) if granted.bound => {
                set = set.binding(Binding::Proof(self.0.provers.prover(key.clone())))
            }
            Some(_) if !self.0.dpop.as_ref().is_some_and(|dpop| dpop.takes_bearer) => {
                let found = granted.refresh_token.filter(|found| !request.spends(found));
                return Err(Failure::unknown(not_bound()).with_salvaged(found));
            }
            Some(_) => {
                let host = self.0.server.token_endpoint().host_str().unwrap_or_default();
                news.push(Event::not_bound(request.key.clone(), host.to_owned()));
            }
            None => {}
        }
        if let (false, Some(certificate)) = (granted.bound, self.0.certificate) {
            set = set.binding(Binding::Certificate(certificate));
        }
        if let Some(lifetime) = granted.expires_in {
            set = set.expires(sent.after(lifetime));
        }
        let in_time = |wish: &Duration| granted.expires_in.is_none_or(|lifetime| *wish < lifetime);
        if let Some(wish) = granted.refresh_in.filter(|wish| !wish.is_zero()).filter(in_time) {
            set = set.renew_at(sent.after(wish));
        }
        let brought = granted.refresh_token;
        if let Some(refresh_token) = brought.clone().or_else(|| request.kept_refresh_token.clone()) {
            let generation = attempt.replacing().map_or(0, |held| held.generation() + 1);
            set = set.refresh_token(refresh_token).generation(generation);
        }
        let set = set.build().map_err(|e| {
            let error =
                Error::new(ErrorKind::InvalidAnswer, Stage::Token, "the access token cannot be presented");
            let status = exchange.result.as_ref().map_or(200, |answer| answer.status().as_u16());
            let error = error.with_status(status).with_source(e);
            Failure::unknown(error).with_salvaged(brought.filter(|found| !request.spends(found)))
        })?;
        self.0.accepted(exchange);
        if let Some(requested) = changed {
            news.push(Event::scope_changed(request.key.clone(), requested, scope));
        }
        Ok(set)
    }

    fn refuse(
        &self,
        mut refusal: Refusal,
        answer: &Answer,
        request: &TokenRequest,
        exchange: &Exchange,
    ) -> Failure {
        let salvaged = refusal.salvaged.take().filter(|found| !request.spends(found));
        if salvaged.is_some() && refusal.consumed != Consumed::Unknown {
            refusal = Refusal::contradiction("the answer holds an error and a new refresh token at once");
        }
        let secrets: Vec<&str> = request.secrets().collect();
        let error = self.0.refusal(&refusal, answer, exchange, Stage::Token, &secrets);
        match refusal.consumed {
            Consumed::No => Failure::not_consumed(error),
            Consumed::Refused => Failure::refused(error),
            _ => Failure::unknown(error).with_salvaged(salvaged),
        }
    }
}

/// The error for a bearer token in the place of a bound one (RFC 9449 section 5).
fn not_bound() -> Error {
    let fact = "the server was shown a proof, and answered with a token that is not bound to its key";
    Error::new(ErrorKind::InvalidAnswer, Stage::Token, fact).with_diagnosis(
        Diagnosis::new(
            Party::AuthorizationServer,
            "have the server issue DPoP tokens to this client; or, where bearer tokens will do, say so (`or_bearer`)",
            Retry::Never,
        )
        .cause("the server does not know DPoP (RFC 9449)")
        .cause("the client is not registered for it (`dpop_bound_access_tokens`)"),
    )
}

impl fmt::Debug for Redeemed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The type is a text of the server's, which may have written anything there.
        f.debug_struct("Redeemed")
            .field("token_set", &self.token_set)
            .field("id_token", &self.id_token)
            .field("issued_token_type", &self.issued_token_type.is_some())
            .field("further", &self.further)
            .finish()
    }
}

impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenEndpoint")
            .field("server", &self.0.server)
            .field("client", &self.0.client)
            .finish_non_exhaustive()
    }
}
