//! What an error of SQLite or of the system means to a caller.

use std::io;
use std::path::Path;

use grantry_vault::VaultError;
use rusqlite::{Error, ErrorCode};

/// What an error of a statement means. The text names the file and what to do, and shows nothing of the statement.
pub(crate) fn of_statement(error: &Error, path: &Path) -> VaultError {
    let file = path.display();
    match code(error) {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => VaultError::unavailable(format!(
            "another process has held the lock of {file} for too long; find out what holds it, or allow more patience"
        )),
        Some(ErrorCode::DiskFull) => {
            VaultError::full(format!("there is no room for {file}; make room on its disk"))
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => VaultError::refused(format!(
            "{file} cannot be written; give it and its folder back to the user of this process, on a disk that is \
             mounted for writing"
        )),
        Some(ErrorCode::CannotOpen) => VaultError::unavailable(format!(
            "{file} or a file beside it cannot be opened; look whether its folder is there and may be written, and how \
             many files this process has open"
        )),
        Some(ErrorCode::SystemIoFailure) => VaultError::unavailable(format!(
            "the disk of {file} has failed to read or to write; look at the system's log, and at the room on the disk"
        )),
        Some(ErrorCode::OutOfMemory) => VaultError::unavailable("there is no memory left"),
        Some(ErrorCode::FileLockingProtocolFailed) => VaultError::unavailable(format!(
            "the locks of {file} do not work; it has to be on a disk of this machine, not on the network"
        )),
        Some(ErrorCode::TooBig) => VaultError::refused("the record is too long"),
        Some(ErrorCode::OperationInterrupted | ErrorCode::OperationAborted | ErrorCode::SchemaChanged) => {
            VaultError::unavailable(format!("the work on {file} was interrupted; try again"))
        }
        // A table that is missing, a value of another kind: the file is not what it was written to be.
        Some(_) | None => damaged(path),
    }
}

/// What to say of a file that is not, or no longer, a whole vault.
pub(crate) fn damaged(path: &Path) -> VaultError {
    VaultError::damaged(format!(
        "{} is damaged, or cut short; keep it as it is for a look at it, and put a backup in its place",
        path.display()
    ))
}

/// What a file's or a folder's error means.
pub(crate) fn of_file(error: &io::Error, path: &Path) -> VaultError {
    let file = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            let folder = path.parent().unwrap_or(path).display();
            VaultError::refused(format!("the folder {folder} does not exist; make it with `mkdir -m 700`"))
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => VaultError::refused(format!(
            "this process may not use {file}; give it and its folder to the user of this process, on a disk that is \
             mounted for writing"
        )),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            VaultError::full(format!("there is no room for {file}; make room on its disk"))
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => {
            VaultError::refused(format!("{file} cannot be a file; choose another path"))
        }
        kind => VaultError::unavailable(format!("{file} cannot be used: {kind}")),
    }
}

/// Whether somebody else holds a lock that he will give back.
pub(crate) fn is_busy(error: &Error) -> bool {
    matches!(code(error), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

pub(crate) fn code(error: &Error) -> Option<ErrorCode> {
    error.sqlite_error_code()
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn each_result_code_tells_the_caller_what_may_be_concluded() {
        let meant = |code: i32| {
            let error = Error::SqliteFailure(ffi::Error::new(code), Some(String::from("SELECT secret")));
            let meant = of_statement(&error, Path::new("/x/a.db"));
            assert!(!meant.to_string().contains("SELECT"), "{meant}");
            meant
        };
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_BUSY_RECOVERY, ffi::SQLITE_IOERR, ffi::SQLITE_IOERR_FSYNC]
        {
            assert!(matches!(meant(code), VaultError::Unavailable(_)), "{code}");
        }
        for code in [ffi::SQLITE_CANTOPEN, ffi::SQLITE_NOMEM, ffi::SQLITE_PROTOCOL, ffi::SQLITE_INTERRUPT] {
            assert!(matches!(meant(code), VaultError::Unavailable(_)), "{code}");
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_ERROR, ffi::SQLITE_MISMATCH] {
            assert!(matches!(meant(code), VaultError::Damaged(_)), "{code}");
        }
        assert!(matches!(meant(ffi::SQLITE_FULL), VaultError::Full(_)));
        for code in [ffi::SQLITE_READONLY, ffi::SQLITE_READONLY_DBMOVED, ffi::SQLITE_PERM, ffi::SQLITE_TOOBIG]
        {
            assert!(matches!(meant(code), VaultError::Refused(_)), "{code}");
        }
    }
}
