//! What the README shows first is run, and it is what this file runs.
#![cfg(all(feature = "rustls", feature = "client-credentials", feature = "reqwest"))]
#![allow(clippy::unwrap_used, reason = "a test fails by them")]

use grantry::{AuthorizationServer, AuthorizedClient};

async fn orders(token_url: &str, secret: &str, api_url: &str) -> Result<String, Box<dyn std::error::Error>> {
    let server = AuthorizationServer::builder(token_url).build()?;
    let source = grantry::client_credentials(server, "billing", secret).scope("orders.read").build()?;
    let api = AuthorizedClient::new(reqwest::Client::new(), source, [api_url])?;

    Ok(api.get(format!("{api_url}/orders")).send().await?.text().await?)
}

#[tokio::test]
async fn the_example_of_the_readme_brings_an_answer_to_a_token() {
    use grantry_testkit::{ProtectedResource, RegisteredClient, TestServer};

    grantry::install_crypto_provider();
    let client = RegisteredClient::with_secret("billing", "s3cret");
    let test = TestServer::builder().client(client).start().await.unwrap();
    let needed = grantry::Scope::parse("orders.read").unwrap();
    let resource = ProtectedResource::start_requiring(&test, needed).await.unwrap();
    let answer = orders(&test.token_endpoint(), "s3cret", resource.origin()).await.unwrap();
    assert_eq!(answer, "billing");
}

#[test]
fn the_example_of_the_readme_is_the_one_that_is_run_here_but_for_its_addresses_and_its_secret() {
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    let shown = include_str!("../../../README.md").split("```rust\n").nth(1).unwrap();
    let mut shown = shown.split("```").next().unwrap().to_owned();
    for (address, parameter) in [
        ("fn orders()", "fn orders(token_url: &str, secret: &str, api_url: &str)"),
        ("\"https://as.example.com/token\"", "token_url"),
        ("std::env::var(\"CLIENT_SECRET\")?", "secret"),
        ("\"https://api.example.com/orders\"", "format!(\"{api_url}/orders\")"),
        ("\"https://api.example.com\"", "api_url"),
    ] {
        assert_eq!(shown.matches(address).count(), 1, "{address}");
        shown = shown.replace(address, parameter);
    }
    assert!(squeezed(include_str!("readme.rs")).contains(&squeezed(&shown)), "{shown}");
}
