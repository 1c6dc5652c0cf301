//! A service with many customers: one scheduler for all sources, one directory to find them in.

#![allow(clippy::print_stdout, reason = "it is there to be read")]

use std::error::Error;
use std::sync::Arc;

use grantry::{Directory, GrantKey, GrantKeyRef, Scheduler, TokenSource};
use grantry_testkit::{RegisteredClient, TestServer};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = RegisteredClient::with_secret("gateway", "s3cret");
    let server = TestServer::builder().client(client).start().await?;

    let scheduler = Scheduler::new();
    let directory = Arc::new(Directory::new());
    for tenant in ["acme", "initech", "umbrella"] {
        let source = grantry::client_credentials(server.authorization_server()?, "gateway", "s3cret")
            .scope("orders.read")
            .key(GrantKey::new(tenant, "orders", "default")?)
            .scheduler(&scheduler)
            .build()?;
        // In the background, so that the first request of each tenant finds a token at hand.
        source.warm();
        directory.insert(source);
    }

    // What a request handler does.
    let key = GrantKeyRef { tenant: "acme", service: "orders", account: "default" };
    let token = match directory.ready(key) {
        Some(token) => token,
        None => directory.find(key).ok_or("no such tenant")?.token().await?,
    };
    println!("a token for acme: {token:?}");

    for source in directory.sources() {
        let health = source.health();
        println!("{:<24} {:?}, handed out {} times", health.key, health.condition, health.hits);
    }
    scheduler.shutdown().await;
    Ok(())
}
