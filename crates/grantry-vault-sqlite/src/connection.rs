//! Connections: how each is set, and how the file is opened without touching what is not ours.

use std::fs::{self, Metadata, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use grantry_vault::VaultError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::failure;
use crate::format;
use crate::patience::Patience;
use crate::place::Place;
use crate::store_clock::Machine;

/// Opens the vault at the place for writing; makes it first where there is none.
pub(crate) fn open_or_create(
    place: &Place,
    machine: &Machine,
    patience: Patience,
) -> Result<Connection, VaultError> {
    let mut about = place.check()?;
    if about.is_none() {
        create(place, machine)?;
        about = place.check()?;
    }
    let about = about.ok_or_else(|| {
        let file = place.path().display();
        VaultError::unavailable(format!("{file} was removed while it was opened; try again"))
    })?;
    let is_without_log = place.is_without_log();
    probe(place, &about, patience, is_without_log)?;
    let connection = open(place, patience)?;
    check(&connection, place, patience)?;
    // From here on it is ours and whole: the last one to close it may tidy up.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(of(place))?;
    Ok(connection)
}

/// One more connection to a vault that is open.
pub(crate) fn open_to_read(place: &Place, patience: Patience) -> Result<Connection, VaultError> {
    let connection = open(place, patience)?;
    connection.pragma_update(None, "query_only", true).map_err(of(place))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(of(place))?;
    Ok(connection)
}

/// A connection as each of ours is set. It changes nothing in the file, not even when it is closed.
fn open(place: &Place, patience: Patience) -> Result<Connection, VaultError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection =
        patience.until_free(|| Connection::open_with_flags(place.path(), flags)).map_err(of(place))?;
    // SQLite falls back to reading by itself, and then misses the files beside it.
    if connection.is_readonly("main").map_err(of(place))? {
        let file = place.path().display();
        return Err(VaultError::refused(format!(
            "{file} can only be read; give it back to the user of this process, on a disk that is mounted for writing"
        )));
    }
    let set = || -> rusqlite::Result<()> {
        // Waiting is our own affair.
        connection.busy_timeout(Duration::ZERO)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
        // Each of these is kept for the connection only; some read the tables' definitions first.
        connection.execute_batch(
            "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; PRAGMA synchronous = FULL; \
             PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; PRAGMA wal_autocheckpoint = 0; \
             PRAGMA journal_size_limit = 16777216",
        )
    };
    patience.until_free(set).map_err(of(place))?;
    Ok(connection)
}

/// Looks at the file itself, without locks and without its log: to open a file of another program in full may
/// already change it, when that program was interrupted.
fn probe(
    place: &Place,
    about: &Metadata,
    patience: Patience,
    is_without_log: bool,
) -> Result<(), VaultError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let file = patience
        .until_free(|| Connection::open_with_flags(immutable(place.path()), flags))
        .map_err(of(place))?;
    let looked = format::check_mark(&file, place).and_then(|()| {
        if !is_without_log {
            return Ok(());
        }
        format::check_tables(&file, place)?;
        let size =
            file.pragma_query_value(None, "page_size", |row| row.get::<_, i64>(0)).map_err(of(place))?;
        // SQLite would take the rest of a page that is cut off for zeros.
        let is_whole = u64::try_from(size).is_ok_and(|size| size > 0 && about.len().is_multiple_of(size));
        if is_whole { Ok(()) } else { Err(failure::damaged(place.path())) }
    });
    let is_alone = is_without_log && place.is_unchanged(about);
    match looked {
        // Somebody may be moving a log into the file, or have died over it: only with its log is it whole.
        Err(error) if !is_alone && error == failure::damaged(place.path()) => Ok(()),
        other => other,
    }
}

/// Checks that it is a whole vault of ours also with its log, and that a log works here.
fn check(connection: &Connection, place: &Place, patience: Patience) -> Result<(), VaultError> {
    patience
        .until_free(|| connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())))
        .map_err(of(place))?;
    format::check_mark(connection, place)?;
    format::check_tables(connection, place)?;
    // A copy made by `VACUUM INTO` has no log yet.
    let mode: String = patience
        .until_free(|| connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)))
        .map_err(of(place))?;
    if mode == "wal" {
        return Ok(());
    }
    let file = place.path().display();
    Err(VaultError::refused(format!(
        "a write-ahead log does not work beside {file}; it has to be on a disk of this machine, not on the network"
    )))
}

/// Makes a vault beside its place and then puts it there, whole: nobody ever sees half of one, and a process that
/// dies meanwhile leaves none.
fn create(place: &Place, machine: &Machine) -> Result<(), VaultError> {
    static NTH: AtomicU64 = AtomicU64::new(0);
    let unfinished = place.unfinished(NTH.fetch_add(1, Ordering::Relaxed));
    let made = fill(&unfinished, machine, place).and_then(|()| {
        match fs::hard_link(unfinished.path(), place.path()) {
            // Another process was faster: its vault is as good.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other.map_err(|error| failure::of_file(&error, place.path())),
        }
    });
    for leftover in [unfinished.path(), &unfinished.beside("-journal"), &unfinished.beside("-wal")] {
        let _ = fs::remove_file(leftover);
    }
    let _ = fs::remove_file(unfinished.beside("-shm"));
    made?;
    sync_folder(place.folder()).map_err(|error| failure::of_file(&error, place.path()))
}

fn fill(unfinished: &Place, machine: &Machine, place: &Place) -> Result<(), VaultError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Nobody knows the file yet, so no lock is lost when it is closed again.
    options.open(unfinished.path()).map(drop).map_err(|error| failure::of_file(&error, place.path()))?;
    let connection = open(unfinished, Patience(Duration::ZERO))?;
    let write = || -> rusqlite::Result<()> {
        format::write_new(&connection, machine)?;
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))
    };
    write().map_err(of(place))?;
    connection.close().map_err(|(_, error)| failure::of_statement(&error, place.path()))
}

/// The name of a file is durable when its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The address of a file that SQLite takes as it is.
fn immutable(path: &Path) -> String {
    let mut address = String::from("file:");
    for &byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'/' {
            address.push(char::from(byte));
        } else {
            address.push_str(&format!("%{byte:02x}"));
        }
    }
    address.push_str("?immutable=1");
    address
}

fn of(place: &Place) -> impl Fn(rusqlite::Error) -> VaultError {
    |error| failure::of_statement(&error, place.path())
}
