//! From a refusal to the authorization server that the resource names, and back with a token.

use std::sync::Arc;

use grantry::presenting::Challenges;
use grantry::{
    Attempt, Client, ClientAuthentication, ClientCredentials, Discovery, ErrorKind, Grant, HttpTransport,
    ResourceDiscovery,
};
use grantry_core::Scope;
use grantry_testkit::{Endpoint, Fault, ProtectedResource, RegisteredClient, ScopePolicy, TestServer};

use crate::held::client;

async fn start() -> (TestServer, ProtectedResource) {
    let registered = RegisteredClient::with_secret("billing", "s3cret");
    let scope = Scope::parse("orders.read").unwrap();
    let policy = ScopePolicy::Within(scope.clone());
    let server = TestServer::builder().client(registered).scope_policy(policy).start().await.unwrap();
    let resource = ProtectedResource::start_requiring(&server, scope).await.unwrap();
    (server, resource)
}

fn lenient() -> Arc<HttpTransport> {
    Arc::new(HttpTransport::builder().allow_private_addresses().build().unwrap())
}

/// The challenges to a request without a token.
async fn challenged(url: &str) -> Challenges {
    grantry::install_crypto_provider();
    let plain = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = plain.get(url).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 401);
    Challenges::of(answer.headers())
}

#[tokio::test]
async fn req_e18_e19_e32_a_resource_leads_to_its_server_and_to_a_token_that_it_takes() {
    for path in ["", "/orders"] {
        let (server, resource) = start().await;
        resource.identify_as(path);
        let challenges = challenged(&resource.url("/orders/17")).await;
        let challenge = challenges.iter().next().unwrap();
        let named = challenge.resource_metadata().unwrap();
        assert!(named.ends_with(&format!("/.well-known/oauth-protected-resource{path}")), "{named}");
        let discovery = ResourceDiscovery::new(resource.identifier(), lenient()).unwrap();
        for discovery in [
            discovery.challenged(challenge),
            ResourceDiscovery::new(resource.identifier(), lenient()).unwrap(),
        ] {
            let found = discovery.discover().await.unwrap();
            assert_eq!(found.resource(), resource.identifier());
            assert!(found.authorization_servers().eq([server.issuer()]));
            let authorization_server = found.authorization_server().await.unwrap();
            assert!(found.takes_tokens_of(authorization_server.server()));

            let me = Client::new("billing", ClientAuthentication::secret_basic("s3cret")).unwrap();
            let grant = ClientCredentials::builder(authorization_server.endpoint(me).build().unwrap())
                .scope(found.scope_to_ask(Some(challenge)).as_str())
                .resource(found.resource())
                .build()
                .unwrap();
            let set = grant.obtain(Attempt::first()).await.unwrap();
            let answer = client(set.token(), resource.origin()).get(resource.url("/orders/17")).send().await;
            assert_eq!(answer.unwrap().status().as_u16(), 200);
        }
        let asked = resource.ledger().entries();
        assert_eq!(asked.iter().filter(|entry| entry.endpoint == Endpoint::Metadata).count(), 2);
        assert!(!asked.iter().any(|e| e.endpoint == Endpoint::Metadata && e.request.has_authorization()));
    }
}

#[tokio::test]
async fn req_e20_the_servers_that_a_resource_names_are_not_reached_on_private_addresses_unless_that_is_allowed()
 {
    let (server, resource) = start().await;
    let strict = Arc::new(HttpTransport::new().unwrap());
    // A person configured the resource, so that it may be anywhere; what it names may not.
    let found =
        ResourceDiscovery::new(resource.identifier(), strict.clone()).unwrap().discover().await.unwrap();
    let error = found.authorization_server().await.unwrap_err();
    assert!(error.to_string().contains("address"), "{error}");
    assert_eq!(server.ledger().total(), 0);
    let learned = ResourceDiscovery::new(resource.identifier(), strict.clone()).unwrap().learned();
    assert!(learned.discover().await.is_err());
    let learned = Discovery::new(server.issuer(), strict).unwrap().learned().discover().await.unwrap_err();
    assert_eq!(learned.kind(), error.kind());
    assert_eq!(server.ledger().total(), 0);
}

#[tokio::test]
async fn req_e18_a_resource_that_claims_to_be_another_gets_no_token_of_it() {
    let (_, resource) = start().await;
    let claims = r#"{"resource":"https://bank.example","authorization_servers":["https://as.bank.example"]}"#;
    resource.inject_into_metadata(Fault::body(claims));
    let discovery = ResourceDiscovery::new(resource.identifier(), lenient()).unwrap();
    let error = discovery.discover().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidAnswer);
    assert!(!format!("{error} {error:?}").contains("bank"), "{error:?}");
    assert!(discovery.discover().await.is_ok(), "the next answer is its own");
}
