//! Waiting for replicas.

use std::time::Duration;

use grantry_tests::redis::{Redis, Settings};
use grantry_vault::{Vault, VaultError};
use grantry_vault_redis::RedisVault;

use crate::{bytes_of, create, key};

#[tokio::test]
async fn a_write_is_in_doubt_until_enough_replicas_have_it() {
    let lines = vec!["repl-diskless-sync-delay 0".to_owned()];
    let primary = Redis::start(Settings { lines, ..Settings::default() }).unwrap();
    let lines = vec![format!("replicaof 127.0.0.1 {}", primary.port())];
    let mut replica = Redis::start(Settings { lines, ..Settings::default() }).unwrap();
    let waiting = |replicas| RedisVault::builder(&primary.url()).wait_for_replicas(replicas);
    let vault = waiting(1).connect().await.unwrap();
    // The replica may still be joining.
    while !primary.command(&["INFO", "replication"]).unwrap().contains("state=online") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let revision = create(&vault, "acme/grant/crm/a", "b").await.unwrap();
    let writers: Vec<_> = (0..32)
        .map(|nth| {
            let vault = vault.clone();
            tokio::spawn(async move { create(&vault, &format!("acme/grant/crm/many-{nth}"), "b").await })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    vault.remove(&key("acme/grant/crm/a"), &revision).await.unwrap();

    replica.stop().unwrap();
    let impatient = waiting(1).command_timeout(Duration::from_secs(1)).connect().await.unwrap();
    let writers: Vec<_> = (0..8)
        .map(|nth| {
            let vault = impatient.clone();
            tokio::spawn(async move { create(&vault, &format!("acme/grant/crm/alone-{nth}"), "b").await })
        })
        .collect();
    for writer in writers {
        let alone = writer.await.unwrap();
        assert!(matches!(alone, Err(VaultError::InDoubt(_))), "{alone:?}");
    }
    // Readings do not wait behind it.
    assert_eq!(bytes_of(&impatient, "acme/grant/crm/alone-0").await.unwrap(), b"b");
}
