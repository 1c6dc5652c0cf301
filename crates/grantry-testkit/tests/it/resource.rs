//! The protected resource: which tokens it takes and what it says to the others.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::Scope;
use grantry_testkit::*;

use crate::client::{Came, builder, post, send};

async fn token(server: &TestServer, scope: &str) -> String {
    let came = post(&server.token_endpoint(), &format!("grant_type=client_credentials&scope={scope}")).await;
    format!("Bearer {}", came.json()["access_token"].as_str().unwrap())
}

async fn get(resource: &ProtectedResource, authorization: &str) -> Came {
    send("GET", &resource.url("/orders"), &[("Authorization", authorization)], "").await
}

#[tokio::test]
async fn a_token_is_taken_until_it_expires_or_is_revoked() {
    let clock = ManualClock::new();
    let server = builder().clock(Arc::new(clock.clone())).start().await.unwrap();
    let resource = ProtectedResource::start(&server).await.unwrap();
    let first = token(&server, "a").await;
    let came = get(&resource, &first).await;
    assert_eq!((came.status(), came.body().as_str()), (200, "billing"));
    clock.advance(Duration::from_secs(3600));
    let came = get(&resource, &first).await;
    assert_eq!(came.status(), 401);
    assert!(came.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
    let second = token(&server, "a").await;
    assert_eq!(get(&resource, &second).await.status(), 200);
    server.revoke_access_tokens();
    assert_eq!(get(&resource, &second).await.status(), 401);
    assert_eq!(get(&resource, "Bearer made-up").await.status(), 401);
}

#[tokio::test]
async fn a_missing_or_doubled_token_and_a_small_scope_are_told_apart() {
    let server = builder().start().await.unwrap();
    let required = Scope::parse("orders.read orders.write").unwrap();
    let resource = ProtectedResource::start_requiring(&server, required).await.unwrap();
    let bare = send("GET", &resource.url("/"), &[], "").await;
    assert_eq!((bare.status(), bare.header("www-authenticate").unwrap().contains("error")), (401, false));
    let small = get(&resource, &token(&server, "orders.read").await).await;
    let challenge = small.header("www-authenticate").unwrap();
    assert_eq!(small.status(), 403);
    assert!(challenge.contains("insufficient_scope"), "{challenge}");
    assert!(challenge.contains("scope=\"orders.read orders.write\""), "{challenge}");
    let good = token(&server, "orders.read+orders.write").await;
    assert_eq!(get(&resource, &good).await.status(), 200);
    let twice = [("Authorization", good.as_str()), ("Authorization", good.as_str())];
    assert_eq!(send("GET", &resource.url("/"), &twice, "").await.status(), 400);
    assert_eq!(send("GET", &resource.url("/?access_token=x"), &[], "").await.status(), 400);
    let carried: Vec<_> = resource.ledger().entries().iter().map(|e| e.request.has_authorization()).collect();
    assert_eq!(carried, [false, true, true, true, false]);
    assert!(!format!("{:?}", resource.ledger()).contains("at-"));
}

#[tokio::test]
async fn a_test_can_have_good_tokens_refused_and_requests_sent_elsewhere() {
    let server = builder().start().await.unwrap();
    let (resource, other) =
        (ProtectedResource::start(&server).await.unwrap(), ProtectedResource::start(&server).await.unwrap());
    let good = token(&server, "a").await;
    resource.refuse_next(2);
    resource.redirect_next(1, 307, &other.url("/elsewhere"));
    resource.inject(Fault::drop_after_handling());
    for _ in 0..2 {
        let came = get(&resource, &good).await;
        assert!(came.status() == 401 && came.header("www-authenticate").unwrap().contains("invalid_token"));
    }
    let came = get(&resource, &good).await;
    assert_eq!((came.status(), came.header("location")), (307, Some(other.url("/elsewhere"))));
    assert!(get(&resource, &good).await.bytes.is_empty());
    assert_eq!(get(&resource, &good).await.status(), 200);
    resource.refuse_next(1);
    resource.clear_faults();
    assert_eq!(get(&resource, &good).await.status(), 200);
    resource.shutdown().await;
    assert_eq!(other.ledger().total(), 0);
}
