//! The login of a program on the person's machine.

use std::sync::Arc;

use grantry::{Client, ClientAuthentication, Discovery, HttpTransport};
use grantry_authorization_code::{AuthorizationCode, Granted, Loopback, Unfinished};
use grantry_tests::{Fallible, OidcProvider, Settings};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::person::{Person, is_plain};

type Login = JoinHandle<Result<Granted, Unfinished>>;

/// A login that waits, and the URL that the program prints.
async fn begin(server: &OidcProvider) -> Fallible<(Login, String)> {
    let found = Discovery::new(server.issuer(), Arc::new(HttpTransport::new()?))?.discover().await?;
    let endpoint = found.endpoint(Client::new("desktop", ClientAuthentication::none())?).build()?;
    let loopback = Loopback::listen().await?;
    let flow = AuthorizationCode::builder(endpoint, loopback.redirect_uri())
        .scope("openid offline_access read")
        .prompt("consent")
        .build()?;
    let (tell, told) = oneshot::channel();
    let login = tokio::spawn(async move {
        loopback
            .login(&flow, |url| {
                // Nobody listens only where the test has failed already.
                let _ = tell.send(url.to_owned());
            })
            .await
    });
    Ok((login, told.await?))
}

#[tokio::test]
async fn req_b18_b20_b21_a_person_logs_in_consents_and_the_program_has_tokens() {
    let server = OidcProvider::start(Settings::default()).unwrap();
    let (login, url) = begin(&server).await.unwrap();
    let person = Person::sit_down().await.unwrap();
    person.open(&url).await.unwrap();
    person.log_in().await.unwrap();
    person.consent().await.unwrap();
    person.sees("Connected").await.unwrap();
    is_plain(&person).await.unwrap();
    person.photograph("program-connected").await.unwrap();
    let granted = login.await.unwrap().unwrap();
    assert_eq!(granted.scope().as_str(), "offline_access openid read");
    assert!(granted.refresh_token().is_some() && granted.id_token.is_some());
    assert_eq!(server.requests("POST /token").unwrap(), 1);
    person.go_away().await.unwrap();
}

#[tokio::test]
async fn req_b19_a_person_who_cancels_reads_so_and_the_program_is_told() {
    let server = OidcProvider::start(Settings::default()).unwrap();
    let (login, url) = begin(&server).await.unwrap();
    let person = Person::sit_down().await.unwrap();
    person.open(&url).await.unwrap();
    person.log_in().await.unwrap();
    person.cancel().await.unwrap();
    person.sees("Not connected").await.unwrap();
    is_plain(&person).await.unwrap();
    person.photograph("program-cancelled").await.unwrap();
    let unfinished = login.await.unwrap().unwrap_err();
    assert_eq!(unfinished.error.oauth_code(), Some("access_denied"));
    assert_eq!(server.requests("POST /token").unwrap(), 0);
    person.go_away().await.unwrap();
}
