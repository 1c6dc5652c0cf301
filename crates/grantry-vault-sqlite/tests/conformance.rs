//! Every promise of a backend, with a second handle that has connections of its own, and over reopening.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use grantry_vault::conformance::Subject;
use grantry_vault_sqlite::SqliteVault;

async fn subject() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grantry.db");
    let (first, second) = (SqliteVault::open(&path).await.unwrap(), SqliteVault::open(&path).await.unwrap());
    Subject::new(first)
        .with_second_handle(second)
        .reopened_by(async move || SqliteVault::open(&path).await.unwrap())
        .keeping(folder)
}

grantry_vault::conformance!(subject());
