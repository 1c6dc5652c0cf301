//! The client that puts a token on every request.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use grantry_core::presenting::AllowedOrigins;
use grantry_core::{Thumbprint, TokenSource};
use reqwest::{IntoUrl, Method, Request, Response};

use crate::present::{Terms, present};
use crate::redirect::Redirects;
use crate::{AuthorizedRequestBuilder, Error};

/// A reqwest client whose every request carries a token.
///
/// Its methods are those of [`reqwest::Client`]; clones share one connection pool and one source.
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
/// use grantry_reqwest::AuthorizedClient;
///
/// let api = AuthorizedClient::from_builder(reqwest::Client::builder(), source, [&api_url])?;
/// let orders = api.get(format!("{api_url}/orders")).query(&[("open", "yes")]).send().await?;
/// assert_eq!(orders.status(), 200);
/// # let seen = String::from_utf8_lossy(server.exchanges()[0].expose_request()).to_lowercase();
/// # assert!(seen.contains("authorization: bearer t0ken"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// **Cancel-safety**: dropping a future of `send` or `execute` drops the request, as with reqwest; a renewal
/// that it waited for goes on and loses nothing.
#[derive(Clone)]
pub struct AuthorizedClient(Arc<Inner>);

struct Inner {
    client: reqwest::Client,
    source: Box<dyn TokenSource>,
    origins: AllowedOrigins,
    redirects: Redirects,
    identity: Option<Thumbprint>,
}

impl AuthorizedClient {
    /// Puts tokens of `source` on requests of `client`, to `origins` and nowhere else.
    ///
    /// The client keeps its settings, its redirect policy among them; see the [crate](crate) for what that
    /// means, and [`AuthorizedClient::from_builder`] for the stricter way. It keeps its proxies too: where one of
    /// the origins is http, build it with `no_proxy`, or a proxy of the environment sees the token in clear. And it
    /// keeps its `default_headers`, which nobody can see: a `Host` among them sends every token to another place.
    ///
    /// # Errors
    /// What [`AllowedOrigins::new`] refuses.
    pub fn new<O: AsRef<str>>(
        client: reqwest::Client,
        source: impl TokenSource,
        origins: impl IntoIterator<Item = O>,
    ) -> Result<Self, grantry_core::Error> {
        let origins = AllowedOrigins::new(origins)?;
        Ok(Self::with(client, Box::new(source), origins, Redirects::Theirs, None))
    }

    /// Builds the client as well. It follows redirects inside the origin of the request only, at most ten, and
    /// hands any other to the caller; it resolves `localhost` to loopback addresses itself. With an http origin
    /// among `origins` it uses no proxy, whether of the environment or of the builder: the proxy would see the
    /// token.
    ///
    /// # Errors
    /// What [`AllowedOrigins::new`] refuses, and of kind `Configuration` where reqwest cannot build the client.
    pub fn from_builder<O: AsRef<str>>(
        builder: reqwest::ClientBuilder,
        source: impl TokenSource,
        origins: impl IntoIterator<Item = O>,
    ) -> Result<Self, grantry_core::Error> {
        Self::build(builder, source, origins, None)
    }

    /// The same with a certificate of its own for mutual TLS (RFC 8705): a PEM text with the certificate (and those
    /// between it and its root) and its private key. Every connection presents it, and a token that is bound to it goes
    /// over this client; one that is bound to another is refused. It has no effect over http, nor on a builder with a TLS
    /// configuration of its own (`tls_backend_preconfigured`): the server then refuses the token.
    ///
    /// # Errors
    /// As [`from_builder`](Self::from_builder), and of kind `Configuration` where the text cannot be used.
    #[cfg(feature = "mutual-tls")]
    pub fn with_identity<O: AsRef<str>>(
        builder: reqwest::ClientBuilder,
        pem: impl AsRef<[u8]>,
        source: impl TokenSource,
        origins: impl IntoIterator<Item = O>,
    ) -> Result<Self, grantry_core::Error> {
        let unusable =
            || grantry_core::Error::configuration("the client certificate and its key are not PEM of both");
        let thumbprint = grantry_jose::certificate_thumbprint(&pem).map_err(|e| unusable().with_source(e))?;
        // Its error may quote the text.
        let identity = reqwest::Identity::from_pem(pem.as_ref()).map_err(|_| unusable())?;
        // Where the platform's own TLS library is built in too, it would be asked for a client with a certificate that is not
        // for it.
        let builder = builder.tls_backend_rustls().identity(identity);
        Self::build(builder, source, origins, Some(Thumbprint(thumbprint)))
    }

    fn build<O: AsRef<str>>(
        builder: reqwest::ClientBuilder,
        source: impl TokenSource,
        origins: impl IntoIterator<Item = O>,
        identity: Option<Thumbprint>,
    ) -> Result<Self, grantry_core::Error> {
        let origins = AllowedOrigins::new(origins)?;
        let is_clear = origins.iter().any(|origin| origin.scheme() == "http");
        let builder = if is_clear { builder.no_proxy() } else { builder };
        let loopback = [(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()];
        let client = builder
            .redirect(reqwest::redirect::Policy::none())
            .resolve_to_addrs("localhost", &loopback)
            .build()
            .map_err(|error| {
                grantry_core::Error::configuration("the HTTP client could not be built").with_source(error)
            })?;
        Ok(Self::with(client, Box::new(source), origins, Redirects::Ours, identity))
    }

    fn with(
        client: reqwest::Client,
        source: Box<dyn TokenSource>,
        origins: AllowedOrigins,
        redirects: Redirects,
        identity: Option<Thumbprint>,
    ) -> Self {
        Self(Arc::new(Inner { client, source, origins, redirects, identity }))
    }

    /// Starts a GET request.
    pub fn get<U: IntoUrl>(&self, url: U) -> AuthorizedRequestBuilder {
        self.request(Method::GET, url)
    }

    /// Starts a POST request.
    pub fn post<U: IntoUrl>(&self, url: U) -> AuthorizedRequestBuilder {
        self.request(Method::POST, url)
    }

    /// Starts a PUT request.
    pub fn put<U: IntoUrl>(&self, url: U) -> AuthorizedRequestBuilder {
        self.request(Method::PUT, url)
    }

    /// Starts a PATCH request.
    pub fn patch<U: IntoUrl>(&self, url: U) -> AuthorizedRequestBuilder {
        self.request(Method::PATCH, url)
    }

    /// Starts a DELETE request.
    pub fn delete<U: IntoUrl>(&self, url: U) -> AuthorizedRequestBuilder {
        self.request(Method::DELETE, url)
    }

    /// Starts a HEAD request.
    pub fn head<U: IntoUrl>(&self, url: U) -> AuthorizedRequestBuilder {
        self.request(Method::HEAD, url)
    }

    /// Starts a request of any method. A URL that is none is an error of [`AuthorizedRequestBuilder::send`].
    pub fn request<U: IntoUrl>(&self, method: Method, url: U) -> AuthorizedRequestBuilder {
        AuthorizedRequestBuilder::new(self.clone(), self.0.client.request(method, url))
    }

    /// Sends a request that was built elsewhere, with a token on it.
    ///
    /// # Errors
    /// See [`AuthorizedRequestBuilder::send`].
    pub async fn execute(&self, request: Request) -> Result<Response, Error> {
        let Inner { client, source, origins, redirects, identity } = &*self.0;
        let terms = Terms { source, origins, redirects: *redirects, identity: *identity };
        present(client, terms, request).await
    }

    /// The origins that tokens go to.
    pub fn origins(&self) -> &AllowedOrigins {
        &self.0.origins
    }
}

impl fmt::Debug for AuthorizedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizedClient")
            .field("source", &self.0.source)
            .field("origins", &self.0.origins)
            .field("identity", &self.0.identity)
            .finish_non_exhaustive()
    }
}
