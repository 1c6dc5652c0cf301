//! Requests: putting tokens on them.
//!
//! Three wrappers do the same: [`AuthorizedClient`](crate::AuthorizedClient) around reqwest (or
//! [`SendAuthorized`](crate::SendAuthorized) for one request of a client of yours), `AuthorizeMiddleware` for
//! `reqwest-middleware` (feature `middleware`), and [`AuthorizeLayer`](crate::AuthorizeLayer) for tower (feature
//! `tower`). What they do is decided in [`presenting`](crate::presenting). No token, no request: nothing is ever
//! sent without one.
//!
//! # `new` or `from_builder`
//!
//! | | [`new`](crate::AuthorizedClient::new) | [`from_builder`](crate::AuthorizedClient::from_builder) |
//! |---|---|---|
//! | the client | the one that you have, with its pool | built here from your settings |
//! | redirects | by the client's own policy | inside the origin only, at most ten; any other is handed to you |
//! | `localhost` | by the client's own resolver | loopback addresses, always |
//! | proxies | the client's own | none where an origin is http |
//! | DPoP proofs | not across redirects | a new one for each hop |
//!
//! # Origins
//!
//! A token goes to the origins that you name (scheme, host and port; a path makes no difference) and nowhere else.
//! There is no wildcard. http is accepted for loopback only. A request to another place is refused before anything
//! is sent, and so is one with a `Host` header that names another place, or with an `Authorization` header of its
//! own. A client from `from_builder` names the host itself. The `default_headers` of one that you hand in are added after
//! the check and nobody can see them: keep `Host` out of them.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # grantry::install_crypto_provider();
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).start().await?;
//! # let source = grantry::client_credentials(test.authorization_server()?, "billing", "s3cret").build()?;
//! use grantry::{AuthorizedClient, ErrorKind, RequestError};
//!
//! let api = AuthorizedClient::new(reqwest::Client::new(), source, ["https://api.example.com"])?;
//! match api.get("https://api.example.net/orders").send().await {
//!     Err(RequestError::Token(error)) => assert_eq!(error.kind(), ErrorKind::OriginNotAllowed),
//!     other => panic!("{other:?}"),
//! }
//! assert_eq!(test.ledger().total(), 0, "nor was a token asked for");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Redirects
//!
//! With `new`, reqwest follows redirects by its own policy, and takes the `Authorization` header off before it goes
//! to another scheme, host or port. What comes from another URL than the one that was asked, a 401 included, is
//! handed on and says nothing about the token, since nobody can see whether the token was still on that request.
//!
//! # Proxies
//!
//! A proxy sees a request to an http URL in clear, its token included, and the environment alone can name one
//! (`HTTP_PROXY`). A client from `from_builder` with an http origin uses no proxy at all. One that you hand in
//! keeps its own: call `no_proxy` on its builder where an origin is http.
//!
//! # What becomes of a 401 and a 403
//!
//! | the answer | what follows |
//! |---|---|
//! | 401 that is about the token, also one that says nothing more | the token is rejected, another is taken, the request is sent once more |
//! | 401 again, or the source has only the same token | `TokenRejected` |
//! | 401 about the token, and the body cannot be replayed | the token is rejected; you get the 401, and the next request another token |
//! | 401 that names another reason (`invalid_request`, ...) or only schemes that have nothing to do with tokens (`Basic`, `Negotiate`, ...) | you get the 401; the token stays |
//! | 401 or 403 with `insufficient_scope` | `InsufficientScope`; [`needed_scope`](crate::Error::needed_scope) has what is asked for |
//! | 401 or 403 with `insufficient_user_authentication` | `InsufficientAuthentication`; [`challenge`](crate::Error::challenge) has the terms of the login |
//! | any other answer | you get it |
//!
//! A request is sent at most three times: once, once more with another token, once more with a DPoP nonce. The
//! waiting for a token is bounded by the source's policy, each send by the client's own timeouts.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # grantry::install_crypto_provider();
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).start().await?;
//! # let resource = grantry_testkit::ProtectedResource::start(&test).await?;
//! # let source = grantry::client_credentials(test.authorization_server()?, "billing", "s3cret").build()?;
//! # let origin = resource.origin();
//! use grantry::AuthorizedClient;
//! let api = AuthorizedClient::from_builder(reqwest::Client::builder(), source.clone(), [origin])?;
//!
//! // Tokens are revoked: nobody who asks with a body in memory sees it.
//! api.get(format!("{origin}/orders")).send().await?;
//! test.revoke_access_tokens();
//! assert_eq!(api.post(format!("{origin}/orders")).body("in memory").send().await?.status(), 200);
//! assert_eq!(source.health().renewals, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Streamed bodies
//!
//! A body that is streamed is gone once it was sent. Such a request is sent once; after a 401 it is yours to build
//! again, and the token is another by then. A client from `from_builder` hands you its redirects, too.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # grantry::install_crypto_provider();
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).start().await?;
//! # let resource = grantry_testkit::ProtectedResource::start(&test).await?;
//! # let source = grantry::client_credentials(test.authorization_server()?, "billing", "s3cret").build()?;
//! # let origin = resource.origin();
//! # let api = grantry::AuthorizedClient::from_builder(reqwest::Client::builder(), source, [origin])?;
//! # resource.refuse_next(1);
//! // Any `http_body::Body`; a text stands in for a stream.
//! let upload = || api.post(format!("{origin}/files")).body(reqwest::Body::wrap("large".to_owned()));
//! let mut answer = upload().send().await?;
//! if answer.status() == 401 {
//!     answer = upload().send().await?;
//! }
//! assert_eq!(answer.status(), 200);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # tower
//!
//! [`AuthorizeLayer::new`](crate::AuthorizeLayer::new) believes the absolute URI of a request, as hyper's client
//! has it; [`AuthorizeLayer::fixed`](crate::AuthorizeLayer::fixed) is for a service that is bound to one place,
//! such as a tonic channel. Only empty bodies are replayed unless [`replaying`](crate::AuthorizeLayer::replaying)
//! says more. A layer that follows redirects belongs outside; limits on concurrency inside it are held while a
//! request waits for a token.
//!
//! ```
//! # #[cfg(feature = "tower")]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).build();
//! # let source = grantry::client_credentials(test.authorization_server()?, "billing", "s3cret")
//! #     .transport(std::sync::Arc::new(test.transport())).build()?;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! let client = service_fn(async |request: http::Request<String>| {
//!     assert!(request.headers().contains_key("authorization"));
//!     Ok::<_, std::convert::Infallible>(http::Response::new("orders"))
//! });
//! let api = grantry::AuthorizeLayer::new(source, ["https://api.example.com"])?.layer(client);
//! let request = http::Request::get("https://api.example.com/orders").body(String::new())?;
//! assert_eq!(api.oneshot(request).await?.status(), 200);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Middleware
//!
//! In a `reqwest-middleware` stack, what stands before the middleware sees one request and one answer, what stands
//! after it sees the token and each send. So tracing and retries after outages belong before it. Its errors
//! downcast to [`Error`](crate::Error).
//!
//! # Bound tokens
//!
//! A token that is bound to a key ([`Binding::Proof`](crate::Binding)) is presented as `DPoP`, each send with a proof of its
//! own; one that is bound to a certificate goes over a client that was built with it, and over no other. Whether a source's
//! tokens are bound is said where it is built: see [`binding`](super::binding).
