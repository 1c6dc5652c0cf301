//! Revocation and introspection, as a certified server answers them.

use grantry::{AccessToken, IntrospectionEndpoint, RevocationEndpoint};

use crate::support::{api, basic, obtain, start};

#[tokio::test]
async fn a_revoked_token_is_no_longer_active() {
    let server = start().unwrap();
    let endpoint = basic(&server).unwrap();
    let token = AccessToken::new(obtain(&endpoint).await.unwrap().token().expose());
    let introspection = IntrospectionEndpoint::of(&api(&server).unwrap()).unwrap();
    let active = introspection.introspect(&token).await.unwrap().unwrap();
    assert_eq!((active.client_id(), active.issuer()), (Some("basic"), Some(server.issuer())));
    assert_eq!(active.scope().to_string(), "read");

    let revocation = RevocationEndpoint::of(&endpoint).unwrap();
    revocation.revoke_access_token(&token).await.unwrap();
    assert!(introspection.introspect(&token).await.unwrap().is_none());
    // A second time changes nothing and is no error (RFC 7009 section 2.2).
    revocation.revoke_access_token(&token).await.unwrap();
}

#[tokio::test]
async fn a_token_that_the_server_never_issued_is_not_active() {
    let server = start().unwrap();
    let introspection = IntrospectionEndpoint::of(&api(&server).unwrap()).unwrap();
    assert!(introspection.introspect(&AccessToken::new("made-up")).await.unwrap().is_none());
}
