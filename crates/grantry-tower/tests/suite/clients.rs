//! Real clients inside the layer.

use bytes::Bytes;
use grantry_tower::{AuthorizeLayer, ClonedBodies};
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tower::ServiceExt;
use tower_layer::Layer;

use crate::source::TestSource;

/// Answers 401 to `Bearer t1` and 200 to all else, one request a connection; returns what it read, at the end.
async fn serve(listener: TcpListener, requests: usize) -> Vec<String> {
    let mut seen = Vec::new();
    for _ in 0..requests {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut text = String::new();
        while !text.ends_with("\r\n\r\ntext") {
            let mut chunk = [0; 1024];
            let count = connection.read(&mut chunk).await.unwrap();
            text += std::str::from_utf8(&chunk[..count]).unwrap();
        }
        let status = if text.contains("Bearer t1\r\n") { "401 Unauthorized" } else { "200 OK" };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        connection.write_all(answer.as_bytes()).await.unwrap();
        seen.push(text);
    }
    seen
}

#[tokio::test]
async fn a_hyper_client_sends_the_request_once_more_with_another_token() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(serve(listener, 2));
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let layer = AuthorizeLayer::new(TestSource::bearer(), [&origin]).unwrap().replaying(ClonedBodies);
    let request = Request::post(format!("{origin}/x")).body(Full::from("text")).unwrap();
    // On a task of its own: the future is `Send`.
    let answer = tokio::spawn(layer.layer(client).oneshot(request)).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    let seen = server.await.unwrap();
    assert!(seen[1].starts_with("POST /x HTTP/1.1\r\n") && seen[1].contains("authorization: Bearer t2\r\n"));
}

#[tokio::test]
async fn a_buffered_stack_takes_the_layer_like_any_other() {
    let upstream = crate::upstream::Upstream::refuses_the_first();
    let layer = AuthorizeLayer::new(TestSource::bearer(), ["https://api.example.com"]).unwrap();
    let stack = tower::ServiceBuilder::new().layer(layer).buffer(8).service(upstream.clone());
    let request = Request::get("https://api.example.com/").body(Full::<Bytes>::default()).unwrap();
    assert_eq!(stack.oneshot(request).await.unwrap().status(), 200);
    assert_eq!(upstream.authorizations(), ["Bearer t1", "Bearer t2"]);
}
