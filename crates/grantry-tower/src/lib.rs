//! A tower layer that puts a fresh OAuth 2.0 token on every request of a hyper, tonic or axum client.
//!
//! [`AuthorizeLayer`] does what [`grantry_core::presenting`] decides: it takes a token that is at hand (or waits
//! for one), checks that it may go where the request goes, sends, and after a 401 that is about the token
//! rejects it and sends once more with another, if the body can be replayed ([`Replay`]). A 403
//! `insufficient_scope` and a token that stays refused become an [`Error`]; every other answer is handed on as it
//! is. gRPC's own UNAUTHENTICATED counts as a 401 where it is all of an answer ([below](#tonics-channel)).
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let source = grantry_testkit::TestSource::bearer();
//! # let server = grantry_testkit::RawServer::start(grantry_testkit::RawAnswer::json("[]")).await?;
//! # let api_url = server.origin();
//! use bytes::Bytes;
//! use grantry_tower::{AuthorizeLayer, ClonedBodies};
//! use http::Request;
//! use http_body_util::Full;
//! use hyper_util::client::legacy::{Client, connect::HttpConnector};
//! use hyper_util::rt::TokioExecutor;
//! use tower::ServiceExt;
//! use tower_layer::Layer;
//!
//! let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
//! let api = AuthorizeLayer::new(source, [&api_url])?.replaying(ClonedBodies).layer(client);
//! let orders = Request::get(format!("{api_url}/orders")).body(Full::default())?;
//! assert_eq!(api.oneshot(orders).await?.status(), 200);
//! # let seen = String::from_utf8_lossy(server.exchanges()[0].expose_request()).to_lowercase();
//! # assert!(seen.contains("authorization: bearer t1"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # tonic's channel
//!
//! A generated client takes the wrapped channel in the channel's place. A message that is on its way cannot be read
//! again, so a call whose token was refused ends as `Unauthenticated`, and the next one has another token. It makes no
//! difference whether a gateway refused it with HTTP 401, or the server itself with UNAUTHENTICATED before its first message, as
//! an interceptor does. Where the server ends a call so after messages, the status comes in trailers, when the answer was handed
//! on long since: the layer does not see it, and the token stays.
//!
//! Where unary calls should be tried again at once, read their message before it is sent:
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # use hyper_util::rt::{TokioExecutor, TokioIo};
//! # let source = grantry_testkit::TestSource::bearer();
//! # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let origin = format!("http://{}", listener.local_addr()?);
//! # tokio::spawn(async move {
//! #     let first_is_refused = |request: Request<hyper::body::Incoming>| async move {
//! #         let status = if request.headers()["authorization"] == "Bearer t1" { "16" } else { "0" };
//! #         let answer = http::Response::builder().header("content-type", "application/grpc");
//! #         answer.header("grpc-status", status).body(Full::<Bytes>::default())
//! #     };
//! #     let (stream, _) = listener.accept().await.unwrap();
//! #     let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
//! #     server.serve_connection(TokioIo::new(stream), hyper::service::service_fn(first_is_refused)).await
//! # });
//! use bytes::Bytes;
//! use grantry_tower::{AuthorizeLayer, BoxError, ClonedBodies};
//! use http::Request;
//! use http_body_util::{BodyExt, Full};
//! use tonic::body::Body;
//!
//! let channel = tonic::transport::Endpoint::from_shared(origin.clone())?.connect_lazy();
//! let layer = AuthorizeLayer::fixed(source, origin)?;
//! let api = tower::ServiceBuilder::new()
//!     .filter_async(|request: Request<Body>| async move {
//!         let (head, body) = request.into_parts();
//!         let message = body.collect().await?.to_bytes();
//!         Ok::<_, BoxError>(Request::from_parts(head, Full::new(message)))
//!     })
//!     .layer(layer.replaying(ClonedBodies))
//!     .map_request(|request: Request<Full<Bytes>>| request.map(Body::new))
//!     .service(channel);
//! # let call = Request::post("/shop.Orders/List").body(Body::empty())?;
//! # let answer = tower::ServiceExt::oneshot(api.clone(), call).await?;
//! # assert_eq!(answer.headers()["grpc-status"], "0", "with the second token");
//! // In its place: the `new` of a generated client.
//! let client = tonic::client::Grpc::new(api);
//! # drop(client);
//! # Ok::<(), BoxError>(())
//! # })?;
//! # Ok::<(), grantry_tower::BoxError>(())
//! ```
//!
//! Where there is no token the call ends with a status whose `source` is this crate's [`Error`].
//!
//! # Where a request goes
//!
//! A layer from [`AuthorizeLayer::new`] believes the absolute URI of a request and nothing else: a request in
//! origin form (`/path`) is refused, for its `Host` does not say where the connection leads. For a service that is
//! bound to one place, such as a tonic channel or a single hyper connection, there is [`AuthorizeLayer::fixed`].
//!
//! A layer that follows redirects belongs outside this one: then each hop is checked anew, and one that leads to
//! another origin is refused. Inside it, the token's safety is that layer's affair, and so is the verdict: an
//! answer does not say which URL it came from, so a 401 or 403 of another origin is taken for one of the origin
//! that was asked. The token is then rejected and replaced, and the request sent once more, for nothing; and a
//! `DPoP-Nonce` of that origin is remembered as one of this. A client inside the layer should follow no redirects,
//! as hyper's does not.
//!
//! The same goes for proxies: http is accepted for loopback origins only, and an inner service that sends such a
//! request through a proxy hands the proxy the token in clear.
//!
//! # Invariants
//!
//! * No token, no request: nothing is ever sent without a token in its place.
//! * A token goes to an allowed origin, in the `Authorization` header, or nowhere.
//! * A request is sent at most three times: once, once more with another token, once more with a nonce.
//! * With a bearer token at hand, the layer allocates nothing but the header's place in the request and the copy
//!   of a request that can be replayed.

mod error;
mod exchange;
mod future;
mod layer;
mod replay;
mod service;
mod terms;

pub use error::{BoxError, Error};
pub use future::AuthorizeFuture;
pub use layer::AuthorizeLayer;
pub use replay::{ClonedBodies, EmptyBodies, NoBodies, Replay};
pub use service::Authorize;
