//! Crashes of the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use grantry_tests::redis::{Redis, Settings};
use grantry_vault::{Precondition, RecordPrefix, Revision, SealedRecord, Vault, VaultError};
use grantry_vault_redis::RedisVault;

use crate::{bytes_of, connect, create, key, server};

/// Writes a growing number into a record of its own until it is told to stop; returns the last confirmed number and
/// the last one that was tried.
async fn write_numbers(
    vault: RedisVault,
    text: String,
    stop: Arc<AtomicBool>,
    confirmed: Arc<AtomicU64>,
) -> (u64, u64) {
    let key = key(&text);
    let (mut number, mut sure) = (0_u64, 0_u64);
    let mut revision: Option<Revision> = None;
    while !stop.load(Ordering::Acquire) {
        number += 1;
        let when = revision.clone().map_or(Precondition::Absent, Precondition::Matches);
        match vault.store(&key, SealedRecord::new(number.to_string()), when).await {
            Ok(written) => {
                revision = Some(written);
                sure = number;
                confirmed.fetch_add(1, Ordering::AcqRel);
            }
            Err(VaultError::InDoubt(_) | VaultError::Unavailable(_)) => {
                // What became of it is in the store.
                loop {
                    match vault.load(&key).await {
                        Ok(found) => {
                            let read = found.as_ref().map_or(0, |found| {
                                std::str::from_utf8(found.sealed.as_bytes()).unwrap().parse().unwrap()
                            });
                            assert!(read == sure || read == number, "{read} is neither {sure} nor {number}");
                            sure = read;
                            revision = found.map(|found| found.revision);
                            break;
                        }
                        Err(VaultError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
                        Err(error) => panic!("{error:?}"),
                    }
                }
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    (sure, number)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_confirmed_write_is_lost_when_the_server_is_killed_among_them() {
    let mut server = server();
    let vault = connect(&server).await;
    let (stop, confirmed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writers: Vec<_> = (0..16)
        .map(|nth| {
            let text = format!("acme/grant/crm/{nth:02}");
            tokio::spawn(write_numbers(vault.clone(), text, Arc::clone(&stop), Arc::clone(&confirmed)))
        })
        .collect();
    for _ in 0..4 {
        let reached = confirmed.load(Ordering::Acquire) + 200;
        while confirmed.load(Ordering::Acquire) < reached {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.restart().unwrap();
    }
    stop.store(true, Ordering::Release);
    for (nth, writer) in writers.into_iter().enumerate() {
        let (sure, tried) = writer.await.unwrap();
        let bytes = bytes_of(&vault, &format!("acme/grant/crm/{nth:02}")).await.unwrap();
        let found: u64 = std::str::from_utf8(&bytes).unwrap().parse().unwrap();
        assert!(found == sure || found == tried, "{found} is neither {sure} nor {tried}");
    }
    assert_eq!(vault.list(&RecordPrefix::everything(), None, 100).await.unwrap().records.len(), 16);
}

#[tokio::test]
async fn the_clock_and_the_revisions_go_on_after_a_restart() {
    let mut server = server();
    let vault = connect(&server).await;
    let first = create(&vault, "acme/grant/crm/a", "b").await.unwrap();
    vault.remove(&key("acme/grant/crm/a"), &first).await.unwrap();
    let before = vault.now().await.unwrap();
    server.restart().unwrap();
    assert!(connect(&server).await.now().await.unwrap() >= before);
    // The handle from before does not need to be opened again.
    let mut second = create(&vault, "acme/grant/crm/a", "b").await;
    if matches!(second, Err(VaultError::InDoubt(_) | VaultError::Unavailable(_))) {
        second = create(&vault, "acme/grant/crm/a", "b").await;
    }
    assert_ne!(second.unwrap(), first);
}

#[tokio::test]
async fn a_number_that_comes_again_after_a_loss_is_another_revision() {
    let mut server = Redis::start(Settings { appendonly: false, ..Settings::default() }).unwrap();
    let accepting = || RedisVault::builder(&server.url()).accept_no_persistence();
    let vault = accepting().connect().await.unwrap();
    let lost = create(&vault, "acme/grant/crm/a", "lost").await.unwrap();
    let accepting = accepting();
    server.restart().unwrap();
    let vault = accepting.connect().await.unwrap();
    let kept = create(&vault, "acme/grant/crm/a", "kept").await.unwrap();
    let number = |revision: &Revision| revision.as_text().unwrap().split('-').next().unwrap().to_owned();
    assert_eq!(number(&lost), number(&kept));
    let late =
        vault.store(&key("acme/grant/crm/a"), SealedRecord::new("late"), Precondition::Matches(lost)).await;
    assert_eq!(late, Err(VaultError::Conflict));
    assert_eq!(bytes_of(&vault, "acme/grant/crm/a").await.unwrap(), b"kept");
}
