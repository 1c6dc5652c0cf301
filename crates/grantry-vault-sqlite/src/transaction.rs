//! One write transaction, and what its failure leaves known.

use grantry_vault::VaultError;
use rusqlite::{Connection, ErrorCode};

use crate::failure;
use crate::patience::Patience;
use crate::place::Place;

/// Why a transaction did not end well.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The lock was not to be had: nothing was tried.
    NotBegun(VaultError),
    /// Nothing was written.
    Undone(VaultError),
    /// Nobody can tell whether it was written.
    InDoubt(VaultError),
}

impl From<Failed> for VaultError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::NotBegun(error) | Failed::Undone(error) | Failed::InDoubt(error) => error,
        }
    }
}

/// Why the work inside a transaction stops.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A statement failed.
    Statement(rusqlite::Error),
    /// What was found does not allow it.
    Found(VaultError),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Statement(error)
    }
}

/// Does the work in a transaction that is the only writing one from its beginning on, and makes it durable if the work
/// says that there is something to write.
pub(crate) fn write<T>(
    connection: &Connection,
    place: &Place,
    patience: Patience,
    work: impl FnOnce() -> Result<(T, bool), Stop>,
) -> Result<T, Failed> {
    let explain = |error: &rusqlite::Error| failure::of_statement(error, place.path());
    // One that could not be undone the last time must not become a part of this one.
    undo(connection).map_err(|error| Failed::NotBegun(explain(&error)))?;
    patience
        .until_free(|| connection.execute_batch("BEGIN IMMEDIATE"))
        .map_err(|error| Failed::NotBegun(explain(&error)))?;
    let (done, is_changed) = match work() {
        Ok(done) => done,
        Err(stop) => {
            let error = match stop {
                Stop::Statement(error) => explain(&error),
                Stop::Found(error) => error,
            };
            return Err(match undo(connection) {
                Ok(()) => Failed::Undone(error),
                Err(_) => Failed::InDoubt(in_doubt(place)),
            });
        }
    };
    if !is_changed {
        return match undo(connection) {
            Ok(()) => Ok(done),
            Err(error) => Err(Failed::Undone(explain(&error))),
        };
    }
    match connection.execute_batch("COMMIT") {
        Ok(()) => Ok(done),
        Err(error) => Err(after_commit(connection, place, &error)),
    }
}

/// What is known after a COMMIT that failed. SQLite has rolled it back by itself then.
///
/// A commit is one frame at the end of the log that says so, then an `fsync`, then the word to the other connections.
/// The log is written in order, and a disk that has no room for a frame has none for the last: after `SQLITE_FULL` the
/// commit is not in the log. After any other error it may be. This process and the others go on as if it was not, and
/// the next write takes its place in the log; but should all of them die before, whoever opens the file finds it.
fn after_commit(connection: &Connection, place: &Place, error: &rusqlite::Error) -> Failed {
    let is_undone = undo(connection).is_ok();
    match failure::code(error) {
        Some(ErrorCode::DiskFull) if is_undone => Failed::Undone(failure::of_statement(error, place.path())),
        _ => Failed::InDoubt(in_doubt(place)),
    }
}

fn undo(connection: &Connection) -> rusqlite::Result<()> {
    if connection.is_autocommit() { Ok(()) } else { connection.execute_batch("ROLLBACK") }
}

fn in_doubt(place: &Place) -> VaultError {
    VaultError::in_doubt(format!(
        "the disk of {} failed in the middle of it; read again, and look at the system's log",
        place.path().display()
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn open() -> (tempfile::TempDir, Place, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::find(&folder.path().join("a.db")).unwrap();
        let connection = Connection::open(place.path()).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t(a UNIQUE)").unwrap();
        (folder, place, connection)
    }

    fn count(connection: &Connection) -> i64 {
        connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
    }

    const PATIENCE: Patience = Patience(Duration::from_millis(20));

    #[test]
    fn work_that_stops_leaves_nothing() {
        let (_folder, place, connection) = open();
        let insert = || connection.execute_batch("INSERT INTO t VALUES (1)");
        let stopped = write(&connection, &place, PATIENCE, || {
            insert()?;
            insert()?;
            Ok(((), true))
        });
        assert!(matches!(stopped, Err(Failed::Undone(_))), "{stopped:?}");
        assert_eq!(count(&connection), 0);
        write(&connection, &place, PATIENCE, || Ok((insert()?, false))).unwrap();
        assert_eq!(count(&connection), 0);
        write(&connection, &place, PATIENCE, || Ok((insert()?, true))).unwrap();
        assert_eq!(count(&connection), 1);
    }

    #[test]
    fn a_transaction_left_open_is_not_carried_into_the_next() {
        let (_folder, place, connection) = open();
        connection.execute_batch("BEGIN; INSERT INTO t VALUES (1)").unwrap();
        write(&connection, &place, PATIENCE, || {
            Ok((connection.execute_batch("INSERT INTO t VALUES (2)")?, true))
        })
        .unwrap();
        assert_eq!(count(&connection), 1);
    }

    #[test]
    fn a_lock_that_stays_ends_the_patience_and_nothing_is_tried() {
        let (_folder, place, connection) = open();
        let other = Connection::open(place.path()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        connection.busy_timeout(Duration::ZERO).unwrap();
        let refused = write(&connection, &place, PATIENCE, || Ok(((), true)));
        assert!(matches!(refused, Err(Failed::NotBegun(VaultError::Unavailable(_)))), "{refused:?}");
        other.execute_batch("ROLLBACK").unwrap();
        assert!(write(&connection, &place, PATIENCE, || Ok(((), true))).is_ok());
    }

    #[test]
    fn only_a_full_disk_leaves_no_doubt_about_a_commit() {
        let (_folder, place, connection) = open();
        let failed = |code: i32| {
            let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
            after_commit(&connection, &place, &error)
        };
        assert!(matches!(failed(rusqlite::ffi::SQLITE_FULL), Failed::Undone(VaultError::Full(_))));
        for code in [rusqlite::ffi::SQLITE_IOERR_FSYNC, rusqlite::ffi::SQLITE_IOERR_SHMSIZE] {
            assert!(matches!(failed(code), Failed::InDoubt(VaultError::InDoubt(_))));
        }
    }
}
