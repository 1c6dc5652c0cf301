//! Fifteen seconds in the life of a token, on this machine alone: an authorization server and an API start in this
//! process, a client obtains a token and calls the API without pause while the token is renewed, while the
//! authorization server is down, and while the API refuses the token.
//!
//! It ends with what it claims and whether that was so, and exits with 1 if anything was not.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is there to be read")]

mod load;
mod story;
mod timeline;
mod watched;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use grantry::{AuthorizedClient, RefreshPolicy, Scheduler};
use grantry_testkit::{ProtectedResource, RegisteredClient, TestServer};
use timeline::Timeline;
use watched::Watched;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the quickstart could not go on: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<bool, Box<dyn Error>> {
    grantry::install_crypto_provider();

    // What a company has: an authorization server whose tokens live for 8 s, and an API that checks them.
    let client = RegisteredClient::with_secret("billing", "s3cret");
    let server = TestServer::builder().client(client).token_lifetime(Duration::from_secs(8)).start().await?;
    let api = ProtectedResource::start(&server).await?;
    println!("authorization server at {}, API at {}, both in this process\n", server.issuer(), api.origin());

    // What a service writes: where the tokens come from, and a client that carries them.
    let timeline = Timeline::start();
    let policy = RefreshPolicy::builder()
        .buffer(Duration::from_secs(4))
        .retry_delay(Duration::from_millis(300))
        .longest_delay(Duration::from_millis(400))
        .max_retries(story::RETRIES)
        .build()?;
    let scheduler = Scheduler::new();
    let source = grantry::client_credentials(server.authorization_server()?, "billing", "s3cret")
        .scope("orders.read")
        .policy(policy)
        .scheduler(&scheduler)
        .observer(Arc::new(timeline.clone()))
        .build()?;
    timeline.watch(&source);
    let watched = Arc::new(Watched::new(Arc::clone(&source)));
    let client =
        AuthorizedClient::from_builder(reqwest::Client::builder(), Arc::clone(&watched), [api.origin()])?;

    let stage = story::Stage { timeline, server, api, client, source, watched };
    let (claims, totals) = stage.tell().await?;
    scheduler.shutdown().await;
    Ok(stage.timeline.close(&claims, totals, &stage.server, &stage.api, &stage.source))
}
