//! Reads that wait for a connection together are sent together, and each has its own answer.

use futures_util::future::join_all;
use grantry_vault::{Precondition, RecordKey, StoredRecord, Vault, VaultError};
use grantry_vault_postgres::PostgresVault;
use tokio::task::JoinHandle;

use crate::batches::Held;
use crate::ground::{Database, key};
use crate::lost_answers::record;

type Found = Result<Option<StoredRecord>, VaultError>;

fn read(vault: &PostgresVault, at: &RecordKey) -> JoinHandle<Found> {
    let (vault, at) = (vault.clone(), at.clone());
    tokio::spawn(async move { vault.load(&at).await })
}

fn text(found: Found) -> Option<String> {
    found.unwrap().map(|stored| String::from_utf8(stored.sealed.as_bytes().to_vec()).unwrap())
}

/// How often this function was called.
fn calls(database: &Database, function: &str) -> u64 {
    let sql = format!("SELECT calls FROM pg_stat_user_functions WHERE funcname = '{function}'");
    database.sql(&sql).parse().unwrap_or(0)
}

/// A vault whose only connection is taken, in a database that counts calls, with a record of each tenant.
async fn held(tenants: &[&str]) -> Held {
    let database = Database::migrated().await;
    database.sql(&format!("ALTER DATABASE {} SET track_functions = 'pl'", database.name));
    let beside = database.open().await;
    for tenant in tenants {
        let at = key(&format!("{tenant}/keys/-/there"));
        beside.store(&at, record(&format!("of {tenant}")), Precondition::Absent).await.unwrap();
    }
    drop(beside);
    let vault = database.login().connections(1).open().await.unwrap();
    Held::of(database, vault).await
}

/// Waits until the sessions of the vault have told their counts, which they do when they end.
async fn sessions_ended(database: &Database) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'acme' AND datname = current_database()";
    for _ in 0..3_000 {
        if database.sql(sql) == "0" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn each_reader_of_a_batch_has_the_record_that_it_asked_for() {
    let tenants = ["a", "b", "-", "c"];
    let held = held(&tenants).await;
    let mut reads = Vec::new();
    for round in 0..3 {
        for tenant in tenants {
            // Several want the same, and some what is not there.
            reads.push((
                Some(format!("of {tenant}")),
                read(&held.vault, &key(&format!("{tenant}/keys/-/there"))),
            ));
            reads.push((None, read(&held.vault, &key(&format!("{tenant}/keys/-/gone-{round}")))));
        }
    }
    let (database, vault) = held.let_go().await;
    for (expected, found) in reads {
        assert_eq!(text(found.await.unwrap()), expected);
    }
    vault.close();
    drop(vault);
    sessions_ended(&database).await;
    let (together, alone) = (calls(&database, "load_each"), calls(&database, "load"));
    assert!((1..=2).contains(&together) && alone <= 3, "{together} calls for several, {alone} for one");
}

#[tokio::test]
async fn records_that_are_too_long_to_come_together_are_read_one_by_one() {
    let held = held(&[]).await;
    let beside = held.database.open().await;
    let longest = "x".repeat(1024 * 1024);
    for nth in 0..6 {
        beside.store(&key(&format!("a/keys/-/{nth}")), record(&longest), Precondition::Absent).await.unwrap();
    }
    let reads: Vec<_> = (0..6).map(|nth| read(&held.vault, &key(&format!("a/keys/-/{nth}")))).collect();
    let (_database, _vault) = held.let_go().await;
    for found in join_all(reads).await {
        assert_eq!(text(found.unwrap()).unwrap().len(), longest.len());
    }
}

#[tokio::test]
async fn a_reader_that_leaves_does_not_stop_the_batch() {
    let held = held(&["a"]).await;
    let at = key("a/keys/-/there");
    let reads: Vec<_> = (0..20).map(|_| read(&held.vault, &at)).collect();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    reads.iter().step_by(3).for_each(JoinHandle::abort);
    let (_database, _vault) = held.let_go().await;
    for (nth, found) in join_all(reads).await.into_iter().enumerate() {
        match found {
            Ok(found) => assert_eq!(text(found).as_deref(), Some("of a"), "{nth}"),
            Err(left) => assert!(left.is_cancelled() && nth % 3 == 0),
        }
    }
}

#[tokio::test]
async fn a_batch_of_reads_is_asked_for_again_after_its_connection_was_lost() {
    let held = held(&["a", "b"]).await;
    let database = held.database.clone();
    let reads: Vec<_> =
        ["a", "b"].map(|tenant| read(&held.vault, &key(&format!("{tenant}/keys/-/there")))).into();
    // The vault's connection goes, and with it the write that kept it.
    let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'acme'
               AND datname = current_database() AND query LIKE '%store%'";
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(database.sql(sql), "1");
    for (tenant, found) in ["a", "b"].into_iter().zip(join_all(reads).await) {
        assert_eq!(text(found.unwrap()), Some(format!("of {tenant}")));
    }
}

#[tokio::test]
async fn tables_without_the_function_for_several_reads_are_read_one_by_one() {
    let database = Database::migrated().await;
    database.sql("DROP FUNCTION grantry.load_each");
    let vault = database.open().await;
    let at = key("a/keys/-/there");
    vault.store(&at, record("x"), Precondition::Absent).await.unwrap();
    let rounds = async |vault: &PostgresVault| {
        let reads: Vec<_> = (0..30).map(|_| read(vault, &at)).collect();
        for found in join_all(reads).await {
            assert_eq!(text(found.unwrap()).as_deref(), Some("x"));
        }
    };
    rounds(&vault).await;
    // The next migration brings it, and somebody puts the older functions back while a vault is open.
    database.owner().migrate().await.unwrap();
    let newer = database.login().connections(2).open().await.unwrap();
    rounds(&newer).await;
    database.sql("DROP FUNCTION grantry.load_each");
    rounds(&newer).await;
}
