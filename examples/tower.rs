//! The tower layer around a hyper client. A client of axum's bodies is wrapped the same way; the docs of the layer's
//! crate show a tonic channel in it.

#![allow(clippy::print_stdout, reason = "it is there to be read")]

use std::error::Error;

use bytes::Bytes;
use grantry::AuthorizeLayer;
use grantry_testkit::{ProtectedResource, RegisteredClient, TestServer};
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceExt};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = RegisteredClient::with_secret("billing", "s3cret");
    let server = TestServer::builder().client(client).start().await?;
    let api = ProtectedResource::start(&server).await?;

    let source = grantry::client_credentials(server.authorization_server()?, "billing", "s3cret").build()?;
    let hyper = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let authorized = AuthorizeLayer::new(source, [api.origin()])?.layer(hyper);

    let request = http::Request::get(api.url("/orders")).body(Empty::new())?;
    let answer = authorized.oneshot(request).await?;
    println!("the API answered {}", answer.status());
    if answer.status().is_success() { Ok(()) } else { Err("the token was not accepted".into()) }
}
