//! A resource of a certified server that wants more scope.

use std::sync::Arc;

use grantry::{
    AuthorizedClient, Client, ClientAuthentication, Discovery, ErrorKind, HttpTransport, RequestError,
};
use grantry_authorization_code::{AuthorizationCode, Granted, StepUps};
use grantry_tests::OidcProvider;

use crate::authorization_code::{Person, REDIRECT_URI, run};
use crate::held::Held;
use crate::support::start;

async fn who_am_i(server: &OidcProvider, granted: &Granted) -> Result<String, RequestError> {
    grantry::install_crypto_provider();
    let held = Arc::new(Held::new(granted.token_set.token()));
    let plain = reqwest::Client::builder().no_proxy();
    let api = AuthorizedClient::from_builder(plain, held, [server.issuer()])?;
    Ok(api.get(server.url("/me")).send().await?.text().await?)
}

#[tokio::test]
async fn req_e06_a_certified_server_asks_for_more_scope_and_one_more_consent_brings_it() {
    let server = start().unwrap();
    let found = Discovery::new(server.issuer(), Arc::new(HttpTransport::new().unwrap())).unwrap();
    let secret = ClientAuthentication::secret_basic("web-secret");
    let endpoint =
        found.discover().await.unwrap().endpoint(Client::new("web", secret).unwrap()).build().unwrap();
    // Who the person is was not asked for.
    let flow =
        AuthorizationCode::builder(endpoint, REDIRECT_URI).scope("read").prompt("consent").build().unwrap();
    let granted = run(&flow, Person::Consents).await.unwrap().unwrap().granted;
    let Err(RequestError::Token(refusal)) = who_am_i(&server, &granted).await else { panic!("it was told") };
    assert_eq!((refusal.kind(), refusal.status()), (ErrorKind::InsufficientScope, Some(403)));
    assert_eq!(refusal.needed_scope().unwrap().as_str(), "openid");

    let more = StepUps::new().flow("ada", &flow, &refusal, granted.scope()).unwrap();
    let granted = run(&more, Person::Consents).await.unwrap().unwrap().granted;
    assert_eq!(granted.scope().as_str(), "openid read");
    assert!(who_am_i(&server, &granted).await.unwrap().contains("ada"));
}
