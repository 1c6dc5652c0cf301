//! The grant.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use grantry_core::{Attempt, Failure, Grant, GrantKey, Target, TokenSet};
use grantry_endpoint::{Redeemed, TokenEndpoint, TokenRequest, check_parameter_value};

use crate::parameters::{self, Parameters};
use crate::{SubjectTokens, TokenExchangeBuilder, TokenType, explained};

/// The grant type's registered name (RFC 8693 section 2.1).
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// A token that is handed in, and what it is.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) tokens: Arc<dyn SubjectTokens>,
    pub(crate) token_type: TokenType,
}

/// Obtains access tokens by token exchange (RFC 8693): a token is shown, and another one comes back.
///
/// The subject token, and the actor token if there is one, are asked for anew in each attempt; where one cannot be had,
/// nothing is sent. There is nothing to renew with: a refresh token in the answer is never spent.
///
/// **Cancel-safety**: dropping `obtain` may lose a token that the server has issued, and nothing else.
/// **Concurrency**: calls are independent.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::sync::Arc;
/// # use grantry_core::{Attempt, Error, Grant, Token, TokenSource};
/// # use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint, TokenRequest};
/// # let registered = grantry_testkit::RegisteredClient::with_secret("gateway", "s3cret");
/// # let test = grantry_testkit::TestServer::builder().client(registered).build();
/// # let client = Client::new("gateway", ClientAuthentication::secret_basic("s3cret"))?;
/// # let endpoint = TokenEndpoint::new(test.authorization_server()?, client, Arc::new(test.transport()))?;
/// # let first = endpoint.request(TokenRequest::new("client_credentials"), Attempt::first()).await;
/// # let first = first.map_err(|failure| failure.error)?;
/// # #[derive(Debug)]
/// # struct Held(Token);
/// # #[async_trait::async_trait]
/// # impl TokenSource for Held {
/// #     fn ready(&self) -> Option<Token> { Some(self.0.clone()) }
/// #     async fn token(&self) -> Result<Token, Error> { Ok(self.0.clone()) }
/// #     fn reject(&self, _: &Token) {}
/// # }
/// # let people = Arc::new(Held(first.token().clone()));
/// # let own = people.clone();
/// use grantry_token_exchange::{FromSource, TokenExchange, TokenType};
///
/// // This service acts for a person, and the token says so.
/// let exchange = TokenExchange::builder(endpoint, FromSource::new(people), TokenType::ACCESS_TOKEN)
///     .actor(FromSource::new(own), TokenType::ACCESS_TOKEN)
///     .resource("https://orders.example.com")
///     .scope("orders.read")
///     .build()?;
/// let set = exchange.obtain(Attempt::first()).await.map_err(|failure| failure.error)?;
/// assert_eq!(set.token().scope().as_str(), "orders.read");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenExchange {
    pub(crate) endpoint: TokenEndpoint,
    pub(crate) subject: Shown,
    pub(crate) actor: Option<Shown>,
    pub(crate) requested: Option<TokenType>,
    pub(crate) target: Target,
    pub(crate) audiences: Vec<String>,
    pub(crate) parameters: Parameters,
    pub(crate) key: Option<GrantKey>,
}

impl TokenExchange {
    /// Starts from the token endpoint, the token that is exchanged, and what that is.
    pub fn builder(
        endpoint: TokenEndpoint,
        subject: impl SubjectTokens,
        subject_token_type: TokenType,
    ) -> TokenExchangeBuilder {
        TokenExchangeBuilder::new(endpoint, Arc::new(subject), subject_token_type)
    }

    /// The same as `obtain`, with what else the answer says: above all
    /// [`issued_token_type`](Redeemed::issued_token_type).
    ///
    /// # Errors
    /// As [`TokenEndpoint::request`]; and [`InvalidAnswer`](grantry_core::ErrorKind::InvalidAnswer) where the token
    /// that came is no access token.
    pub async fn exchange(&self, attempt: Attempt<'_>) -> Result<Redeemed, Failure> {
        let request = self.request().await?;
        self.endpoint.redeem(request, attempt).await.map_err(explained::exchange)
    }

    /// What the tokens are for: the scope and the resources that are asked for.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Where the tokens come from.
    pub fn endpoint(&self) -> &TokenEndpoint {
        &self.endpoint
    }

    /// The request of one attempt, with tokens that are valid now.
    pub(crate) async fn request(&self) -> Result<TokenRequest, Failure> {
        let mut request = TokenRequest::new(GRANT_TYPE).scope(self.target.scope.clone());
        for resource in &self.target.resources {
            request = request.resource(resource);
        }
        for audience in &self.audiences {
            request = request.parameter("audience", audience);
        }
        if let Some(requested) = &self.requested {
            request = request.parameter("requested_token_type", requested.as_str());
        }
        let shown = [Some(("subject_token", &self.subject)), self.actor.as_ref().map(|a| ("actor_token", a))];
        for (name, shown) in shown.into_iter().flatten() {
            let token = shown.tokens.token().await.map_err(Failure::unsent)?;
            // Left out, it would be a request that means something else.
            check_parameter_value(name, token.expose()).map_err(Failure::unsent)?;
            request = request
                .parameter(name, token.expose())
                .parameter(format!("{name}_type"), shown.token_type.as_str());
        }
        for (name, value) in &self.parameters {
            request = request.parameter(name, value.as_str());
        }
        Ok(match &self.key {
            Some(key) => request.key(key.clone()),
            None => request,
        })
    }
}

#[async_trait]
impl Grant for TokenExchange {
    async fn obtain(&self, attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        self.exchange(attempt).await.map(|redeemed| redeemed.token_set)
    }
}

impl fmt::Debug for TokenExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenExchange")
            .field("endpoint", &self.endpoint)
            .field("subject_token_type", &self.subject.token_type)
            .field("actor_token_type", &self.actor.as_ref().map(|actor| &actor.token_type))
            .field("requested_token_type", &self.requested)
            .field("target", &self.target)
            .field("audiences", &self.audiences)
            .field("parameters", &parameters::names(&self.parameters))
            .finish_non_exhaustive()
    }
}
