//! Revocation, introspection and metadata.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::{ClientAuthenticationMethod, RefreshToken, Rotation, Scope};
use grantry_testkit::*;
use serde_json::{Value, json};

use crate::client::{builder, post, send};

async fn token(server: &TestServer) -> String {
    let form = "grant_type=client_credentials&scope=a";
    let came = post(&server.token_endpoint(), form).await;
    came.json()["access_token"].as_str().unwrap().to_owned()
}

async fn introspect(server: &TestServer, token: &str) -> Value {
    post(&format!("{}/introspect", server.issuer()), &format!("token={token}")).await.json()
}

async fn revoke(server: &TestServer, form: &str) -> u16 {
    post(&format!("{}/revoke", server.issuer()), form).await.status()
}

#[tokio::test]
async fn req_e28_only_a_live_token_has_members_beside_active() {
    let clock = ManualClock::new();
    let server = builder().clock(Arc::new(clock.clone())).start().await.unwrap();
    let token = token(&server).await;
    let seen = introspect(&server, &token).await;
    assert_eq!(
        seen,
        json!({
            "active": true, "scope": "a", "client_id": "billing", "token_type": "Bearer", "sub": "billing",
            "iat": 1_767_225_600, "exp": 1_767_229_200, "iss": server.issuer(),
        })
    );
    clock.advance(Duration::from_secs(3600));
    assert_eq!(introspect(&server, &token).await, json!({"active": false}));
    assert_eq!(introspect(&server, "made-up").await, json!({"active": false}));
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let anonymous = send("POST", &format!("{}/introspect", server.issuer()), &form, "token=x").await;
    assert_eq!(anonymous.status(), 401);
    assert_eq!(server.ledger().count(Endpoint::Introspection), 4);
}

#[tokio::test]
async fn a_live_refresh_token_can_be_introspected_without_being_spent() {
    let server = builder().rotation(Rotation::Strict { revokes_family: true }).start().await.unwrap();
    let refresh = server.seed_grant(SeededGrant::new("billing", Scope::EMPTY).subject("user-17"));
    let seen = introspect(&server, refresh.expose()).await;
    assert_eq!((&seen["active"], &seen["sub"]), (&json!(true), &json!("user-17")));
    assert_eq!(introspect(&server, refresh.expose()).await["active"], true);
}

#[tokio::test]
async fn req_e26_revocation_is_200_for_any_token_and_takes_only_the_clients_own() {
    let other = RegisteredClient::with_secret("other", "secret");
    let server = builder().client(other).rotation(Rotation::KeepOld).start().await.unwrap();
    let live = |t: &RefreshToken| server.with_authority(|a, at| a.is_live(t, at));
    let (first, second) = (token(&server).await, token(&server).await);
    assert_eq!(revoke(&server, &format!("token={first}&token_type_hint=refresh_token")).await, 200);
    assert_eq!(introspect(&server, &first).await["active"], false);
    assert_eq!(introspect(&server, &second).await["active"], true);
    assert_eq!(revoke(&server, "token=made-up").await, 200);
    assert_eq!(revoke(&server, "token=").await, 400);

    let foreign = server.seed_grant(SeededGrant::new("other", Scope::EMPTY));
    assert_eq!(revoke(&server, &format!("token={}", foreign.expose())).await, 200);
    assert!(live(&foreign), "a client cannot revoke another's token");

    let own = server.seed_grant(SeededGrant::new("billing", Scope::EMPTY));
    let form = format!("grant_type=refresh_token&refresh_token={}", own.expose());
    let renewed = post(&server.token_endpoint(), &form).await.json();
    assert_eq!(revoke(&server, &format!("token={}", own.expose())).await, 200);
    assert!(!live(&own));
    let access = renewed["access_token"].as_str().unwrap();
    assert_eq!(introspect(&server, access).await["active"], false, "the family goes with it");
}

#[tokio::test]
async fn metadata_is_at_both_well_known_paths_and_names_the_issuer() {
    for path in ["", "/tenant-1"] {
        let server = builder().issuer_path(path).start().await.unwrap();
        let root = server.issuer().strip_suffix(path).unwrap().to_owned();
        for url in [
            format!("{root}/.well-known/oauth-authorization-server{path}"),
            format!("{root}{path}/.well-known/openid-configuration"),
        ] {
            let seen = send("GET", &url, &[], "").await.json();
            assert_eq!(seen["issuer"], server.issuer());
            assert_eq!(seen["token_endpoint"], server.token_endpoint());
            let methods: Vec<_> = seen["token_endpoint_auth_methods_supported"].as_array().unwrap().clone();
            let known = |m: &Value| ClientAuthenticationMethod::from_name(m.as_str().unwrap()).is_some();
            assert!(methods.len() == 5 && methods.iter().all(known));
        }
        assert_eq!(server.ledger().count(Endpoint::Metadata), 2);
        let posted = post(&format!("{root}{path}/.well-known/openid-configuration"), "").await;
        assert_eq!(posted.status(), 405);
    }
}
