//! The promises of a backend, each with a database of its own.

use grantry_vault::conformance::Subject;

use crate::ground::Database;

async fn subject() -> Subject {
    let database = Database::migrated().await;
    let reopened = database.clone();
    Subject::new(database.open().await)
        .with_second_handle(database.open().await)
        .reopened_by(async move || reopened.open().await)
}

grantry_vault::conformance!(subject());
