//! Authorization server metadata, as a certified server publishes it.

use std::sync::Arc;

use grantry::{
    AccessToken, Client, ClientAuthentication, ClientAuthenticationMethod, Discovery, ErrorKind,
    HttpTransport, IntrospectionEndpoint, SigningKey, TokenSource,
};

use crate::support::{obtain, start};

#[tokio::test]
async fn req_e16_an_issuer_is_enough_to_obtain_and_introspect() {
    let server = start().unwrap();
    let transport = Arc::new(HttpTransport::new().unwrap());
    let found = Discovery::new(server.issuer(), transport).unwrap().discover().await.unwrap();
    let facts = found.server();
    assert_eq!(facts.token_endpoint().as_str(), server.url("/token"));
    assert_eq!(facts.revocation_endpoint().unwrap().as_str(), server.url("/token/revocation"));
    for method in [
        ClientAuthenticationMethod::ClientSecretBasic,
        ClientAuthenticationMethod::ClientSecretPost,
        ClientAuthenticationMethod::ClientSecretJwt,
        ClientAuthenticationMethod::PrivateKeyJwt,
    ] {
        assert!(facts.client_authentication_methods().contains(&method), "{method:?}");
    }

    let client = Client::new("basic", ClientAuthentication::secret_basic("basic-secret")).unwrap();
    let endpoint = found.endpoint(client).build().unwrap();
    let set = obtain(&endpoint).await.unwrap();
    let introspection = IntrospectionEndpoint::of(&endpoint).unwrap();
    let token = AccessToken::new(set.token().expose());
    assert!(introspection.introspect(&token).await.unwrap().is_some());
    assert_eq!(server.requests("GET /.well-known/oauth-authorization-server").unwrap(), 1);
}

#[tokio::test]
async fn a_source_can_be_built_from_the_issuer_alone() {
    let server = start().unwrap();
    let found = grantry::discover(server.issuer()).await.unwrap();
    let key = SigningKey::from_jwk(&server.client_key("ES256").unwrap().jwk).unwrap();
    let source = grantry::client_credentials(found, "private-key-jwt", key).scope("read").build().unwrap();
    assert_eq!(source.token().await.unwrap().scope().to_string(), "read");
}

#[tokio::test]
async fn the_document_of_another_issuer_is_not_used() {
    let server = start().unwrap();
    let transport = Arc::new(HttpTransport::new().unwrap());
    // The same server by another name: the document that it publishes names the first.
    let other = server.issuer().replace("127.0.0.1", "localhost");
    let error = Discovery::new(other, transport).unwrap().discover().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidAnswer, "{error:?}");
}

#[tokio::test]
async fn req_e20_an_issuer_that_was_learned_may_not_lead_to_this_machine() {
    let server = start().unwrap();
    let transport = Arc::new(HttpTransport::new().unwrap());
    let learned = Discovery::new(server.issuer(), transport).unwrap().learned();
    assert!(learned.discover().await.is_err());
    assert_eq!(server.requests("GET /.well-known/oauth-authorization-server").unwrap(), 0);
}
