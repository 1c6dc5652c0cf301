//! Short memory, and what strangers leave in the store.

use grantry_tests::redis::{Redis, Settings};
use grantry_vault::{Precondition, RecordPrefix, SealedRecord, Vault, VaultError};
use grantry_vault_redis::RedisVault;

use crate::{bytes_of, connect, create, key, server};

#[tokio::test]
async fn a_full_server_says_so_and_goes_on_when_there_is_room() {
    let server = Redis::start(Settings { maxmemory: "8mb", ..Settings::default() }).unwrap();
    let vault = RedisVault::connect(&server.url()).await.unwrap();
    let mut revisions = Vec::new();
    let full = loop {
        let nth = revisions.len();
        let record = SealedRecord::new(vec![7; 500_000]);
        match vault.store(&key(&format!("acme/grant/crm/{nth}")), record, Precondition::Absent).await {
            Ok(revision) => revisions.push(revision),
            Err(error) => break error,
        }
    };
    assert!(matches!(full, VaultError::Full(_)), "{full:?}");
    // Nothing of it was written, and what is there can be read, listed and removed.
    let nth = revisions.len();
    assert_eq!(bytes_of(&vault, &format!("acme/grant/crm/{nth}")).await, None);
    assert_eq!(bytes_of(&vault, "acme/grant/crm/0").await.unwrap().len(), 500_000);
    assert!(!vault.list(&RecordPrefix::everything(), None, 2).await.unwrap().records.is_empty());
    for (nth, revision) in revisions.iter().enumerate().take(2) {
        vault.remove(&key(&format!("acme/grant/crm/{nth}")), revision).await.unwrap();
    }
    create(&vault, "acme/grant/crm/again", "b").await.unwrap();
}

#[tokio::test]
async fn a_script_that_the_server_forgot_is_sent_again() {
    let server = server();
    let vault = connect(&server).await;
    for nth in 0..3 {
        server.command(&["SCRIPT", "FLUSH"]).unwrap();
        let text = format!("acme/grant/crm/{nth}");
        let revision = create(&vault, &text, "b").await.unwrap();
        server.command(&["SCRIPT", "FLUSH"]).unwrap();
        assert_eq!(bytes_of(&vault, &text).await.unwrap(), b"b");
        server.command(&["SCRIPT", "FLUSH"]).unwrap();
        vault.remove(&key(&text), &revision).await.unwrap();
    }
}

#[tokio::test]
async fn what_the_vault_did_not_write_is_damage_and_is_left_alone() {
    let server = server();
    let vault = connect(&server).await;
    server.command(&["SET", "grantry:{acme}:r:acme/grant/crm/a", "text"]).unwrap();
    server.command(&["HSET", "grantry:{acme}:r:acme/grant/crm/b", "sealed", "text"]).unwrap();
    for text in ["acme/grant/crm/a", "acme/grant/crm/b"] {
        assert!(matches!(vault.load(&key(text)).await, Err(VaultError::Damaged(_))), "{text}");
    }
    assert!(matches!(create(&vault, "acme/grant/crm/a", "c").await, Err(VaultError::Damaged(_))));
    server.command(&["ZADD", "grantry:tenants", "0", "acme/"]).unwrap();
    server.command(&["ZADD", "grantry:{acme}:index", "0", "no key"]).unwrap();
    let listed = vault.list(&RecordPrefix::everything(), None, 10).await;
    assert!(matches!(listed, Err(VaultError::Damaged(_))), "{listed:?}");
    assert_eq!(server.command(&["GET", "grantry:{acme}:r:acme/grant/crm/a"]).unwrap(), "text");
}

#[tokio::test]
async fn an_entry_of_the_index_without_a_record_is_skipped() {
    let server = server();
    let vault = connect(&server).await;
    for text in ["acme/grant/crm/a", "acme/grant/crm/c", "acme-2/grant/crm/a"] {
        create(&vault, text, "b").await.unwrap();
    }
    for orphan in ["acme/grant/crm/0", "acme/grant/crm/b", "acme/grant/crm/d"] {
        server.command(&["ZADD", "grantry:{acme}:index", "0", orphan]).unwrap();
    }
    let mut keys = Vec::new();
    let mut after = None;
    loop {
        let page = vault.list(&RecordPrefix::everything(), after.as_ref(), 1).await.unwrap();
        assert!(!page.more || !page.records.is_empty());
        keys.extend(page.records.iter().map(|(key, _)| key.to_string()));
        after = page.records.last().map(|(key, _)| key.clone());
        if !page.more {
            break;
        }
    }
    assert_eq!(keys, ["acme-2/grant/crm/a", "acme/grant/crm/a", "acme/grant/crm/c"]);
}

#[tokio::test]
async fn long_listings_come_in_pages_of_bounded_size() {
    let server = server();
    let vault = connect(&server).await;
    for nth in 0..20 {
        let record = SealedRecord::new(vec![7; 1024 * 1024]);
        vault.store(&key(&format!("acme/grant/crm/{nth:02}")), record, Precondition::Absent).await.unwrap();
    }
    for nth in 0..300 {
        create(&vault, &format!("other/grant/crm/{nth:03}"), "b").await.unwrap();
    }
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = vault.list(&RecordPrefix::everything(), after.as_ref(), 1000).await.unwrap();
        let bytes: usize = page.records.iter().map(|(_, record)| record.sealed.as_bytes().len()).sum();
        assert!(bytes <= 10 * 1024 * 1024, "{bytes}");
        seen.extend(page.records.iter().map(|(key, _)| key.to_string()));
        after = page.records.last().map(|(key, _)| key.clone());
        if !page.more {
            break;
        }
    }
    assert_eq!(seen.len(), 320);
    assert!(seen.is_sorted());
}
