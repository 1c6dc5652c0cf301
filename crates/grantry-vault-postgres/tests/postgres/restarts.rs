//! A server that stops, is killed, and comes back, in the middle of writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use grantry_core::StoreTime;
use grantry_tests::postgres::{Postgres, Settings};
use grantry_vault::{Precondition, Revision, SealedRecord, Vault, VaultError};
use grantry_vault_postgres::PostgresVault;

use crate::ground::{LOGIN, OWNER, key, let_in, prepare};

const WRITERS: usize = 8;

/// A server of its own that syncs, and a vault on it that accepts nothing less.
async fn durable() -> (Postgres, PostgresVault) {
    let server =
        Postgres::launch(Settings { fsync: true, lines: vec!["synchronous_commit = off".into()] }).unwrap();
    prepare(&server, "durable");
    PostgresVault::builder(&server.url(OWNER, "durable")).migrate().await.unwrap();
    let_in(&server);
    let vault = PostgresVault::connect(&server.url(LOGIN, "durable")).await.unwrap();
    (server, vault)
}

fn number(nth: usize) -> SealedRecord {
    SealedRecord::new(nth.to_string())
}

/// Reads until the server answers.
async fn stored(vault: &PostgresVault, nth: usize) -> (usize, Revision, StoreTime) {
    loop {
        match vault.load(&key(&format!("a/grant/b/{nth}"))).await {
            Ok(stored) => {
                let stored = stored.unwrap();
                let text = std::str::from_utf8(stored.sealed.as_bytes()).unwrap().to_owned();
                return (text.parse().unwrap(), stored.revision, stored.read_at);
            }
            Err(VaultError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(other) => panic!("a reading: {other:?}"),
        }
    }
}

/// Counts a record of its own up until the end; what was answered decides what has to be there.
async fn count(vault: PostgresVault, nth: usize, ended: Arc<AtomicBool>, done: Arc<AtomicUsize>) -> usize {
    let at = key(&format!("a/grant/b/{nth}"));
    let (mut reached, mut revision, mut latest) = stored(&vault, nth).await;
    while !ended.load(Ordering::SeqCst) {
        match vault.store(&at, number(reached + 1), Precondition::Matches(revision.clone())).await {
            Ok(next) => {
                (reached, revision) = (reached + 1, next);
                done.fetch_add(1, Ordering::SeqCst);
            }
            Err(error @ (VaultError::InDoubt(_) | VaultError::Unavailable(_))) => {
                let (found, now, read_at) = stored(&vault, nth).await;
                if matches!(error, VaultError::InDoubt(_)) {
                    assert!(found == reached || found == reached + 1, "{found} after {reached} and {error}");
                } else {
                    assert_eq!(found, reached, "after {error}");
                }
                assert!(read_at >= latest, "the clock ran back from {latest:?} to {read_at:?}");
                (reached, revision, latest) = (found, now, read_at);
            }
            Err(other) => panic!("a write: {other:?}"),
        }
    }
    reached
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_write_is_lost_when_the_server_stops_or_is_killed() {
    let (mut server, vault) = durable().await;
    for nth in 0..WRITERS {
        vault.store(&key(&format!("a/grant/b/{nth}")), number(0), Precondition::Absent).await.unwrap();
    }
    let (ended, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writers: Vec<_> = (0..WRITERS)
        .map(|nth| tokio::spawn(count(vault.clone(), nth, Arc::clone(&ended), Arc::clone(&done))))
        .collect();
    let further = async |most: usize| {
        let goal = done.load(Ordering::SeqCst) + most;
        for _ in 0..3000 {
            if done.load(Ordering::SeqCst) >= goal {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the writers do not go on");
    };
    for kills in [false, true, true, false] {
        further(200).await;
        server = tokio::task::spawn_blocking(move || {
            if kills {
                server.kill().unwrap()
            } else {
                server.stop().unwrap()
            }
            server.start().unwrap();
            server
        })
        .await
        .unwrap();
    }
    further(200).await;
    ended.store(true, Ordering::SeqCst);
    let mut reached = Vec::new();
    for writer in writers {
        reached.push(writer.await.unwrap());
    }
    // Another crash, and another process: all of it is still there.
    server.kill().unwrap();
    server.start().unwrap();
    let again = PostgresVault::connect(&server.url(LOGIN, "durable")).await.unwrap();
    for (nth, reached) in reached.into_iter().enumerate() {
        assert_eq!(stored(&again, nth).await.0, reached);
        assert_eq!(stored(&vault, nth).await.0, reached);
    }
}

#[tokio::test]
async fn commits_wait_for_the_disk_whatever_the_server_says() {
    let (server, _vault) = durable().await;
    let pool = crate::pools::of(&server.url(LOGIN, "durable"), 1);
    let setting = async || {
        let row = pool.get().await.unwrap().query_one("SHOW synchronous_commit", &[]).await.unwrap();
        row.get::<_, String>(0)
    };
    assert_eq!(setting().await, "off");
    let vault = PostgresVault::from_pool(pool.clone()).open().await.unwrap();
    vault.store(&key("a/grant/b/c"), number(0), Precondition::Absent).await.unwrap();
    assert_eq!(setting().await, "on");
}
