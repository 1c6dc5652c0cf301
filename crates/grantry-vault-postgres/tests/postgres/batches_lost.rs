//! Batches whose connection is lost, databases without the function for them, and runtimes that end.

use std::time::Duration;

use futures_util::future::join_all;
use grantry_vault::{Precondition, Vault, VaultError};
use grantry_vault_postgres::PostgresVault;

use crate::batches::{Done, Held, PATIENCE, write};
use crate::ground::{Database, LOGIN, key, server};
use crate::lost_answers::{end_who_sleeps, in_the_way, record, wait_for_who_sleeps, wait_for_who_waits};
use crate::proxy::{Fault, Proxy};

async fn write_ten(held: Held) -> (Database, PostgresVault, Vec<tokio::task::JoinHandle<Done>>) {
    let writes = (0..10)
        .map(|nth| write(&held.vault, &key(&format!("a/keys/-/{nth}")), "x", Precondition::Absent))
        .collect();
    let (database, vault) = held.let_go().await;
    (database, vault, writes)
}

fn written(database: &Database) -> String {
    database.sql("SELECT count(*) FROM grantry.records WHERE key LIKE 'a/keys/%'")
}

#[tokio::test]
async fn a_connection_that_is_killed_within_a_batch_leaves_each_write_in_doubt() {
    let held = Held::after(
        "CREATE FUNCTION public.doze() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             PERFORM pg_sleep(5);
             RETURN new;
         END $$;
         CREATE TRIGGER doze BEFORE INSERT ON grantry.records FOR EACH ROW
             WHEN (new.key = 'a/keys/-/5') EXECUTE FUNCTION public.doze();",
    )
    .await;
    let (database, vault, writes) = write_ten(held).await;
    let root = in_the_way(&database, "SELECT 1").await;
    end_who_sleeps(&root).await;
    for done in join_all(writes).await {
        let done = done.unwrap();
        assert!(matches!(done, Err(VaultError::InDoubt(_))), "{done:?}");
    }
    assert_eq!(written(&database), "0");
    vault.store(&key("a/keys/-/1"), record("x"), Precondition::Absent).await.unwrap();
}

#[tokio::test]
async fn a_batch_whose_answer_is_lost_is_in_doubt_and_may_be_written() {
    let database = Database::migrated().await;
    let proxy = Proxy::to(server().port()).await;
    let url = proxy.url(&server().url(LOGIN, &database.name), server().port());
    let builder = PostgresVault::builder(&url).accept_unsafe_durability().connections(1);
    let vault = builder.open().await.unwrap();
    // So that the connection knows the statement for several.
    let (_, vault, writes) = write_ten(Held::of(database.clone(), vault).await).await;
    for done in join_all(writes).await {
        done.unwrap().unwrap();
    }
    database.sql(
        "CREATE FUNCTION public.doze() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             PERFORM pg_sleep(3);
             RETURN new;
         END $$;
         CREATE TRIGGER doze BEFORE UPDATE ON grantry.records FOR EACH ROW
             WHEN (new.key = 'a/keys/-/5') EXECUTE FUNCTION public.doze();",
    );
    let mut revisions = Vec::new();
    for nth in 0..10 {
        revisions.push(vault.load(&key(&format!("a/keys/-/{nth}"))).await.unwrap().unwrap().revision);
    }
    let held = Held::of(database.clone(), vault).await;
    let writes: Vec<_> = revisions
        .into_iter()
        .enumerate()
        .map(|(nth, revision)| {
            let at = key(&format!("a/keys/-/{nth}"));
            write(&held.vault, &at, "after", Precondition::Matches(revision))
        })
        .collect();
    let root = in_the_way(&database, "SELECT 1").await;
    let (_, vault) = held.let_go().await;
    wait_for_who_sleeps(&root).await;
    proxy.set(Fault::CutAnswers);
    for done in join_all(writes).await {
        let done = done.unwrap();
        assert!(matches!(done, Err(VaultError::InDoubt(_))), "{done:?}");
    }
    proxy.set(Fault::None);
    assert_eq!(database.sql("SELECT count(*) FROM grantry.records WHERE sealed = 'after'"), "10");
    assert_eq!(vault.load(&key("a/keys/-/5")).await.unwrap().unwrap().sealed.as_bytes(), b"after");
}

#[tokio::test]
async fn a_connection_that_comes_back_is_used_while_others_are_being_made() {
    let database = Database::migrated().await;
    let proxy = Proxy::to(server().port()).await;
    let url = proxy.url(&server().url(LOGIN, &database.name), server().port());
    let builder = PostgresVault::builder(&url).accept_unsafe_durability().connect_timeout(10 * PATIENCE);
    let vault = builder.open().await.unwrap();
    let at = key("a/grant/b/c");
    let revision = vault.store(&at, record("0"), Precondition::Absent).await.unwrap();
    let other = in_the_way(&database, "UPDATE grantry.records SET revision = revision").await;
    let first = write(&vault, &at, "1", Precondition::Matches(revision));
    wait_for_who_waits(&other, 1).await;
    proxy.set(Fault::StallConnections);
    let writes: Vec<_> = (0..5)
        .map(|nth| write(&vault, &key(&format!("a/keys/-/{nth}")), "x", Precondition::Absent))
        .collect();
    // These wait for connections of their own, and the changes that are told to other processes do too.
    let read = tokio::spawn({
        let vault = vault.clone();
        async move { vault.load(&key("a/grant/b/none")).await }
    });
    let time = tokio::spawn({
        let vault = vault.clone();
        async move { vault.now().await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    other.batch_execute("ROLLBACK").await.unwrap();
    first.await.unwrap().unwrap();
    let done = tokio::time::timeout(PATIENCE, join_all(writes)).await.unwrap();
    assert!(done.into_iter().all(|done| done.unwrap().is_ok()));
    let (read, time) = tokio::time::timeout(PATIENCE, async { tokio::join!(read, time) }).await.unwrap();
    assert!(read.unwrap().unwrap().is_none());
    time.unwrap().unwrap();
}

#[tokio::test]
async fn who_waits_too_long_for_a_connection_is_told_so_and_the_others_go_on() {
    let database = Database::migrated().await;
    let pool = crate::pools::of(&server().url(LOGIN, &database.name), 1);
    let builder = PostgresVault::from_pool(pool.clone()).accept_unsafe_durability();
    // Each waits for twice as long.
    let patience = Duration::from_secs(3);
    let vault = builder.pool_timeout(patience).connect_timeout(patience).open().await.unwrap();
    let taken = pool.get().await.unwrap();
    let early = write(&vault, &key("a/grant/b/early"), "x", Precondition::Absent);
    tokio::time::sleep(patience + patience / 5).await;
    let late = write(&vault, &key("a/grant/b/late"), "x", Precondition::Absent);
    let early = early.await.unwrap();
    assert!(matches!(early, Err(VaultError::Unavailable(_))), "{early:?}");
    drop(taken);
    late.await.unwrap().unwrap();
    assert!(vault.load(&key("a/grant/b/early")).await.unwrap().is_none());
}

#[tokio::test]
async fn tables_without_the_function_for_several_writes_are_written_to_one_by_one() {
    let database = Database::migrated().await;
    let remove = "DROP FUNCTION grantry.store_each";
    database.sql(remove);
    let vault = database.open().await;
    let rounds = async |vault: &PostgresVault, kind: &str| {
        let writes: Vec<_> = (0..30)
            .map(|nth| write(vault, &key(&format!("{kind}/keys/-/{nth}")), "x", Precondition::Absent))
            .collect();
        for done in join_all(writes).await {
            done.unwrap().unwrap();
        }
        let sql = format!("SELECT count(DISTINCT xmin::text) FROM grantry.records WHERE tenant = '{kind}'");
        database.sql(&sql).parse::<usize>().unwrap()
    };
    assert_eq!(rounds(&vault, "without").await, 30);
    // The next migration brings it, and vaults that are opened from then on use it.
    database.owner().migrate().await.unwrap();
    assert_eq!(database.sql("SELECT version FROM grantry.format"), "1");
    let newer = database.login().connections(2).open().await.unwrap();
    assert!(rounds(&newer, "with").await < 30);
    // Somebody puts the older functions back while a vault is open.
    database.sql(remove);
    assert_eq!(rounds(&newer, "again").await, 30);
}

#[test]
fn a_runtime_that_has_ended_leaves_nobody_waiting() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let vault = first.block_on(async { Database::migrated().await.open().await });
    let at = key("a/grant/b/c");
    // From another runtime, while the first lives.
    second.block_on(vault.store(&at, record("x"), Precondition::Absent)).unwrap();
    drop(first);
    for _ in 0..2 {
        let store = vault.store(&at, record("x"), Precondition::Absent);
        let done = second.block_on(async { tokio::time::timeout(PATIENCE, store).await.unwrap() });
        assert!(matches!(done, Err(VaultError::Unavailable(_) | VaultError::InDoubt(_))), "{done:?}");
    }
}
