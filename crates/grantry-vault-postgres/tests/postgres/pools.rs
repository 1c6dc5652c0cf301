//! Pools that a user hands in.

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use grantry_vault::{Precondition, SealedRecord, Vault};
use grantry_vault_postgres::PostgresVault;
use tokio_postgres::NoTls;

use crate::ground::{Database, LOGIN, key, server};

pub(crate) fn of(url: &str, connections: usize) -> Pool {
    recycled(url, connections, RecyclingMethod::Fast)
}

fn recycled(url: &str, connections: usize, recycling_method: RecyclingMethod) -> Pool {
    let manager = Manager::from_config(url.parse().unwrap(), NoTls, ManagerConfig { recycling_method });
    Pool::builder(manager).max_size(connections).build().unwrap()
}

#[tokio::test]
async fn a_pool_that_resets_its_sessions_works_too() {
    let database = Database::migrated().await;
    let pool = recycled(&server().url(LOGIN, &database.name), 2, RecyclingMethod::Clean);
    let vault = PostgresVault::from_pool(pool.clone()).accept_unsafe_durability().open().await.unwrap();
    let at = key("a/grant/b/c");
    let mut when = Precondition::Absent;
    for _ in 0..5 {
        when = Precondition::Matches(vault.store(&at, SealedRecord::new("x"), when).await.unwrap());
    }
    // Statements that somebody threw away are prepared again.
    for _ in 0..2 {
        pool.get().await.unwrap().batch_execute("DEALLOCATE ALL").await.unwrap();
    }
    vault.store(&at, SealedRecord::new("x"), when).await.unwrap();
    vault.close();
    assert!(!pool.is_closed());
}

#[tokio::test]
async fn without_a_way_to_listen_a_pool_gives_no_hints() {
    let database = Database::migrated().await;
    let url = server().url(LOGIN, &database.name);
    let builder = PostgresVault::from_pool(of(&url, 2)).accept_unsafe_durability();
    assert!(builder.clone().open().await.unwrap().watch().is_none());
    let vault = builder.listen_by(url.parse().unwrap(), NoTls).open().await.unwrap();
    let hint = vault.watch().unwrap().next_change(&key("a/grant/b/c"));
    database
        .open()
        .await
        .store(&key("a/grant/b/c"), SealedRecord::new("x"), Precondition::Absent)
        .await
        .unwrap();
    hint.await;
}
