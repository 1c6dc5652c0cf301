//! A token for one request of a client of yours.

use grantry_core::TokenSource;
use grantry_core::presenting::AllowedOrigins;
use reqwest::{RequestBuilder, Response};

use crate::Error;
use crate::present::{Terms, present};
use crate::redirect::Redirects;

/// Sends a request of any `reqwest::Client` with a token. It is implemented for [`RequestBuilder`] and for
/// nothing else.
///
/// The client's own redirect policy holds; see the [crate](crate) for what that means.
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
/// use grantry_core::presenting::AllowedOrigins;
/// use grantry_reqwest::SendAuthorized;
///
/// let origins = AllowedOrigins::new([&api_url])?;
/// let client = reqwest::Client::builder().no_proxy().build()?;
/// let orders = client.get(format!("{api_url}/orders")).send_authorized(&source, &origins).await?;
/// assert_eq!(orders.status(), 200);
/// # let seen = String::from_utf8_lossy(server.exchanges()[0].expose_request()).to_lowercase();
/// # assert!(seen.contains("authorization: bearer t0ken"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait SendAuthorized: sealed::Sealed {
    /// Sends the request with a token of `source`, if it goes to one of `origins`.
    ///
    /// **Cancel-safety**: dropping the future drops the request; a renewal that it waited for goes on.
    ///
    /// # Errors
    /// Those of [`AuthorizedRequestBuilder::send`](crate::AuthorizedRequestBuilder::send).
    fn send_authorized<S: TokenSource + ?Sized>(
        self,
        source: &S,
        origins: &AllowedOrigins,
    ) -> impl Future<Output = Result<Response, Error>> + Send;
}

impl SendAuthorized for RequestBuilder {
    async fn send_authorized<S: TokenSource + ?Sized>(
        self,
        source: &S,
        origins: &AllowedOrigins,
    ) -> Result<Response, Error> {
        let (client, request) = self.build_split();
        let terms = Terms { source, origins, redirects: Redirects::Theirs, identity: None };
        present(&client, terms, request?).await
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for reqwest::RequestBuilder {}
}
