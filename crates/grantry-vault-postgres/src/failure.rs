//! What an error of the server or of a connection means.

use std::error::Error as _;

use deadpool_postgres::{PoolError, TimeoutType};
use grantry_vault::VaultError;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

use crate::schema;

/// What a function raises in a session that was not set up the way its caller relies on.
const NOT_SET_UP: &str = "GV001";

/// What came of a statement, and of its connection.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server undid the statement. The connection goes on.
    Undone(VaultError),
    /// The server undid it, and the same may succeed at once. The connection goes on.
    Again(VaultError),
    /// The session has to be set up first; nothing was done. The connection goes on.
    NotSetUp,
    /// Nothing was done, and the connection is of no use.
    Elsewhere(VaultError),
    /// The connection is lost, and nobody knows what was done.
    Lost,
}

impl Failure {
    /// Of a statement that was sent whole.
    pub(crate) fn of_statement(error: &Error) -> Self {
        let Some(answer) = error.as_db_error() else { return Self::Lost };
        if is_end_of_connection(answer) {
            return Self::Lost;
        }
        let state = answer.code();
        if state.code() == NOT_SET_UP {
            return Self::NotSetUp;
        }
        // A plan whose tables changed, or a prepared statement that somebody discarded.
        if *state == SqlState::INVALID_SQL_STATEMENT_NAME || *state == SqlState::FEATURE_NOT_SUPPORTED {
            return Self::Elsewhere(VaultError::unavailable("the session lost its prepared statements"));
        }
        if *state == SqlState::T_R_SERIALIZATION_FAILURE || *state == SqlState::T_R_DEADLOCK_DETECTED {
            return Self::Again(VaultError::unavailable("other transactions are in the way"));
        }
        Self::Undone(of_state(state))
    }

    /// For somebody who only wanted to read, or whose write was not sent yet.
    pub(crate) fn of_reading(self) -> Self {
        match self {
            Self::Lost => Self::Elsewhere(VaultError::unavailable("the connection was lost")),
            other => other,
        }
    }

    /// As the last answer to a reading.
    pub(crate) fn into_error(self) -> VaultError {
        match self {
            Self::Undone(error) | Self::Again(error) | Self::Elsewhere(error) => error,
            Self::NotSetUp => VaultError::unavailable("the session could not be set up"),
            Self::Lost => VaultError::in_doubt("the connection was lost before the answer came"),
        }
    }
}

/// After such an answer nothing more comes. The server may give it at any time, also while it commits.
fn is_end_of_connection(answer: &DbError) -> bool {
    let is_severe = match answer.parsed_severity() {
        Some(severity) => matches!(severity, Severity::Fatal | Severity::Panic),
        None => answer.severity() != "ERROR",
    };
    let state = answer.code().code();
    // 08: the connection, also as a pooler in between tells it. 57P: the operator.
    is_severe || state.starts_with("08") || state.starts_with("57P")
}

/// An error after which nothing was done.
pub(crate) fn of_state(state: &SqlState) -> VaultError {
    if schema::is_missing(state) {
        return schema::missing();
    }
    match state.code() {
        "53100" => VaultError::full("its disk is full: make room"),
        "25006" => VaultError::unavailable("it is read-only, as a standby is: the primary is needed"),
        "42501" => VaultError::refused(
            "the role lacks rights: make it a member of the role that `PostgresVaultBuilder::migrate` made",
        ),
        "57014" => VaultError::unavailable("the statement took longer than it may, and was stopped"),
        "55P03" => VaultError::unavailable("a lock was not to be had"),
        "53300" => VaultError::unavailable("it has too many connections"),
        "57P03" | "57P01" | "57P02" => VaultError::unavailable("it is starting or stopping"),
        "28P01" | "28000" => {
            VaultError::refused("the login was refused: check the user, the password and pg_hba.conf")
        }
        "3D000" => VaultError::refused(
            "there is no such database: make it, then run `PostgresVaultBuilder::migrate`",
        ),
        "42704" | "22023" => {
            VaultError::refused("there is no such role: run `PostgresVaultBuilder::migrate` first")
        }
        "22021" | "22P05" => schema::not_utf8(),
        "XX001" | "XX002" => VaultError::damaged("PostgreSQL says that a table or an index is corrupted"),
        "58030" => VaultError::unavailable("it could not read or write its files"),
        code => {
            // The code alone: texts of the server may quote what they are about.
            let fact = format!("PostgreSQL answered with the error {code}");
            match code.get(..2) {
                Some("53" | "57" | "58" | "08" | "40" | "55") => VaultError::unavailable(fact),
                _ => VaultError::refused(fact),
            }
        }
    }
}

/// An error on the way to a connection, before anything was sent.
pub(crate) fn of_connecting(error: &Error) -> VaultError {
    if let Some(answer) = error.as_db_error() {
        return of_state(answer.code());
    }
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<std::io::Error>() {
            return VaultError::unavailable("it cannot be reached");
        }
        source = cause.source();
    }
    // What kind it is can be told by its text only, which is a fixed one without its cause.
    let text = error.to_string();
    if text.starts_with("timeout") || text.starts_with("connection closed") || text.starts_with("error comm")
    {
        return VaultError::unavailable("it cannot be reached");
    }
    VaultError::refused(
        "no connection could be set up: check host, user, password and TLS in the configuration",
    )
}

/// An error of the pool.
pub(crate) fn of_pool(error: &PoolError) -> VaultError {
    match error {
        PoolError::Timeout(TimeoutType::Wait) => all_taken(),
        PoolError::Timeout(_) => VaultError::unavailable("connecting took too long"),
        PoolError::Backend(error) => of_connecting(error),
        PoolError::Closed => VaultError::Closed,
        PoolError::NoRuntimeSpecified => {
            VaultError::refused("the pool has timeouts and no runtime: name one when it is built")
        }
        PoolError::PostCreateHook(_) => VaultError::unavailable("the pool's own hook refused the connection"),
    }
}

pub(crate) fn all_taken() -> VaultError {
    VaultError::unavailable("all connections of the pool are taken")
}

/// An error of a migration, which is one transaction.
pub(crate) fn of_migration(error: &Error) -> VaultError {
    let Some(answer) = error.as_db_error() else {
        return VaultError::in_doubt("the connection was lost during the migration: run it again");
    };
    if is_end_of_connection(answer) {
        return VaultError::in_doubt("the server ended the connection during the migration: run it again");
    }
    match answer.code().code() {
        "42501" => VaultError::refused(
            "the role may not make the schema or the application's role: run the migration as the owner of the \
             database, with CREATEROLE or after somebody else has made the role",
        ),
        "42P07" | "42723" => VaultError::refused(
            "the schema holds tables or functions that are not the vault's: choose another schema",
        ),
        _ => of_state(answer.code()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_says_what_may_be_concluded() {
        let of = |code: &str| of_state(&SqlState::from_code(code));
        assert!(matches!(of("53100"), VaultError::Full(_)));
        for code in ["25006", "57014", "55P03", "53300", "57P03", "40P01", "58030", "53200"] {
            assert!(matches!(of(code), VaultError::Unavailable(_)), "{code}");
        }
        for code in ["42501", "42P01", "42883", "3F000", "28P01", "3D000", "23514", "22021", "42601"] {
            assert!(matches!(of(code), VaultError::Refused(_)), "{code}");
        }
        assert!(matches!(of("XX001"), VaultError::Damaged(_)));
    }
}
