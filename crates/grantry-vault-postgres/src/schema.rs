//! The tables and functions in the database, and how they come there.

use std::time::Duration;

use grantry_vault::VaultError;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::failure;
use crate::identifier::Identifier;

/// The format that this version reads and writes.
pub(crate) const FORMAT: i32 = 1;

/// What leads from each format to the next, beginning with nothing at all.
const STEPS: &[&[&str]] = &[&[
    include_str!("schema/1_tables.sql"),
    include_str!("schema/1_clock.sql"),
    include_str!("schema/1_calls.sql"),
]];

/// Parts that several functions of the first format share: a page of records, and the server's clock in microseconds.
const PAGE: &str = include_str!("schema/1_page.sql");
const WALL: &str = "(date_part('epoch', clock_timestamp()) * 1000000)::bigint";

/// What does not change the format: functions that vaults of the same format use where they find them.
const BATCHES: &str = include_str!("schema/batches.sql");

const GRANTS: &str = include_str!("schema/grants.sql");

/// Where the tables are, and who may use them.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    pub(crate) name: Identifier,
    pub(crate) application: Identifier,
}

impl Schema {
    /// Brings the database to [`FORMAT`], in one transaction; whoever comes second waits, and finds it done.
    pub(crate) async fn migrate(&self, client: &Client, patience: Duration) -> Result<(), VaultError> {
        let failed = |error| failure::of_migration(&error);
        let millis = patience.as_millis();
        let begin = format!(
            "BEGIN;
             SET LOCAL statement_timeout = {millis};
             SET LOCAL synchronous_commit = on;
             SET LOCAL client_min_messages = warning;
             SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('grantry migration ' || {}, 0));",
            self.name.literal()
        );
        client.batch_execute(&begin).await.map_err(failed)?;
        let done = self.migrate_locked(client).await;
        let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = client.batch_execute(end).await.map_err(failed);
        done.and(ended)
    }

    async fn migrate_locked(&self, client: &Client) -> Result<(), VaultError> {
        let failed = |error| failure::of_migration(&error);
        check_encoding(client).await?;
        let found = self.found(client).await?;
        let known = usize::try_from(found).ok().and_then(|found| STEPS.get(found..));
        let Some(steps) = known else { return Err(newer()) };
        if found == 0 {
            client
                .batch_execute(&self.filled("CREATE SCHEMA IF NOT EXISTS {schema};"))
                .await
                .map_err(failed)?;
        }
        // The policies of the first step name the role.
        client.batch_execute(&self.filled(role_of(GRANTS))).await.map_err(failed)?;
        for sql in steps.iter().flat_map(|step| step.iter()) {
            client.batch_execute(&self.filled(sql)).await.map_err(failed)?;
        }
        let written = format!(
            "INSERT INTO {{schema}}.format (version) VALUES ({FORMAT})
             ON CONFLICT (only_row) DO UPDATE SET version = excluded.version WHERE format.version <> {FORMAT};"
        );
        client.batch_execute(&self.filled(&written)).await.map_err(failed)?;
        client.batch_execute(&self.filled(BATCHES)).await.map_err(failed)?;
        client.batch_execute(&self.filled(GRANTS)).await.map_err(failed)
    }

    /// The format that is there; 0 for none.
    async fn found(&self, client: &Client) -> Result<i32, VaultError> {
        let failed = |error| failure::of_migration(&error);
        let there =
            format!("SELECT pg_catalog.to_regclass('{}.format') IS NOT NULL AS found", self.name.quoted());
        if first_value(&client.simple_query(&there).await.map_err(failed)?, "found").as_deref() != Some("t") {
            return Ok(0);
        }
        let version = self.filled("SELECT version FROM {schema}.format");
        let rows = client.simple_query(&version).await.map_err(failed)?;
        first_value(&rows, "version").and_then(|version| version.parse().ok()).ok_or_else(not_ours)
    }

    /// The SQL with the names in it.
    fn filled(&self, sql: &str) -> String {
        sql.replace("{page}", PAGE)
            .replace("{wall}", WALL)
            .replace("{schema}", &self.name.quoted())
            .replace("{application_text}", &self.application.literal())
            .replace("{application}", &self.application.quoted())
    }
}

/// The part of the grants that makes the role.
fn role_of(grants: &str) -> &str {
    grants.split("REVOKE").next().unwrap_or_default()
}

async fn check_encoding(client: &Client) -> Result<(), VaultError> {
    let rows = client.simple_query("SELECT current_setting('server_encoding') AS encoding").await;
    let rows = rows.map_err(|error| failure::of_migration(&error))?;
    if first_value(&rows, "encoding").as_deref() == Some("UTF8") { Ok(()) } else { Err(not_utf8()) }
}

/// The value of a column of the first row.
pub(crate) fn first_value(messages: &[SimpleQueryMessage], column: &str) -> Option<String> {
    messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.try_get(column).ok().flatten().map(str::to_owned),
        _ => None,
    })
}

/// Whether the error says that the tables or functions are not there.
pub(crate) fn is_missing(state: &SqlState) -> bool {
    [
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::UNDEFINED_COLUMN,
        SqlState::INVALID_SCHEMA_NAME,
    ]
    .contains(state)
}

pub(crate) fn missing() -> VaultError {
    VaultError::refused(
        "the database has no tables of the vault, or older ones: run `PostgresVaultBuilder::migrate` once, with the \
         rights of the owner",
    )
}

pub(crate) fn newer() -> VaultError {
    VaultError::newer("its tables were made by a newer version of this library: upgrade")
}

pub(crate) fn not_utf8() -> VaultError {
    VaultError::refused("the encoding of the database is not UTF8: make one with `ENCODING 'UTF8'`")
}

fn not_ours() -> VaultError {
    VaultError::damaged("the table of the format holds no version")
}
