//! How many allocations, token requests and resource requests there are, exactly.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod allocations;
mod custody;
mod requests;
mod shared_client;

use std::sync::Arc;

use grantry_client_credentials::ClientCredentials;
use grantry_core::{Grant, GrantKey};
use grantry_endpoint::{Client, ClientAuthentication, HttpTransport, TokenEndpoint};
use grantry_refresh::{ManagedSource, Profile, Scheduler};
use grantry_testkit::{RegisteredClient, TestServer};

/// A server that knows one client.
async fn server() -> TestServer {
    let client = RegisteredClient::with_secret("billing", "a client secret");
    TestServer::builder().client(client).start().await.unwrap()
}

/// The grant of that client.
fn grant(server: &TestServer) -> Arc<dyn Grant> {
    let client = Client::new("billing", ClientAuthentication::secret_basic("a client secret")).unwrap();
    let transport = Arc::new(HttpTransport::new().unwrap());
    let endpoint = TokenEndpoint::new(server.authorization_server().unwrap(), client, transport).unwrap();
    Arc::new(ClientCredentials::builder(endpoint).scope("orders.read").build().unwrap())
}

/// A source over that grant.
fn source(server: &TestServer, account: &str) -> Arc<ManagedSource> {
    let profile = Profile::builder(server.token_endpoint(), "billing", &Scheduler::new()).build();
    ManagedSource::new(GrantKey::new("acme", "orders", account).unwrap(), grant(server), &profile)
}
