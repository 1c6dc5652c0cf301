//! Writes that wait for a connection together are sent together, and each has its own answer.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use grantry_vault::{Precondition, RecordKey, Revision, Vault, VaultError};
use grantry_vault_postgres::PostgresVault;
use tokio::task::JoinHandle;

use crate::ground::{Database, key};
use crate::lost_answers::{in_the_way, record, wait_for_who_waits};

/// Longer than anything takes here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) type Done = Result<Revision, VaultError>;

/// A write of `text` in a task of its own.
pub(crate) fn write(
    vault: &PostgresVault,
    at: &RecordKey,
    text: &str,
    when: Precondition,
) -> JoinHandle<Done> {
    let (vault, at, sealed) = (vault.clone(), at.clone(), record(text));
    tokio::spawn(async move { vault.store(&at, sealed, when).await })
}

/// A vault whose only connection is taken: what is written meanwhile goes together once it is free.
pub(crate) struct Held {
    pub(crate) database: Database,
    pub(crate) vault: PostgresVault,
    other: tokio_postgres::Client,
    first: JoinHandle<Done>,
}

impl Held {
    pub(crate) async fn of(database: Database, vault: PostgresVault) -> Self {
        let at = key("a/grant/b/first");
        let revision = match vault.load(&at).await.unwrap() {
            Some(stored) => stored.revision,
            None => vault.store(&at, record("0"), Precondition::Absent).await.unwrap(),
        };
        let sql = format!("UPDATE grantry.records SET revision = revision WHERE key = '{at}'");
        let other = in_the_way(&database, &sql).await;
        let first = write(&vault, &at, "1", Precondition::Matches(revision));
        wait_for_who_waits(&other, 1).await;
        Self { database, vault, other, first }
    }

    pub(crate) async fn new() -> Self {
        Self::after("SELECT").await
    }

    /// After this SQL of the superuser's.
    pub(crate) async fn after(sql: &str) -> Self {
        let database = Database::migrated().await;
        database.sql(sql);
        let vault = database.login().connections(1).open().await.unwrap();
        Self::of(database, vault).await
    }

    /// Lets what was written meanwhile go, once all of it waits.
    pub(crate) async fn let_go(self) -> (Database, PostgresVault) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.other.batch_execute("ROLLBACK").await.unwrap();
        self.first.await.unwrap().unwrap();
        (self.database, self.vault)
    }
}

/// In how many transactions these records were written last.
fn transactions(database: &Database, prefix: &str) -> usize {
    let sql = format!("SELECT count(DISTINCT xmin::text) FROM grantry.records WHERE key LIKE '{prefix}%'");
    database.sql(&sql).parse().unwrap()
}

#[tokio::test]
async fn a_conflict_within_a_batch_is_its_callers_alone() {
    let held = Held::new().await;
    let vault = held.vault.clone();
    let tenants = ["a", "b", "-", "c"];
    // Of each tenant a record that is new, one that is replaced, one that is not as it should be, one that is there
    // and one that is not. By another vault, whose connection is free.
    let beside = held.database.open().await;
    let mut writes = Vec::new();
    for tenant in tenants {
        let at = |name: &str| key(&format!("{tenant}/keys/-/{name}"));
        for name in ["replaced", "stale", "there"] {
            beside.store(&at(name), record("before"), Precondition::Absent).await.unwrap();
        }
        let replaced = beside.load(&at("replaced")).await.unwrap().unwrap().revision;
        for (name, when) in [
            ("there", Precondition::Absent),
            ("replaced", Precondition::Matches(replaced.clone())),
            ("gone", Precondition::Matches(replaced.clone())),
            ("stale", Precondition::Matches(replaced)),
            ("new", Precondition::Absent),
        ] {
            writes.push((at(name), name, write(&vault, &at(name), "after", when)));
        }
    }
    let (database, vault) = held.let_go().await;
    for (at, name, done) in writes {
        let done = done.await.unwrap();
        let stored = vault.load(&at).await.unwrap();
        match name {
            "new" | "replaced" => {
                let stored = stored.unwrap();
                assert_eq!((stored.sealed.as_bytes(), stored.revision), (&b"after"[..], done.unwrap()));
            }
            "gone" => assert!(done == Err(VaultError::Conflict) && stored.is_none()),
            _ => {
                assert_eq!(done, Err(VaultError::Conflict), "{at}");
                assert_eq!(stored.unwrap().sealed.as_bytes(), b"before");
            }
        }
    }
    // All of it was one transaction.
    let sql = "SELECT count(*), count(DISTINCT xmin::text) FROM grantry.records WHERE sealed = 'after'";
    assert_eq!(database.sql(sql), format!("{}|1", 2 * tenants.len()));
}

#[tokio::test]
async fn of_several_writes_of_one_key_in_a_batch_the_first_counts() {
    let held = Held::new().await;
    let vault = held.vault.clone();
    let beside = held.database.open().await;
    let (there, new) = (key("a/grant/b/there"), key("a/grant/b/new"));
    let before = beside.store(&there, record("before"), Precondition::Absent).await.unwrap();
    let mut writes = Vec::new();
    for nth in 0..6 {
        let text = nth.to_string();
        writes.push(write(&vault, &there, &text, Precondition::Matches(before.clone())));
        tokio::task::yield_now().await;
        writes.push(write(&vault, &new, &text, Precondition::Absent));
        tokio::task::yield_now().await;
    }
    let (database, vault) = held.let_go().await;
    let done: Vec<Done> = join_all(writes).await.into_iter().map(Result::unwrap).collect();
    for (at, done) in [(&there, &done[0]), (&new, &done[1])] {
        let stored = vault.load(at).await.unwrap().unwrap();
        assert_eq!((stored.sealed.as_bytes(), &stored.revision), (&b"0"[..], done.as_ref().unwrap()));
        assert_ne!(stored.revision, before);
    }
    assert!(done[2..].iter().all(|done| *done == Err(VaultError::Conflict)), "{done:?}");
    assert_eq!(transactions(&database, "a/grant/b/there"), 1);
}

#[tokio::test]
async fn more_than_fits_into_a_batch_is_written_too() {
    let held = Held::new().await;
    let longest = "x".repeat(1024 * 1024);
    let writes: Vec<_> = (0..300)
        .map(|nth| {
            let text = if nth % 50 == 0 { longest.as_str() } else { "x" };
            write(&held.vault, &key(&format!("a/keys/-/{nth}")), text, Precondition::Absent)
        })
        .collect();
    let (database, _vault) = held.let_go().await;
    let revisions: BTreeSet<_> =
        join_all(writes).await.into_iter().map(|done| done.unwrap().unwrap().as_number()).collect();
    assert_eq!(revisions.len(), 300);
    let used = transactions(&database, "a/keys/");
    assert!((3..=20).contains(&used), "{used} transactions");
    let sql = "SELECT count(*) FROM grantry.records WHERE octet_length(sealed) = 1048576";
    assert_eq!(database.sql(sql), "6");
}

#[tokio::test]
async fn what_the_server_refuses_of_one_does_not_touch_the_others() {
    let held = Held::after(
        "CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             RAISE EXCEPTION 'sesame' USING ERRCODE = '23514';
         END $$;
         CREATE TRIGGER fail BEFORE INSERT ON grantry.records FOR EACH ROW
             WHEN (new.key = 'a/keys/-/5') EXECUTE FUNCTION public.fail();",
    )
    .await;
    let writes: Vec<_> = (0..12)
        .map(|nth| write(&held.vault, &key(&format!("a/keys/-/{nth}")), "x", Precondition::Absent))
        .collect();
    let (database, _vault) = held.let_go().await;
    for (nth, done) in join_all(writes).await.into_iter().enumerate() {
        match done.unwrap() {
            Ok(_) => assert_ne!(nth, 5),
            Err(VaultError::Refused(_)) => assert_eq!(nth, 5),
            other => panic!("{nth}: {other:?}"),
        }
    }
    assert_eq!(database.sql("SELECT count(*) FROM grantry.records WHERE key LIKE 'a/keys/%'"), "11");
}

#[tokio::test]
async fn a_caller_that_leaves_does_not_stop_the_batch() {
    let held = Held::new().await;
    let writes: Vec<_> = (0..20)
        .map(|nth| write(&held.vault, &key(&format!("a/keys/-/{nth:02}")), "x", Precondition::Absent))
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    for write in writes.iter().step_by(3) {
        write.abort();
    }
    let (database, vault) = held.let_go().await;
    for (nth, done) in join_all(writes).await.into_iter().enumerate() {
        assert_eq!(done.is_err(), nth % 3 == 0);
        assert!(done.is_err() || done.unwrap().is_ok());
        // Who left before there was a connection has written nothing.
        let stored = vault.load(&key(&format!("a/keys/-/{nth:02}"))).await.unwrap();
        assert_eq!(stored.is_none(), nth % 3 == 0);
    }
    assert_eq!(transactions(&database, "a/keys/"), 1);
}

#[tokio::test]
async fn a_row_that_somebody_keeps_holds_up_its_writer_only() {
    let database = Database::migrated().await;
    let vault = database.open().await;
    let mut revisions = Vec::new();
    for nth in 0..40 {
        let at = key(&format!("a/keys/-/{nth:02}"));
        revisions.push(vault.store(&at, record("0"), Precondition::Absent).await.unwrap());
    }
    let sql = "UPDATE grantry.records SET revision = revision WHERE key = 'a/keys/-/20'";
    let other = in_the_way(&database, sql).await;
    for round in 0..3 {
        let writes: Vec<_> = (0..40)
            .map(|nth| {
                let when = Precondition::Matches(revisions[nth].clone());
                write(&vault, &key(&format!("a/keys/-/{nth:02}")), "1", when)
            })
            .collect();
        for (nth, write) in writes.into_iter().enumerate() {
            if nth == 20 {
                // It would wait for as long as a statement may.
                write.abort();
                continue;
            }
            let done = tokio::time::timeout(PATIENCE, write).await;
            revisions[nth] =
                done.unwrap().unwrap().unwrap_or_else(|error| panic!("{round} {nth}: {error:?}"));
        }
    }
    other.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn calls_that_are_stuck_do_not_keep_others_from_a_free_connection() {
    let database = Database::migrated().await;
    let vault = database.login().connections(12).open().await.unwrap();
    let mut stuck = Vec::new();
    for nth in 0..8 {
        let at = key(&format!("a/grant/b/{nth}"));
        stuck.push((at.clone(), vault.store(&at, record("0"), Precondition::Absent).await.unwrap()));
    }
    let other = in_the_way(&database, "UPDATE grantry.records SET revision = revision").await;
    let mut writes = Vec::new();
    for (at, revision) in stuck {
        writes.push(write(&vault, &at, "1", Precondition::Matches(revision)));
        // Each in a call of its own.
        wait_for_who_waits(&other, i64::try_from(writes.len()).unwrap()).await;
    }
    let free = write(&vault, &key("a/grant/b/free"), "0", Precondition::Absent);
    tokio::time::timeout(PATIENCE, free).await.unwrap().unwrap().unwrap();
    other.batch_execute("ROLLBACK").await.unwrap();
    for done in join_all(writes).await {
        done.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_pools_that_write_the_same_keys_in_opposite_order_never_wait_for_each_other_in_a_circle() {
    const KEYS: usize = 24;
    const ROUNDS: usize = 60;
    let database = Database::migrated().await;
    // A circle is noticed before anybody has waited for too long.
    database.sql(&format!("ALTER DATABASE {} SET deadlock_timeout = '5ms'", database.name));
    let vaults = [database.open().await, database.open().await];
    let keys: Vec<_> = (0..KEYS).map(|nth| key(&format!("t{}/keys/-/{nth:02}", nth % 3))).collect();
    for at in &keys {
        vaults[0].store(at, record("0"), Precondition::Absent).await.unwrap();
    }
    let mut done = 0;
    for round in 0..ROUNDS {
        let mut writes = Vec::new();
        for (nth, vault) in vaults.iter().enumerate() {
            let mut order = keys.clone();
            order.rotate_left(round % KEYS);
            if nth == 1 {
                order.reverse();
            }
            for at in order {
                let vault = vault.clone();
                writes.push(tokio::spawn(async move {
                    let revision = vault.load(&at).await.unwrap().unwrap().revision;
                    match vault.store(&at, record("1"), Precondition::Matches(revision)).await {
                        Ok(_) => 1,
                        Err(VaultError::Conflict) => 0,
                        Err(other) => panic!("{other:?}"),
                    }
                }));
            }
        }
        for write in writes {
            done += write.await.unwrap();
        }
    }
    assert!(done >= KEYS * ROUNDS, "{done}: at least one of two has to win");
    drop(vaults);
    // Sessions tell their counts when they end.
    let sessions =
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'acme' AND datname = current_database()";
    for _ in 0..3_000 {
        if database.sql(sessions) == "0" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let circles = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(database.sql(circles), "0");
}
