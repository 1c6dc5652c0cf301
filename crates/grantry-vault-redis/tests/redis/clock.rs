//! The store's clock.

use std::time::Duration;

use grantry_vault::{Vault, VaultError};

use crate::{connect, create, key, server};

/// A day, in nanoseconds.
const DAY: u64 = 86_400_000_000_000;

#[tokio::test]
async fn a_clock_that_was_set_back_goes_on_from_where_it_was() {
    let server = server();
    let (one, other) = (connect(&server).await, connect(&server).await);
    create(&one, "acme/grant/crm/a", "b").await.unwrap();
    let before = one.now().await.unwrap();
    // As if the machine's clock had been a day ahead until now.
    let ahead = (before.as_nanos() + DAY) / 1000;
    server.command(&["HSET", "grantry:state", "clock", &ahead.to_string()]).unwrap();
    let mut last = one.now().await.unwrap();
    assert!(last.as_nanos() >= before.as_nanos() + DAY);
    let first = last;
    for _ in 0..50 {
        for vault in [&one, &other] {
            let read = vault.load(&key("acme/grant/crm/a")).await.unwrap().unwrap().read_at;
            assert!(read >= last);
            last = read;
        }
    }
    // It does not stand still until the machine's clock has caught up, and does not race either.
    while last <= first {
        tokio::time::sleep(Duration::from_millis(10)).await;
        last = other.now().await.unwrap();
    }
    assert!(last.as_nanos() < first.as_nanos() + DAY / 24);
}

#[tokio::test]
async fn a_store_that_has_forgotten_its_clock_learns_it_from_whoever_saw_it() {
    let server = server();
    let vault = connect(&server).await;
    let ahead = vault.now().await.unwrap().as_nanos() / 1000 + 3_600_000_000;
    server.command(&["HSET", "grantry:state", "clock", &ahead.to_string()]).unwrap();
    let seen = vault.now().await.unwrap();
    // What a failover to a replica that lags behind does.
    server.command(&["HDEL", "grantry:state", "clock", "offset"]).unwrap();
    assert!(vault.now().await.unwrap() >= seen);
    assert!(connect(&server).await.now().await.unwrap() >= seen);
}

#[tokio::test]
async fn readings_from_many_tasks_never_go_back() {
    let server = server();
    let vaults = [connect(&server).await, connect(&server).await];
    let tasks = (0..8).map(|nth| {
        let vault = vaults[nth % 2].clone();
        tokio::spawn(async move {
            let mut last = vault.now().await.unwrap();
            for _ in 0..200 {
                let now = vault.now().await.unwrap();
                assert!(now >= last);
                last = now;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_clock_that_is_none_is_damage() {
    let server = server();
    let vault = connect(&server).await;
    for nonsense in ["soon", "nan", "inf", "1e300"] {
        server.command(&["HSET", "grantry:state", "clock", nonsense]).unwrap();
        assert!(matches!(vault.now().await, Err(VaultError::Damaged(_))), "{nonsense}");
    }
}
