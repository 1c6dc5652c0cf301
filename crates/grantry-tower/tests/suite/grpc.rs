//! tonic's client inside and around the layer, over HTTP/2 with trailers.

use std::error::Error as _;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use grantry_core::{ErrorKind, TokenSource};
use grantry_testkit::TestSource;
use grantry_tower::{AuthorizeLayer, BoxError, ClonedBodies, Error};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tower::ServiceBuilder;
use tower_layer::Layer;

use crate::server::{Answer, Server, empty};
use crate::upstream::Seen;

/// Messages are the bytes that they are.
#[derive(Debug, Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// Answers with the message that came, and the status `ok` in the trailers.
fn echo(seen: &Seen) -> Answer {
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
    let body = Full::new(seen.body.clone()).with_trailers(async { Some(Ok(trailers)) });
    Response::builder().header("content-type", "application/grpc").body(body.boxed()).unwrap()
}

/// A gRPC server behind a gateway that takes any token but `t1`.
async fn behind_a_gateway() -> Server {
    Server::http2(|seen| if seen.header("authorization") == "Bearer t1" { empty(401) } else { echo(seen) })
        .await
}

fn channel(server: &Server) -> Channel {
    Endpoint::from_shared(server.origin()).unwrap().connect_lazy()
}

async fn call<S>(service: S) -> Result<Bytes, Status>
where
    S: GrpcService<Body>,
    S::ResponseBody: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    S::Error: std::fmt::Debug,
{
    let mut client = Grpc::new(service);
    client.ready().await.unwrap();
    let message = tonic::Request::new(Bytes::from_static(b"a message"));
    let answer = client.unary(message, PathAndQuery::from_static("/pkg.Echo/Say"), Raw).await?;
    Ok(answer.into_inner())
}

/// A message in its frame (five bytes: not compressed, and its length).
const FRAMED: &[u8] = b"\0\0\0\0\x09a message";

#[tokio::test]
async fn a_call_through_a_tonic_channel_carries_the_token() {
    let server = Server::http2(echo).await;
    let layer = AuthorizeLayer::fixed(TestSource::bearer(), server.origin()).unwrap();
    let api = layer.layer(channel(&server));
    // On a task of its own: the call is `Send`.
    assert_eq!(tokio::spawn(call(api)).await.unwrap().unwrap(), "a message");
    let seen = server.seen().pop().unwrap();
    assert_eq!((seen.head.version, seen.head.uri.path()), (http::Version::HTTP_2, "/pkg.Echo/Say"));
    assert_eq!((seen.header("authorization"), seen.header("te")), ("Bearer t1", "trailers"));
    assert_eq!(&seen.body[..], FRAMED);
}

#[tokio::test]
async fn a_tonic_client_that_names_its_origin_needs_no_fixed_one() {
    let server = Server::http2(echo).await;
    let layer = AuthorizeLayer::new(TestSource::bearer(), [server.origin()]).unwrap();
    let api = layer.layer(channel(&server));
    let mut client = Grpc::with_origin(api.clone(), server.origin().parse().unwrap());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/pkg.Echo/Say");
    let answer = client.unary(tonic::Request::new(Bytes::from_static(b"a message")), path, Raw).await;
    assert_eq!(answer.unwrap().into_inner(), "a message");
    // Without an origin it goes nowhere.
    let refused = call(api).await.unwrap_err();
    let cause = refused.source().and_then(|cause| cause.downcast_ref::<Error>());
    assert!(
        matches!(cause, Some(Error::Token(error)) if error.kind() == ErrorKind::OriginNotAllowed),
        "{refused:?}"
    );
    assert_eq!(server.authorizations(), ["Bearer t1"]);
}

#[tokio::test]
async fn req_e05_a_message_that_is_still_on_its_way_is_not_sent_once_more() {
    let server = behind_a_gateway().await;
    let source = TestSource::bearer();
    let api = AuthorizeLayer::fixed(Arc::clone(&source), server.origin()).unwrap().layer(channel(&server));
    let refused = call(api.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
    assert_eq!((server.authorizations(), source.rejections()), (vec!["Bearer t1".to_owned()], 1));
    // The next call has another token.
    assert_eq!(call(api).await.unwrap(), "a message");
    assert_eq!(server.authorizations(), ["Bearer t1", "Bearer t2"]);
}

/// What the docs of the crate show: the message is read before it is sent, so that it can be sent once more.
fn replaying<S>(
    layer: AuthorizeLayer,
    channel: S,
) -> impl GrpcService<Body, ResponseBody = Body, Error = BoxError>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error: Into<BoxError>> + Clone,
{
    ServiceBuilder::new()
        .filter_async(|request: Request<Body>| async move {
            let (head, body) = request.into_parts();
            let message = body.collect().await?.to_bytes();
            Ok::<_, BoxError>(Request::from_parts(head, Full::new(message)))
        })
        .layer(layer.replaying(ClonedBodies))
        .map_request(|request: Request<Full<Bytes>>| request.map(Body::new))
        .service(channel)
}

#[tokio::test]
async fn req_e05_a_message_that_was_read_before_is_sent_once_more_with_another_token() {
    let server = behind_a_gateway().await;
    let source = TestSource::bearer();
    let layer = AuthorizeLayer::fixed(Arc::clone(&source), server.origin()).unwrap();
    assert_eq!(call(replaying(layer, channel(&server))).await.unwrap(), "a message");
    assert_eq!(server.authorizations(), ["Bearer t1", "Bearer t2"]);
    assert!(server.seen().iter().all(|seen| seen.body == FRAMED && seen.header("te") == "trailers"));
    assert_eq!((source.rejections(), source.renewals()), (1, 2));
}

#[tokio::test]
async fn req_e34_a_gateway_that_refuses_everything_sees_two_calls() {
    let server = Server::http2(|_| empty(401)).await;
    let source = TestSource::bearer();
    let layer = AuthorizeLayer::fixed(Arc::clone(&source), server.origin()).unwrap();
    let refused = call(replaying(layer, channel(&server))).await.unwrap_err();
    let cause = refused.source().and_then(|cause| cause.downcast_ref::<Error>());
    assert!(
        matches!(cause, Some(Error::Token(error)) if error.kind() == ErrorKind::TokenRejected),
        "{refused:?}"
    );
    assert_eq!((server.seen().len(), source.renewals()), (2, 2));
}

#[tokio::test]
async fn no_token_no_call_and_the_reason_is_behind_the_status() {
    let server = Server::http2(echo).await;
    let layer = AuthorizeLayer::fixed(TestSource::broken(), server.origin()).unwrap();
    let failed = call(layer.layer(channel(&server))).await.unwrap_err();
    let cause = failed.source().and_then(|cause| cause.downcast_ref::<Error>());
    assert!(
        matches!(cause, Some(Error::Token(error)) if error.kind() == ErrorKind::Unavailable),
        "{failed:?}"
    );
    assert_eq!(server.seen().len(), 0);
}

/// What tonic and others answer where a call ends before its first message: the status among the headers.
fn trailers_only(status: &'static str) -> Answer {
    let mut answer = empty(200);
    answer.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    answer.headers_mut().insert("grpc-status", HeaderValue::from_static(status));
    answer
}

#[tokio::test]
async fn req_e05_a_call_that_a_server_ends_as_unauthenticated_is_sent_once_more_with_another_token() {
    let server = Server::http2(|seen| match seen.header("authorization") {
        "Bearer t1" => trailers_only("16"),
        _ => echo(seen),
    })
    .await;
    let source = TestSource::bearer();
    let layer = AuthorizeLayer::fixed(Arc::clone(&source), server.origin()).unwrap();
    assert_eq!(call(replaying(layer.clone(), channel(&server))).await.unwrap(), "a message");
    assert_eq!(server.authorizations(), ["Bearer t1", "Bearer t2"]);
    assert!(server.seen().iter().all(|seen| seen.body == FRAMED));
    assert_eq!((source.rejections(), source.renewals()), (1, 2));
}

#[tokio::test]
async fn req_e05_an_unauthenticated_call_that_cannot_be_sent_once_more_costs_its_token() {
    let server = Server::http2(|seen| match seen.header("authorization") {
        "Bearer t1" => trailers_only("16"),
        _ => echo(seen),
    })
    .await;
    let source = TestSource::bearer();
    let api = AuthorizeLayer::fixed(Arc::clone(&source), server.origin()).unwrap().layer(channel(&server));
    assert_eq!(call(api.clone()).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!((server.seen().len(), source.rejections()), (1, 1));
    assert_eq!(call(api).await.unwrap(), "a message");
    assert_eq!(server.authorizations(), ["Bearer t1", "Bearer t2"]);
}

#[tokio::test]
async fn req_e34_a_server_that_finds_every_call_unauthenticated_sees_two() {
    let server = Server::http2(|_| trailers_only("16")).await;
    let source = TestSource::bearer();
    let layer = AuthorizeLayer::fixed(Arc::clone(&source), server.origin()).unwrap();
    let refused = call(replaying(layer, channel(&server))).await.unwrap_err();
    let cause = refused.source().and_then(|cause| cause.downcast_ref::<Error>());
    assert!(
        matches!(cause, Some(Error::Token(error)) if error.kind() == ErrorKind::TokenRejected),
        "{refused:?}"
    );
    assert_eq!((server.seen().len(), source.renewals()), (2, 2));
}

#[tokio::test]
async fn another_status_of_grpc_or_one_in_the_trailers_says_nothing_of_the_token() {
    let in_trailers = |seen: &Seen| {
        let trailers =
            HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("16"))]);
        let body = Full::new(seen.body.clone()).with_trailers(async { Some(Ok(trailers)) });
        Response::builder().header("content-type", "application/grpc").body(body.boxed()).unwrap()
    };
    let server = Server::http2(move |seen| match seen.head.uri.path() {
        "/pkg.Echo/Say" if seen.header("authorization") == "Bearer t1" => trailers_only("7"),
        _ => in_trailers(seen),
    })
    .await;
    let source = TestSource::bearer();
    let layer = AuthorizeLayer::fixed(Arc::clone(&source), server.origin()).unwrap();
    let refused = call(replaying(layer.clone(), channel(&server))).await.unwrap_err();
    assert_eq!((refused.code(), source.rejections()), (Code::PermissionDenied, 0));
    source.reject(&source.ready().unwrap());
    let refused = call(replaying(layer, channel(&server))).await.unwrap_err();
    assert_eq!((refused.code(), source.rejections()), (Code::Unauthenticated, 1));
    assert_eq!(server.authorizations(), ["Bearer t1", "Bearer t2"]);
}
