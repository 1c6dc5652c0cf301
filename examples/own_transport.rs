//! A transport of one's own: here one that counts, around the usual one.

#![allow(clippy::print_stdout, reason = "it is there to be read")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use grantry::{Answer, HttpTransport, Request, TokenSource, Transport, TransportFailure};
use grantry_testkit::{RegisteredClient, TestServer};

/// Counts what it sends.
#[derive(Debug)]
struct Counting {
    inner: HttpTransport,
    sent: AtomicU64,
}

#[async_trait]
impl Transport for Counting {
    async fn send(&self, request: Request) -> Result<Answer, TransportFailure> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.inner.send(request).await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = RegisteredClient::with_secret("billing", "s3cret");
    let server = TestServer::builder().client(client).start().await?;

    let transport = Arc::new(Counting { inner: HttpTransport::new()?, sent: AtomicU64::new(0) });
    let source = grantry::client_credentials(server.authorization_server()?, "billing", "s3cret")
        .transport(transport.clone())
        .build()?;
    let token = source.token().await?;
    println!("{token:?} after {} request", transport.sent.load(Ordering::Relaxed));
    Ok(())
}
