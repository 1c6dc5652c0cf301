//! Which bodies are sent once more.

use std::sync::Arc;

use bytes::Bytes;
use grantry_testkit::TestSource;
use grantry_tower::{AuthorizeLayer, ClonedBodies, EmptyBodies, NoBodies, Replay};
use http::Request;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use tower::ServiceExt;
use tower_layer::Layer;

use crate::upstream::Upstream;

/// What a tonic or axum body is inside: boxed, and not to be cloned.
type Opaque = UnsyncBoxBody<Bytes, std::io::Error>;

fn opaque(text: &'static str) -> Opaque {
    Full::from(text).map_err(|never| match never {}).boxed_unsync()
}

/// The status that a caller gets where the first token is refused, and how many requests the server saw.
async fn sent<B, R>(replay: R, body: B) -> (u16, usize)
where
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug> + Send + 'static,
    R: Replay<B> + Clone,
{
    let upstream = Upstream::refuses_the_first();
    let source = TestSource::bearer();
    let layer = AuthorizeLayer::new(Arc::clone(&source), ["https://api.example.com"]).unwrap();
    let api = layer.replaying(replay).layer(upstream.clone());
    let request = Request::put("https://api.example.com/").body(body).unwrap();
    let status = api.oneshot(request).await.unwrap().status().as_u16();
    assert_eq!(source.rejections(), 1, "the token is rejected either way");
    (status, upstream.seen().len())
}

#[tokio::test]
async fn req_e05_only_a_body_that_can_be_replayed_is_sent_once_more() {
    assert_eq!(sent(EmptyBodies, Empty::new()).await, (200, 2));
    assert_eq!(sent(EmptyBodies, Full::<Bytes>::default()).await, (200, 2));
    assert_eq!(sent(EmptyBodies, Full::<Bytes>::from("text")).await, (401, 1));
    assert_eq!(sent(EmptyBodies, Opaque::default()).await, (200, 2));
    assert_eq!(sent(EmptyBodies, opaque("text")).await, (401, 1));
    assert_eq!(sent(ClonedBodies, Full::<Bytes>::from("text")).await, (200, 2));
    assert_eq!(sent(NoBodies, opaque("text")).await, (401, 1));
    assert_eq!(sent(NoBodies, Empty::new()).await, (401, 1));
}
