//! Handles of one process: hints, closing, dropped futures.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use grantry_vault::{Precondition, RecordKey, RecordPrefix, SealedRecord, Vault, VaultError};
use grantry_vault_sqlite::SqliteVault;

fn key(name: &str) -> RecordKey {
    RecordKey::parse(&format!("acme/grant/crm/{name}")).unwrap()
}

fn sealed(text: &str) -> SealedRecord {
    SealedRecord::new(text.to_owned())
}

async fn open() -> (tempfile::TempDir, SqliteVault) {
    let folder = tempfile::tempdir().unwrap();
    let vault = SqliteVault::open(folder.path().join("grantry.db")).await.unwrap();
    (folder, vault)
}

#[tokio::test]
async fn hints_reach_waiters_of_this_handle_and_of_another() {
    let (folder, vault) = open().await;
    let other = SqliteVault::open(folder.path().join("grantry.db")).await.unwrap();
    for round in 0..20 {
        let name = format!("r{round}");
        let here = vault.watch().unwrap().next_change(&key(&name));
        vault.store(&key(&name), sealed("x"), Precondition::Absent).await.unwrap();
        here.await;
        let revision = vault.load(&key(&name)).await.unwrap().unwrap().revision;
        loop {
            let there = other.watch().unwrap().next_change(&key(&name));
            if other.load(&key(&name)).await.unwrap().is_none() {
                break;
            }
            if round % 2 == 0 || vault.load(&key(&name)).await.unwrap().is_some() {
                let _ = vault.remove(&key(&name), &revision).await;
            }
            there.await;
        }
    }
}

#[tokio::test]
async fn closing_finishes_what_was_asked_for_and_wakes_whoever_waits() {
    let (folder, vault) = open().await;
    let hint = vault.watch().unwrap().next_change(&key("never"));
    let (vault, mut writes) = (Arc::new(vault), Vec::new());
    for nth in 0..100 {
        let vault = Arc::clone(&vault);
        writes.push(tokio::spawn(async move {
            vault.store(&key(&format!("n{nth}")), sealed("x"), Precondition::Absent).await
        }));
    }
    tokio::task::yield_now().await;
    tokio::join!(vault.close(), vault.close());
    let mut written = 0;
    for write in writes {
        match write.await.unwrap() {
            Ok(_) => written += 1,
            Err(VaultError::Closed) => {}
            Err(other) => panic!("{other}"),
        }
    }
    hint.await;
    for _ in 0..2 {
        assert_eq!(vault.load(&key("n0")).await.unwrap_err(), VaultError::Closed);
        assert_eq!(vault.now().await.unwrap_err(), VaultError::Closed);
        assert_eq!(vault.check().await.unwrap_err(), VaultError::Closed);
        let written = vault.store(&key("n0"), sealed("x"), Precondition::Absent).await;
        assert_eq!(written.unwrap_err(), VaultError::Closed);
        vault.close().await;
    }
    vault.watch().unwrap().next_change(&key("never")).await;
    // The log is in the file, and both files beside it are gone.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let again = SqliteVault::open(folder.path().join("grantry.db")).await.unwrap();
    let page = again.list(&RecordPrefix::everything(), None, 1_000).await.unwrap();
    assert_eq!(page.records.len(), written);
}

#[tokio::test]
async fn a_handle_that_is_dropped_loses_nothing() {
    let (folder, vault) = open().await;
    for nth in 0..20 {
        vault.store(&key(&format!("n{nth}")), sealed("x"), Precondition::Absent).await.unwrap();
    }
    drop(vault);
    let again = SqliteVault::open(folder.path().join("grantry.db")).await.unwrap();
    assert_eq!(again.list(&RecordPrefix::everything(), None, 1_000).await.unwrap().records.len(), 20);
}

#[tokio::test]
async fn a_dropped_write_leaves_the_vault_usable() {
    let (_folder, vault) = open().await;
    let mut under_way = 0;
    for nth in 0..200 {
        let key = key(&format!("n{nth}"));
        let mut write = vault.store(&key, sealed("x"), Precondition::Absent);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        under_way += u32::from(write.as_mut().poll(&mut context).is_pending());
        drop(write);
        // It was written or it was not; a second try finds out which.
        match vault.store(&key, sealed("y"), Precondition::Absent).await {
            Ok(_) | Err(VaultError::Conflict) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert!(under_way > 0, "no write was dropped before it had its answer");
    vault.check().await.unwrap();
}

#[tokio::test]
async fn one_failed_precondition_does_not_fail_the_others_of_its_group() {
    let (_folder, vault) = open().await;
    let vault = Arc::new(vault);
    let writes: Vec<_> = (0..400)
        .map(|nth| {
            let vault = Arc::clone(&vault);
            tokio::spawn(async move {
                vault.store(&key(&format!("n{}", nth % 100)), sealed("x"), Precondition::Absent).await
            })
        })
        .collect();
    let (mut written, mut conflicts) = (0, 0);
    for write in writes {
        match write.await.unwrap() {
            Ok(_) => written += 1,
            Err(VaultError::Conflict) => conflicts += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((written, conflicts), (100, 300));
}

#[tokio::test]
async fn a_page_is_bounded_and_says_that_there_is_more() {
    let (_folder, vault) = open().await;
    let everything = RecordPrefix::everything();
    for nth in 0..8 {
        let record = SealedRecord::new(vec![1; SealedRecord::MOST_BYTES]);
        vault.store(&key(&format!("n{nth}")), record, Precondition::Absent).await.unwrap();
    }
    let (mut after, mut found) = (None, 0);
    loop {
        let page = vault.list(&everything, after.as_ref(), usize::MAX).await.unwrap();
        assert!(!page.records.is_empty() && page.records.len() < 8);
        found += page.records.len();
        after = page.records.last().map(|(key, _)| key.clone());
        if !page.more {
            break;
        }
    }
    assert_eq!(found, 8);
    let none = vault.list(&everything, None, 0).await.unwrap();
    assert!(none.records.is_empty() && !none.more);
}

#[tokio::test]
async fn the_debug_form_names_the_file_and_nothing_else() {
    let (folder, vault) = open().await;
    let expected = format!("SqliteVault {{ path: {:?}, .. }}", folder.path().join("grantry.db"));
    assert_eq!(format!("{vault:?}"), expected);
}

#[test]
fn no_runtime_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grantry.db");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let vault = runtime.block_on(SqliteVault::open(&path)).unwrap();
    drop(runtime);
    let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
    other.block_on(vault.store(&key("a"), sealed("x"), Precondition::Absent)).unwrap();
    other.block_on(vault.close());
}
