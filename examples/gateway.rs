//! A gateway whose users connect their accounts: routes for axum, a vault for what they consent to, and two hooks.

#![allow(clippy::print_stdout, reason = "it is there to be read")]

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use axum::http::header::{COOKIE, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use grantry::authorization_code::AuthorizationCode;
use grantry::vault::access::{AccessPolicy, Principal};
use grantry::vault::{LocalKey, MemoryVault, SealedVault};
use grantry::{Client, ClientAuthentication, HttpTransport, TokenEndpoint};
use grantry_axum::{Logins, Outcome, People, Person, ResultPages, respond};
use grantry_testkit::{RegisteredClient, TestServer};
use tokio::net::TcpListener;

/// The gateway's own session: here a header, as a proxy that logs people in would set it.
#[derive(Debug)]
struct Sessions;

#[async_trait]
impl People for Sessions {
    async fn person(&self, request: &Parts) -> Result<Person, Response> {
        let header = |name| request.headers.get(name).and_then(|value| value.to_str().ok());
        match (header("x-organization"), header("x-user")) {
            (Some(organization), Some(user)) => {
                Person::new(organization, user).map_err(|_| StatusCode::FORBIDDEN.into_response())
            }
            _ => Err((StatusCode::UNAUTHORIZED, "log in first").into_response()),
        }
    }
}

/// The plain pages, with a line on the console.
#[derive(Debug)]
struct Announced;

impl ResultPages for Announced {
    fn page(&self, outcome: &Outcome) -> Response {
        if let Outcome::Connected { person, service, .. } = outcome {
            println!("{} of {} connected {service}", person.account(), person.tenant());
        }
        respond(&outcome.page())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    grantry::install_crypto_provider();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let callback = format!("{origin}/oauth/callback");
    let registered = RegisteredClient::with_secret("gateway", "s3cret").redirect_uri(&callback);
    let server = TestServer::builder().client(registered).start().await?;

    // Where grants are kept, and logins that nobody has finished.
    let folder = tempfile::tempdir()?;
    let me = Principal::workload("gateway")?;
    let key = LocalKey::generate(folder.path().join("grantry.key"))?;
    let vault = SealedVault::builder(MemoryVault::new(), key, AccessPolicy::sole(&me)).open().await?;
    let mine = vault.as_principal(me);
    mine.create_tenant("acme").await?;

    // What can be connected.
    let client = Client::new("gateway", ClientAuthentication::secret_basic("s3cret"))?;
    let transport = Arc::new(HttpTransport::new()?);
    let endpoint = TokenEndpoint::new(server.authorization_server()?, client, transport)?;
    let crm = AuthorizationCode::builder(endpoint, callback).scope("contacts.read").build()?;
    let logins = Logins::in_vault(Sessions, mine.clone()).service("crm", crm).pages(Announced).build()?;
    let app = axum::Router::new().merge(logins.router());
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });

    // Ada clicks "connect". The test server consents for her at once.
    let plain = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let browser = plain.no_proxy().build()?;
    let ada = |url: String| {
        browser
            .get(url)
            .header("x-organization", "acme")
            .header("x-user", "ada")
            .header("accept", "text/html")
    };
    let sent = ada(format!("{origin}/oauth/start/crm")).send().await?;
    let text = |headers: &HeaderMap, name| headers[name].to_str().map(str::to_owned);
    let cookie = text(sent.headers(), SET_COOKIE)?;
    let cookie = cookie.split(';').next().unwrap_or_default();
    let back = server.visit(&text(sent.headers(), LOCATION)?).await.ok_or("nobody came back")?;
    let page = ada(back).header(COOKIE, cookie).send().await?;
    println!("the browser got {}", page.status());

    let grant = mine.tenant("acme")?.grant("crm", "ada").await?.ok_or("nothing was kept")?;
    println!("in the vault: a grant with a refresh token: {}", grant.has_refresh_token);
    serving.abort();
    vault.close().await?;
    Ok(())
}
