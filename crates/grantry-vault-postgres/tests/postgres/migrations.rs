//! How the tables come into a database, and what is refused.

use grantry_tests::postgres::password;
use grantry_vault::{Precondition, SealedRecord, Vault, VaultError};
use grantry_vault_postgres::PostgresVault;

use crate::ground::{Database, LOGIN, OWNER, key, let_in, server};

fn refused_with(result: Result<impl std::fmt::Debug, VaultError>, word: &str) {
    match result {
        Err(VaultError::Refused(why)) => assert!(why.contains(word), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn replicas_that_migrate_at_once_make_the_tables_once() {
    let database = Database::empty();
    let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(database.owner().migrate())).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let_in(server());
    let vault = database.open().await;
    let revision =
        vault.store(&key("a/grant/b/c"), SealedRecord::new("x"), Precondition::Absent).await.unwrap();
    database.owner().migrate().await.unwrap();
    assert_eq!(vault.load(&key("a/grant/b/c")).await.unwrap().unwrap().revision, revision);
    assert_eq!(database.sql("SELECT version FROM grantry.format"), "1");
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing() {
    let database = Database::empty();
    // Somebody else's table stands in the way of a later one.
    database.sql(&format!("CREATE SCHEMA grantry AUTHORIZATION {OWNER}; CREATE TABLE grantry.clock ()"));
    refused_with(database.owner().migrate().await, "another schema");
    assert_eq!(database.sql("SELECT to_regclass('grantry.records') IS NULL"), "t");
    database.sql("DROP TABLE grantry.clock");
    database.owner().migrate().await.unwrap();
}

#[tokio::test]
async fn a_database_without_tables_says_what_to_do() {
    let database = Database::empty();
    refused_with(database.login().open().await, "migrate");
    refused_with(PostgresVault::builder(&server().url(LOGIN, &database.name)).migrate().await, "owner");
}

#[tokio::test]
async fn tables_that_vanish_while_a_vault_is_open_are_missed_by_name() {
    let database = Database::migrated().await;
    let vault = database.open().await;
    let at = key("a/grant/b/c");
    vault.load(&at).await.unwrap();
    database.sql("ALTER SCHEMA grantry RENAME TO elsewhere");
    refused_with(vault.load(&at).await, "migrate");
    refused_with(vault.store(&at, SealedRecord::new("x"), Precondition::Absent).await, "migrate");
    database.sql("ALTER SCHEMA elsewhere RENAME TO grantry");
    vault.store(&at, SealedRecord::new("x"), Precondition::Absent).await.unwrap();
}

#[tokio::test]
async fn a_newer_format_is_refused_and_left_alone() {
    let database = Database::migrated().await;
    database.sql("UPDATE grantry.format SET version = 9");
    assert!(matches!(database.login().open().await, Err(VaultError::Newer(_))));
    assert!(matches!(database.owner().migrate().await, Err(VaultError::Newer(_))));
    assert_eq!(database.sql("SELECT version FROM grantry.format"), "9");
}

#[tokio::test]
async fn two_schemas_of_one_database_are_two_vaults() {
    let database = Database::migrated().await;
    database.owner().schema("user").application_role("other_app").migrate().await.unwrap();
    server().sql("postgres", &format!("GRANT other_app TO {LOGIN}")).unwrap();
    let (one, other) = (database.open().await, database.login().schema("user").open().await.unwrap());
    one.store(&key("a/grant/b/c"), SealedRecord::new("x"), Precondition::Absent).await.unwrap();
    assert!(other.load(&key("a/grant/b/c")).await.unwrap().is_none());
    other.store(&key("a/grant/b/c"), SealedRecord::new("x"), Precondition::Absent).await.unwrap();
}

#[tokio::test]
async fn a_wrong_login_or_database_or_name_is_refused_without_its_password() {
    let database = Database::migrated().await;
    let wrong = server().url_with_password(LOGIN, "sesame", &database.name);
    let error = PostgresVault::connect(&wrong).await.unwrap_err();
    assert!(!format!("{error} {error:?} {:?}", PostgresVault::builder(&wrong)).contains("sesame"));
    refused_with(Err::<(), _>(error), "login");
    let vault = database.open().await;
    assert!(!format!("{vault:?}").contains(&password(LOGIN)));
    refused_with(PostgresVault::connect(&server().url(LOGIN, "nowhere")).await, "database");
    refused_with(PostgresVault::connect("sesame:open").await, "URL");
    refused_with(PostgresVault::connect("postgresql://u:sesame@db.example/x").await, "TLS");
    refused_with(database.login().schema("a\"; DROP").open().await, "ASCII");
    refused_with(database.login().assume_role("nobody_at_all").open().await, "role");
    let nobody = PostgresVault::connect("postgresql://u:p@127.0.0.1:1/x").await;
    assert!(matches!(nobody, Err(VaultError::Unavailable(_))), "{nobody:?}");
}

#[tokio::test]
async fn a_server_that_does_not_sync_is_refused_until_it_is_accepted() {
    let database = Database::migrated().await;
    let url = server().url(LOGIN, &database.name);
    refused_with(PostgresVault::connect(&url).await, "fsync");
}

#[tokio::test]
async fn a_table_whose_wall_was_taken_down_is_refused() {
    let database = Database::migrated().await;
    database.sql("ALTER TABLE grantry.records NO FORCE ROW LEVEL SECURITY");
    refused_with(database.login().open().await, "row-level security");
}
