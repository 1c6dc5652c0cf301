//! The login of a command line: a URL to open, a page that says "Connected", tokens, and who it is that logged in.

#![allow(clippy::print_stdout, reason = "it is there to be read")]

use std::error::Error;
use std::sync::Arc;

use grantry::authorization_code::{AuthorizationCode, Loopback};
use grantry::{Client, ClientAuthentication, HttpTransport, TokenEndpoint};
use grantry_testkit::{RegisteredClient, TestServer};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    grantry::install_crypto_provider();
    // The port is part of the redirect URI, so it is there first.
    let loopback = Loopback::listen().await?;

    let registered = RegisteredClient::public("desktop").redirect_uri(loopback.redirect_uri());
    let server = Arc::new(TestServer::builder().client(registered).start().await?);

    let client = Client::new("desktop", ClientAuthentication::none())?;
    let transport = Arc::new(HttpTransport::new()?);
    let endpoint = TokenEndpoint::new(server.authorization_server()?, client, transport)?;
    // With `openid` the server says who the person is, in an ID token that is checked before anything is handed out.
    let flow = AuthorizationCode::builder(endpoint, loopback.redirect_uri())
        .scopes(["openid", "calendar.read"])
        .build()?;

    let browser = reqwest::Client::builder().no_proxy().build()?;
    let granted = loopback
        .login(&flow, |url| {
            println!("To log in, open\n\n  {url}\n");
            // Here nobody is at a browser, so something that acts as one opens it: the test server consents at once.
            let (server, url, browser) = (Arc::clone(&server), url.to_owned(), browser.clone());
            tokio::spawn(async move {
                if let Some(back) = server.visit(&url).await {
                    let page = browser.get(back).send().await;
                    println!("the browser got {:?}", page.map(|page| page.status()));
                }
            });
        })
        .await?;
    println!("granted: {}", granted.scope().as_str());
    if let Some(claims) = &granted.claims {
        println!("{} logged in, says {}", claims.subject(), claims.issuer());
    }
    Ok(())
}
