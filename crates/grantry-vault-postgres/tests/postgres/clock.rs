//! The store's clock never runs backwards, whatever happens to the server's.

use std::time::Duration;

use grantry_core::StoreTime;
use grantry_vault::Vault;
use grantry_vault_postgres::PostgresVault;

use crate::ground::Database;

/// The clock moved on since, though not by more than half an hour.
async fn goes_on(vault: &PostgresVault, before: StoreTime) -> StoreTime {
    let now = vault.now().await.unwrap();
    assert!(now >= before, "{now:?} after {before:?}");
    assert!(now.since(before) < Duration::from_secs(1800), "{now:?} after {before:?}");
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let later = vault.now().await.unwrap();
        assert!(later >= now);
        if later > now {
            return later;
        }
    }
    panic!("the clock stands at {now:?}");
}

#[tokio::test]
async fn a_clock_that_is_set_back_goes_on_from_where_it_was() {
    let database = Database::migrated().await;
    let (one, other) = (database.open().await, database.open().await);
    let before = one.now().await.unwrap();
    // What a server's clock that was set back by an hour looks like.
    database.sql("UPDATE grantry.clock SET ahead = ahead - 3600 * 1000000::bigint");
    let after = goes_on(&other, before).await;
    let again = goes_on(&one, after).await;
    // A handle that has seen nothing yet is not behind.
    goes_on(&database.open().await, again).await;
}

#[tokio::test]
async fn a_clock_that_begins_anew_goes_on_from_its_ceiling() {
    let database = Database::migrated().await;
    let before = database.open().await.now().await.unwrap();
    // What a crash, or a standby that took over, leaves of an unlogged sequence; on a machine whose clock is behind.
    database.sql("ALTER SEQUENCE grantry.ticks RESTART; UPDATE grantry.clock SET ahead = ahead - 600 * 1000000::bigint");
    goes_on(&database.open().await, before).await;
}

#[tokio::test]
async fn no_reading_is_above_a_ceiling_that_is_committed() {
    let database = Database::migrated().await;
    let vault = database.open().await;
    for _ in 0..3 {
        vault.now().await.unwrap();
        // As after a night in which nobody asked.
        database.sql("UPDATE grantry.clock SET ahead = ahead + 36000 * 1000000::bigint");
        let now = vault.now().await.unwrap();
        let ceiling: u64 = database.sql("SELECT ceiling FROM grantry.clock").parse().unwrap();
        assert!(now.as_nanos() <= ceiling * 1_000);
        assert!(now.as_nanos() + 5_000_000_000 > ceiling * 1_000);
    }
}

#[tokio::test]
async fn callers_that_meet_a_leap_at_once_agree() {
    let database = Database::migrated().await;
    let vaults = [database.open().await, database.open().await];
    for leap in [3600_i64, -3600, 7200, -100] {
        let before = vaults[0].now().await.unwrap();
        database.sql(&format!("UPDATE grantry.clock SET ahead = ahead + {leap} * 1000000::bigint"));
        let tasks: Vec<_> = (0..12)
            .map(|nth| {
                let vault = vaults[nth % 2].clone();
                tokio::spawn(async move { vault.now().await })
            })
            .collect();
        for task in tasks {
            assert!(task.await.unwrap().unwrap() >= before);
        }
    }
}
