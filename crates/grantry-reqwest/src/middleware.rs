//! The same as a middleware.

use async_trait::async_trait;
use grantry_core::TokenSource;
use grantry_core::presenting::AllowedOrigins;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next};

use crate::error::without_query;
use crate::present::{Carrier, Refused, Terms, present};
use crate::redirect::Redirects;

/// Puts a token on every request that passes through a `reqwest-middleware` stack.
///
/// What stands after it in the stack sees the token, and each send apart; what stands before it sees one request
/// and one answer. So tracing and retries after outages belong before it. The errors of this crate arrive as
/// `reqwest_middleware::Error::Middleware` and downcast to [`grantry_core::Error`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # use grantry_core::{AccessToken, Clock as _, Error, SystemClock, Token, TokenSet, TokenSource};
/// # #[derive(Debug)]
/// # struct Held(Token);
/// # #[async_trait::async_trait]
/// # impl TokenSource for Held {
/// #     fn ready(&self) -> Option<Token> { Some(self.0.clone()) }
/// #     async fn token(&self) -> Result<Token, Error> { Ok(self.0.clone()) }
/// #     fn reject(&self, _: &Token) {}
/// # }
/// # let _ = rustls::crypto::ring::default_provider().install_default();
/// # let set = TokenSet::builder(AccessToken::new("t0ken"), SystemClock::new().now()).build()?;
/// # let source = Held(set.token().clone());
/// # let server = grantry_testkit::RawServer::start(grantry_testkit::RawAnswer::json("[]")).await?;
/// # let api_url = server.origin();
/// use grantry_reqwest::AuthorizeMiddleware;
///
/// // A proxy of the environment would see what goes over plain http, also to this machine.
/// let plain = reqwest::Client::builder().no_proxy().build()?;
/// let client = reqwest_middleware::ClientBuilder::new(plain)
///     .with(AuthorizeMiddleware::new(source, [&api_url])?)
///     .build();
/// let orders = client.get(format!("{api_url}/orders")).send().await?;
/// assert_eq!(orders.status(), 200);
/// # let seen = String::from_utf8_lossy(server.exchanges()[0].expose_request()).to_lowercase();
/// # assert!(seen.contains("authorization: bearer t0ken"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AuthorizeMiddleware {
    source: Box<dyn TokenSource>,
    origins: AllowedOrigins,
}

impl AuthorizeMiddleware {
    /// Puts tokens of `source` on requests to `origins`, and refuses all others.
    ///
    /// # Errors
    /// What [`AllowedOrigins::new`] refuses.
    pub fn new<O: AsRef<str>>(
        source: impl TokenSource,
        origins: impl IntoIterator<Item = O>,
    ) -> Result<Self, grantry_core::Error> {
        Ok(Self { source: Box::new(source), origins: AllowedOrigins::new(origins)? })
    }
}

#[async_trait]
impl Middleware for AuthorizeMiddleware {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let (source, origins) = (&self.source, &self.origins);
        let terms = Terms { source, origins, redirects: Redirects::Theirs, identity: None };
        present(Rest { next, extensions }, terms, request).await
    }
}

/// The rest of the stack.
struct Rest<'a, 'n> {
    next: Next<'n>,
    extensions: &'a mut Extensions,
}

impl Carrier for Rest<'_, '_> {
    type Error = reqwest_middleware::Error;

    async fn send(&mut self, request: Request) -> Result<Response, Self::Error> {
        self.next.clone().run(request, self.extensions).await.map_err(|error| match error {
            reqwest_middleware::Error::Reqwest(error) => without_query(error).into(),
            other => other,
        })
    }
}

impl From<Refused> for reqwest_middleware::Error {
    fn from(Refused(error): Refused) -> Self {
        Self::middleware(error)
    }
}
