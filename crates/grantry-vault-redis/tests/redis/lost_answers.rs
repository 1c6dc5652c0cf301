//! What a lost connection means: nothing was written, or nobody knows.

use std::time::Duration;

use grantry_vault::{Precondition, SealedRecord, Vault, VaultError};
use grantry_vault_redis::RedisVault;

use crate::proxy::{Mode, Proxy};
use crate::{bytes_of, connect, create, key, server};

const KEY: &str = "acme/grant/crm/user-17";

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_in_doubt_and_is_sent_once() {
    let server = server();
    let direct = connect(&server).await;
    let proxy = Proxy::start(server.port()).await;
    let vault = RedisVault::connect(&proxy.url()).await.unwrap();
    // The scripts are known to the server from here on: each call is one command.
    let gone = create(&vault, "acme/grant/crm/gone", "first").await.unwrap();
    vault.remove(&key("acme/grant/crm/gone"), &gone).await.unwrap();
    let revision = create(&vault, KEY, "first").await.unwrap();

    proxy.set(Mode::LoseTheAnswer);
    let lost = vault.store(&key(KEY), SealedRecord::new("second"), Precondition::Matches(revision)).await;
    assert!(matches!(lost, Err(VaultError::InDoubt(_))), "{lost:?}");
    assert_eq!(proxy.handed_on(), 1);
    proxy.set(Mode::HandOn);
    assert_eq!(bytes_of(&direct, KEY).await.unwrap(), b"second");
    // The same handle goes on.
    let record = vault.load(&key(KEY)).await.unwrap().unwrap();
    proxy.set(Mode::LoseTheAnswer);
    let lost = vault.remove(&key(KEY), &record.revision).await;
    assert!(matches!(lost, Err(VaultError::InDoubt(_))), "{lost:?}");
    proxy.set(Mode::HandOn);
    assert_eq!(bytes_of(&direct, KEY).await, None);
    assert_eq!(bytes_of(&vault, KEY).await, None);
}

#[tokio::test]
async fn a_write_that_is_not_answered_in_time_is_in_doubt() {
    let server = server();
    let proxy = Proxy::start(server.port()).await;
    let short = RedisVault::builder(&proxy.url()).command_timeout(Duration::from_secs(1));
    let vault = short.connect().await.unwrap();
    proxy.set(Mode::KeepTheAnswer);
    let late = create(&vault, KEY, "first").await;
    assert!(matches!(late, Err(VaultError::InDoubt(_))), "{late:?}");
    proxy.set(Mode::HandOn);
    // The connection that says nothing any more is not used again.
    create(&vault, "acme/grant/crm/user-18", "second").await.unwrap();
}

#[tokio::test]
async fn a_write_that_was_not_sent_is_unavailable_and_the_handle_recovers() {
    let server = server();
    let proxy = Proxy::start(server.port()).await;
    let vault = RedisVault::connect(&proxy.url()).await.unwrap();
    create(&vault, KEY, "first").await.unwrap();
    proxy.set(Mode::Refuse);
    // Until it is known that the connection is gone, a write may have left.
    let mut first = create(&vault, "acme/grant/crm/a", "never").await;
    while matches!(first, Err(VaultError::InDoubt(_))) {
        first = create(&vault, "acme/grant/crm/a", "never").await;
    }
    assert!(matches!(first, Err(VaultError::Unavailable(_))), "{first:?}");
    for nth in 0..3 {
        let refused = create(&vault, &format!("acme/grant/crm/{nth}"), "never").await;
        assert!(matches!(refused, Err(VaultError::Unavailable(_))), "{refused:?}");
        assert!(matches!(vault.load(&key(KEY)).await, Err(VaultError::Unavailable(_))));
    }
    proxy.set(Mode::HandOn);
    create(&vault, "acme/grant/crm/b", "second").await.unwrap();
    assert_eq!(bytes_of(&vault, "acme/grant/crm/0").await, None);
}

#[tokio::test]
async fn a_reading_goes_on_by_a_new_connection() {
    let server = server();
    let proxy = Proxy::start(server.port()).await;
    let vault = RedisVault::connect(&proxy.url()).await.unwrap();
    create(&vault, KEY, "first").await.unwrap();
    proxy.set(Mode::LoseTheAnswer);
    // The first answer is lost and the second too: a reading is tried twice, not for ever.
    assert!(matches!(vault.load(&key(KEY)).await, Err(VaultError::Unavailable(_))));
    proxy.set(Mode::HandOn);
    assert_eq!(bytes_of(&vault, KEY).await.unwrap(), b"first");
}

#[tokio::test]
async fn a_caller_who_gives_up_stops_nobody_else() {
    let server = server();
    let proxy = Proxy::start(server.port()).await;
    let vault = RedisVault::connect(&proxy.url()).await.unwrap();
    create(&vault, KEY, "first").await.unwrap();
    for _ in 0..50 {
        drop(tokio::time::timeout(Duration::ZERO, vault.load(&key(KEY))).await);
        drop(tokio::time::timeout(Duration::from_micros(50), create(&vault, KEY, "again")).await);
    }
    assert_eq!(bytes_of(&vault, KEY).await.unwrap(), b"first");
}

#[tokio::test]
async fn a_closed_handle_says_so_and_so_do_its_clones() {
    let server = server();
    let vault = connect(&server).await;
    let clone = vault.clone();
    let hint = vault.watch().unwrap().next_change(&key(KEY));
    vault.close();
    assert_eq!(clone.now().await, Err(VaultError::Closed));
    assert!(matches!(clone.load(&key(KEY)).await, Err(VaultError::Closed)));
    assert_eq!(create(&clone, KEY, "never").await, Err(VaultError::Closed));
    hint.await;
}
