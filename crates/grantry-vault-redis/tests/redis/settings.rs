//! What is looked at before a server is trusted with anything.

use grantry_tests::redis::{Redis, Settings};
use grantry_vault::{Vault, VaultError};
use grantry_vault_redis::{RedisVault, RedisVaultBuilder};

use crate::{bytes_of, create};

async fn refused(builder: RedisVaultBuilder) -> String {
    match builder.connect().await {
        Err(VaultError::Refused(text)) => text.into_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_may_lose_writes_is_refused_until_that_is_accepted() {
    for (appendonly, appendfsync, word) in
        [(false, "always", "appendonly"), (true, "everysec", "everysec"), (true, "no", "appendfsync is no")]
    {
        let server = Redis::start(Settings { appendonly, appendfsync, ..Settings::default() }).unwrap();
        let text = refused(RedisVault::builder(&server.url())).await;
        assert!(text.contains(word), "{text}");
        let accepting = RedisVault::builder(&server.url());
        let accepting = if appendonly {
            accepting.accept_losing_recent_writes()
        } else {
            accepting.accept_no_persistence()
        };
        create(&accepting.connect().await.unwrap(), "acme/grant/crm/a", "b").await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_does_not_sync_while_it_rewrites_is_refused() {
    let lines = vec!["no-appendfsync-on-rewrite yes".to_owned()];
    let server = Redis::start(Settings { lines, ..Settings::default() }).unwrap();
    assert!(refused(RedisVault::builder(&server.url())).await.contains("rewrite"));
}

#[tokio::test]
async fn a_server_that_evicts_is_refused_whatever_is_accepted() {
    for maxmemory_policy in ["allkeys-lru", "volatile-ttl"] {
        let server = Redis::start(Settings { maxmemory_policy, ..Settings::default() }).unwrap();
        let lenient = RedisVault::builder(&server.url()).accept_no_persistence().accept_unchecked_settings();
        assert!(refused(lenient).await.contains("noeviction"));
    }
}

#[tokio::test]
async fn settings_that_may_not_be_read_have_to_be_accepted() {
    let users = vec!["blind on >secret ~* &* +@all -config".to_owned()];
    let server = Redis::start(Settings { users, ..Settings::default() }).unwrap();
    let url = server.url_of("blind", "secret");
    let text = refused(RedisVault::builder(&url)).await;
    assert!(text.contains("appendfsync") && text.contains("CONFIG"), "{text}");
    let vault = RedisVault::builder(&url).accept_unchecked_settings().connect().await.unwrap();
    create(&vault, "acme/grant/crm/a", "b").await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_and_none_are_refused_and_shown_nowhere() {
    let server = Redis::start(Settings { password: "right", ..Settings::default() }).unwrap();
    let without = format!("redis://127.0.0.1:{}", server.port());
    assert!(refused(RedisVault::builder(&without)).await.contains("password"));
    let text = refused(RedisVault::builder(&server.url_of("default", "canary"))).await;
    assert!(text.contains("password") && !text.contains("canary"), "{text}");
    let builder = RedisVault::builder(&server.url());
    assert!(!format!("{builder:?}").contains("right"));
    let vault = builder.connect().await.unwrap();
    assert!(!format!("{vault:?}").contains("right"));
    vault.now().await.unwrap();
}

#[tokio::test]
async fn a_replica_is_unavailable() {
    let primary = Redis::start(Settings::default()).unwrap();
    let lines = vec![format!("replicaof 127.0.0.1 {}", primary.port())];
    let replica = Redis::start(Settings { lines, ..Settings::default() }).unwrap();
    let refused = RedisVault::connect(&replica.url()).await;
    assert!(matches!(refused, Err(VaultError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_primary_that_becomes_a_replica_is_unavailable_and_comes_back() {
    let other = Redis::start(Settings::default()).unwrap();
    let server = Redis::start(Settings::default()).unwrap();
    let vault = RedisVault::connect(&server.url()).await.unwrap();
    create(&vault, "acme/grant/crm/a", "b").await.unwrap();
    server.command(&["REPLICAOF", "127.0.0.1", &other.port().to_string()]).unwrap();
    for _ in 0..2 {
        let refused = create(&vault, "acme/grant/crm/b", "c").await;
        assert!(matches!(refused, Err(VaultError::Unavailable(_))), "{refused:?}");
        assert!(matches!(vault.now().await, Err(VaultError::Unavailable(_))));
    }
    server.command(&["REPLICAOF", "NO", "ONE"]).unwrap();
    create(&vault, "acme/grant/crm/c", "d").await.unwrap();
}

#[tokio::test]
async fn a_cluster_is_refused() {
    let lines = vec!["cluster-enabled yes".to_owned()];
    let server = Redis::start(Settings { lines, ..Settings::default() }).unwrap();
    assert!(refused(RedisVault::builder(&server.url())).await.contains("Cluster"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let mut server = Redis::start(Settings::default()).unwrap();
    server.stop().unwrap();
    let refused = RedisVault::connect(&server.url()).await;
    assert!(matches!(refused, Err(VaultError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_socket_serves_and_so_do_namespaces_apart() {
    let server = Redis::start(Settings::default()).unwrap();
    let socket = format!("unix:{}", server.socket().display());
    let one = RedisVault::connect(&socket).await.unwrap();
    let other = RedisVault::builder(&server.url()).namespace("other").connect().await.unwrap();
    create(&one, "acme/grant/crm/a", "b").await.unwrap();
    let database = RedisVault::connect(&format!("{}/1?protocol=resp3", server.url())).await.unwrap();
    assert_eq!(bytes_of(&database, "acme/grant/crm/a").await, None);
    refused(RedisVault::builder(&format!("{}/99", server.url()))).await;
    assert_eq!(bytes_of(&other, "acme/grant/crm/a").await, None);
    assert!(refused(RedisVault::builder(&socket).namespace("a*")).await.contains("namespace"));
}

#[tokio::test]
async fn a_namespace_of_another_format_is_not_touched() {
    let server = Redis::start(Settings::default()).unwrap();
    server.command(&["HSET", "grantry:state", "format", "2"]).unwrap();
    let newer = RedisVault::connect(&server.url()).await;
    assert!(matches!(newer, Err(VaultError::Newer(_))), "{newer:?}");
    server.command(&["DEL", "grantry:state"]).unwrap();
    server.command(&["SET", "grantry:state", "something"]).unwrap();
    let damaged = RedisVault::connect(&server.url()).await;
    assert!(matches!(damaged, Err(VaultError::Damaged(_))), "{damaged:?}");
    assert_eq!(server.command(&["GET", "grantry:state"]).unwrap(), "something");
}
