//! Connections that are lost: what is known afterwards, and what goes on.

use std::time::Duration;

use grantry_vault::{Precondition, SealedRecord, Vault, VaultError};
use grantry_vault_postgres::PostgresVault;
use tokio_postgres::{Client, NoTls};

use crate::ground::{Database, LOGIN, key, server};
use crate::proxy::{Fault, Proxy};

async fn behind_a_proxy() -> (Database, Proxy, PostgresVault) {
    let database = Database::migrated().await;
    let proxy = Proxy::to(server().port()).await;
    let url = proxy.url(&server().url(LOGIN, &database.name), server().port());
    let builder = PostgresVault::builder(&url).accept_unsafe_durability().connections(1);
    let vault = builder.statement_timeout(Duration::from_secs(2)).open().await.unwrap();
    (database, proxy, vault)
}

pub(crate) fn record(text: &str) -> SealedRecord {
    SealedRecord::new(text.to_owned())
}

/// A superuser's session that stands in the way.
pub(crate) async fn in_the_way(database: &Database, sql: &str) -> Client {
    server().create_role("root", "SUPERUSER").unwrap();
    let (client, connection) =
        tokio_postgres::connect(&server().url("root", &database.name), NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("BEGIN; {sql}")).await.unwrap();
    client
}

/// Ends the sessions of the vault that wait for a lock, once one does.
async fn end_who_waits(client: &Client) {
    wait_for(client, 1, "count(pg_terminate_backend(pid))", "wait_event_type = 'Lock'").await;
}

/// Waits until so many sessions wait for a lock.
pub(crate) async fn wait_for_who_waits(client: &Client, count: i64) {
    wait_for(client, count, "count(*)", "wait_event_type = 'Lock'").await;
}

/// Ends the sessions of the vault that are within `pg_sleep`, once one is.
pub(crate) async fn end_who_sleeps(client: &Client) {
    wait_for(client, 1, "count(pg_terminate_backend(pid))", "wait_event = 'PgSleep'").await;
}

/// Waits until a session is within `pg_sleep`.
pub(crate) async fn wait_for_who_sleeps(client: &Client) {
    wait_for(client, 1, "count(*)", "wait_event = 'PgSleep'").await;
}

async fn wait_for(client: &Client, count: i64, what: &str, condition: &str) {
    for _ in 0..3_000 {
        // Within a transaction the first look is remembered.
        client.batch_execute("SELECT pg_stat_clear_snapshot()").await.unwrap();
        let sql =
            format!("SELECT {what} FROM pg_stat_activity WHERE datname = current_database() AND {condition}");
        if client.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0) >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nobody waits");
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_in_doubt() {
    let (database, proxy, vault) = behind_a_proxy().await;
    let at = key("a/grant/b/c");
    let mut revision = vault.store(&at, record("before"), Precondition::Absent).await.unwrap();
    for fault in [Fault::CutAnswers, Fault::StallAnswers, Fault::CutQuestions] {
        let mut was_in_doubt = false;
        for nth in 0..20 {
            let before = vault.load(&at).await.unwrap().unwrap();
            let text = format!("{fault:?} {nth}");
            proxy.set(fault);
            let done = vault.store(&at, record(&text), Precondition::Matches(revision.clone())).await;
            proxy.set(Fault::None);
            let stored = vault.load(&at).await.unwrap().unwrap();
            let is_written = stored.sealed.as_bytes() == text.as_bytes();
            assert!(is_written || stored.revision == before.revision);
            match done {
                Err(VaultError::InDoubt(_)) => {
                    was_in_doubt = true;
                    assert_eq!(is_written, fault != Fault::CutQuestions);
                }
                // The connection was lost before the write was on its way.
                Err(VaultError::Unavailable(_)) => assert!(!is_written),
                other => panic!("{fault:?}: {other:?}"),
            }
            revision = stored.revision;
            if was_in_doubt {
                break;
            }
            // The next attempt finds a connection that knows the statement.
            let when = Precondition::Matches(revision);
            revision = vault.store(&at, record("between"), when).await.unwrap();
        }
        assert!(was_in_doubt, "{fault:?}");
    }
    vault.remove(&at, &revision).await.unwrap();
    drop(database);
}

#[tokio::test]
async fn what_was_never_sent_is_unavailable() {
    let (_database, proxy, vault) = behind_a_proxy().await;
    let at = key("a/grant/b/c");
    let revision = vault.store(&at, record("0"), Precondition::Absent).await.unwrap();
    proxy.set(Fault::Down);
    // The connections that are there are cut by a reading, which tries others in vain.
    let read = vault.load(&at).await;
    assert!(matches!(read, Err(VaultError::Unavailable(_))), "{read:?}");
    let done = vault.store(&at, record("1"), Precondition::Matches(revision.clone())).await;
    assert!(matches!(done, Err(VaultError::Unavailable(_))), "{done:?}");
    proxy.set(Fault::None);
    assert_eq!(vault.load(&at).await.unwrap().unwrap().revision, revision);
    vault.store(&at, record("1"), Precondition::Matches(revision)).await.unwrap();
}

#[tokio::test]
async fn a_reading_whose_connection_is_lost_is_made_again() {
    let (_database, proxy, vault) = behind_a_proxy().await;
    let at = key("a/grant/b/c");
    vault.store(&at, record("0"), Precondition::Absent).await.unwrap();
    proxy.set(Fault::CutAnswers);
    let (read, ()) = tokio::join!(vault.load(&at), async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        proxy.set(Fault::None);
    });
    // Cut at once, or not at all: the caller does not learn of it.
    assert!(read.is_ok_and(|stored| stored.is_some()) || vault.load(&at).await.unwrap().is_some());
}

#[tokio::test]
async fn a_write_that_the_operator_ends_is_in_doubt() {
    let database = Database::migrated().await;
    let vault = database.open().await;
    let at = key("a/grant/b/c");
    let revision = vault.store(&at, record("0"), Precondition::Absent).await.unwrap();
    let other = in_the_way(&database, "UPDATE grantry.records SET revision = revision").await;
    let (done, ()) = tokio::join!(
        vault.store(&at, record("1"), Precondition::Matches(revision.clone())),
        end_who_waits(&other)
    );
    assert!(matches!(done, Err(VaultError::InDoubt(_))), "{done:?}");
    other.batch_execute("ROLLBACK").await.unwrap();
    vault.store(&at, record("1"), Precondition::Matches(revision)).await.unwrap();
}

#[tokio::test]
async fn a_statement_that_is_stuck_ends_and_has_written_nothing() {
    let database = Database::migrated().await;
    let vault = database.open().await;
    let impatient = database.login().statement_timeout(Duration::from_secs(1)).open().await.unwrap();
    let at = key("a/grant/b/c");
    let revision = vault.store(&at, record("0"), Precondition::Absent).await.unwrap();
    let other = in_the_way(&database, "UPDATE grantry.records SET revision = revision").await;
    let done = impatient.store(&at, record("1"), Precondition::Matches(revision.clone())).await;
    assert!(matches!(done, Err(VaultError::Unavailable(_))), "{done:?}");
    other.batch_execute("ROLLBACK").await.unwrap();
    vault.store(&at, record("1"), Precondition::Matches(revision)).await.unwrap();
}

#[tokio::test]
async fn a_dropped_future_leaves_a_session_at_rest() {
    let database = Database::migrated().await;
    let pool = crate::pools::of(&server().url(LOGIN, &database.name), 1);
    let vault = PostgresVault::from_pool(pool.clone()).accept_unsafe_durability().open().await.unwrap();
    let at = key("a/grant/b/c");
    let revision = vault.store(&at, record("0"), Precondition::Absent).await.unwrap();
    let other = in_the_way(&database, "UPDATE grantry.records SET revision = revision").await;
    for _ in 0..3 {
        let write = vault.store(&at, record("1"), Precondition::Matches(revision.clone()));
        assert!(tokio::time::timeout(Duration::from_millis(100), write).await.is_err());
    }
    // The first of them waits for the lock and has the only connection; the others were never sent.
    other.batch_execute("ROLLBACK").await.unwrap();
    let stored = vault.load(&at).await.unwrap().unwrap();
    assert_eq!(stored.sealed.as_bytes(), b"1");
    assert_ne!(stored.revision, revision);
    // No session does this within a transaction.
    pool.get().await.unwrap().batch_execute("DISCARD ALL").await.unwrap();
    vault.store(&at, record("2"), Precondition::Matches(stored.revision)).await.unwrap();
}

#[tokio::test]
async fn all_connections_taken_is_unavailable_after_a_while() {
    let database = Database::migrated().await;
    let pool = crate::pools::of(&server().url(LOGIN, &database.name), 1);
    let builder = PostgresVault::from_pool(pool.clone()).accept_unsafe_durability();
    // Long enough for a busy machine to connect in.
    let patience = Duration::from_secs(3);
    let vault = builder.pool_timeout(patience).connect_timeout(patience).open().await.unwrap();
    let taken = pool.get().await.unwrap();
    let done = vault.store(&key("a/grant/b/c"), record("0"), Precondition::Absent).await;
    assert!(matches!(done, Err(VaultError::Unavailable(_))), "{done:?}");
    drop(taken);
    vault.store(&key("a/grant/b/c"), record("0"), Precondition::Absent).await.unwrap();
}

#[tokio::test]
async fn each_refusal_of_the_server_has_its_kind() {
    let database = Database::migrated().await;
    let vault = database.open().await;
    let at = key("a/grant/b/c");
    database.sql(
        "CREATE TABLE public.answer (state text);
         CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
         BEGIN
             IF EXISTS (SELECT FROM public.answer) THEN
                 RAISE EXCEPTION 'sesame' USING ERRCODE = (SELECT state FROM public.answer);
             END IF;
             RETURN new;
         END $$;
         CREATE TRIGGER fail BEFORE INSERT ON grantry.records FOR EACH ROW EXECUTE FUNCTION public.fail();",
    );
    for (state, kind) in [
        ("53100", "Full"),
        ("40001", "Unavailable"),
        ("40P01", "Unavailable"),
        ("25006", "Unavailable"),
        ("42501", "Refused"),
        ("XX001", "Damaged"),
        ("P0001", "Refused"),
    ] {
        database.sql(&format!("DELETE FROM public.answer; INSERT INTO public.answer VALUES ('{state}')"));
        let error = vault.store(&at, record("sesame"), Precondition::Absent).await.unwrap_err();
        let text = format!("{error:?} {error}");
        assert!(text.starts_with(kind), "{state}: {text}");
        assert!(!text.contains("sesame") && !text.contains("INSERT"), "{text}");
    }
    database.sql("DELETE FROM public.answer");
    vault.store(&at, record("0"), Precondition::Absent).await.unwrap();
    vault.close();
    assert_eq!(vault.load(&at).await.unwrap_err(), VaultError::Closed);
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_unavailable() {
    let database = Database::migrated().await;
    database.sql(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name));
    let vault = database.open().await;
    let done = vault.store(&key("a/grant/b/c"), record("0"), Precondition::Absent).await;
    assert!(matches!(done, Err(VaultError::Unavailable(_))), "{done:?}");
}
