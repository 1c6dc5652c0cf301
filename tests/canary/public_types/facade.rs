//! Samples of what the facade has of its own, beside `Grantry`.

use grantry::{Credential, Server};

use super::Printed;
use crate::secrets::{CANARY, client_secret};

pub(super) fn facade(printed: &Printed) {
    let server = grantry_providers::okta("acme").unwrap();
    printed.print("grantry::Server", &Server::from(server.clone()));
    printed.print("grantry::Credential", &Credential::from(client_secret()));
    let source = grantry::client_credentials(server, "billing", client_secret())
        .scope("read")
        .audience("https://api.example.com")
        .resource("https://api.example.com/v1")
        .parameter("api_key", format!("key-{CANARY}"));
    printed.print("grantry::ClientCredentialsSource", &source);
}
