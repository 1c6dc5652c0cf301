//! Hints from other handles, also after the connection that listens was lost.

use std::time::Duration;

use grantry_vault::{Precondition, SealedRecord, Vault};

use crate::ground::{Database, key};

/// How many sessions listen.
fn listeners(database: &Database) -> usize {
    let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock'
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    database.sql(sql).parse().unwrap()
}

async fn listens(database: &Database, count: usize) {
    for _ in 0..500 {
        if listeners(database) == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} listen, not {count}", listeners(database));
}

#[tokio::test]
async fn nobody_listens_before_somebody_waits_or_after_the_handle_is_gone() {
    let database = Database::migrated().await;
    let vault = database.open().await;
    assert_eq!(listeners(&database), 0);
    drop(vault.watch().unwrap().next_change(&key("a/grant/b/c")));
    listens(&database, 1).await;
    drop(vault);
    listens(&database, 0).await;
}

#[tokio::test]
async fn a_lost_connection_is_made_again_and_everybody_is_told_to_look() {
    let database = Database::migrated().await;
    let (one, other) = (database.open().await, database.open().await);
    let at = key("a/grant/b/c");
    drop(one.watch().unwrap().next_change(&at));
    listens(&database, 1).await;
    let hint = one.watch().unwrap().next_change(&at);
    database.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock'
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    // Nothing was written: it is told because something may have been.
    hint.await;
    listens(&database, 1).await;
    let hint = one.watch().unwrap().next_change(&at);
    other.store(&at, SealedRecord::new("x"), Precondition::Absent).await.unwrap();
    hint.await;
}

#[tokio::test]
async fn many_writes_are_all_told() {
    let database = Database::migrated().await;
    let (one, other) = (database.open().await, database.open().await);
    drop(one.watch().unwrap().next_change(&key("a/grant/b/c")));
    listens(&database, 1).await;
    let hints: Vec<_> =
        (0..200).map(|nth| one.watch().unwrap().next_change(&key(&format!("a/grant/b/{nth}")))).collect();
    for nth in 0..200 {
        other
            .store(&key(&format!("a/grant/b/{nth}")), SealedRecord::new("x"), Precondition::Absent)
            .await
            .unwrap();
    }
    for hint in hints {
        tokio::time::timeout(Duration::from_secs(30), hint).await.unwrap();
    }
}
