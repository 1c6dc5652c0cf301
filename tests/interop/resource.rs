//! The whole way: a client, its source, a certified server, and a resource that introspects.

use grantry::{
    AccessToken, AuthorizedClient, IntrospectionEndpoint, RevocationEndpoint, Scheduler, TokenSource,
};

use crate::introspecting_resource::IntrospectingResource;
use crate::support::{api, basic, source, start};

#[tokio::test]
async fn req_e05_a_token_revoked_behind_our_back_costs_one_renewal_and_no_failed_request() {
    let server = start().unwrap();
    let endpoint = basic(&server).unwrap();
    let introspection = IntrospectionEndpoint::of(&api(&server).unwrap()).unwrap();
    let resource = IntrospectingResource::start(introspection).await.unwrap();
    let scheduler = Scheduler::new();
    let source = source(&server, &scheduler).unwrap();
    // Our own transport brings its TLS; a client of reqwest's takes the one that the application chose.
    grantry::install_crypto_provider();
    let client = AuthorizedClient::from_builder(
        reqwest::Client::builder().no_proxy(),
        source.clone(),
        [resource.origin()],
    )
    .unwrap();
    let ask = async || {
        let answer = client.get(format!("{}/orders", resource.origin())).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };

    assert_eq!(ask().await, (200, "basic".to_owned()));
    let held = AccessToken::new(source.token().await.unwrap().expose());
    RevocationEndpoint::of(&endpoint).unwrap().revoke_access_token(&held).await.unwrap();
    assert_eq!(ask().await, (200, "basic".to_owned()));

    assert_eq!(server.requests("POST /token").unwrap(), 2, "the first token and the one after the refusal");
    assert_eq!(server.requests("POST /token/introspection").unwrap(), 3, "one retry");
    scheduler.shutdown().await;
}
