//! What is in the file, and how it is known to be ours.

use grantry_vault::VaultError;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::failure;
use crate::place::Place;
use crate::store_clock::{Kept, Machine};

/// `grnt`, where SQLite keeps whose file it is.
pub(crate) const APPLICATION_ID: i32 = 0x6772_6e74;
/// The one format so far.
pub(crate) const FORMAT: i32 = 1;

/// One row, number 1.
const META: &str = "CREATE TABLE meta(number INTEGER PRIMARY KEY CHECK (number = 1), revision INTEGER NOT NULL, \
                    machine TEXT NOT NULL, base INTEGER NOT NULL, ceiling INTEGER NOT NULL, time INTEGER NOT NULL, \
                    wall INTEGER NOT NULL) STRICT";

/// Keys are compared by their bytes, which needs no word: saying so takes SQLite off its fast path. The table has row numbers of its own: a usual record then lies in one page,
/// beside its neighbours of the same age, and a rewrite touches that page only. With the key as the table's own
/// order it would be torn over two.
const RECORDS: &str = "CREATE TABLE records(key TEXT NOT NULL UNIQUE, sealed BLOB NOT NULL, \
                       revision INTEGER NOT NULL) STRICT";

const READ_META: &str = "SELECT revision, machine, base, ceiling, time, wall FROM meta WHERE number = 1";

/// The row `meta`.
#[derive(Debug, Clone)]
pub(crate) struct Meta {
    /// The last revision that was given out.
    pub(crate) revision: u64,
    pub(crate) clock: Kept,
}

impl Meta {
    pub(crate) const READ: &str = READ_META;
    pub(crate) const WRITE: &str = "UPDATE meta SET revision = ?1, machine = ?2, base = ?3, ceiling = ?4, time = ?5, \
                                    wall = ?6 WHERE number = 1";

    pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let clock = Kept {
            machine: row.get(1)?,
            base: row.get(2)?,
            ceiling: row.get(3)?,
            time: row.get(4)?,
            wall: row.get(5)?,
        };
        Ok(Self { revision: revision(row, 0)?, clock })
    }

    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        connection.query_row(READ_META, [], Self::from_row)
    }

    /// What [`Meta::WRITE`] takes.
    pub(crate) fn values(&self) -> (i64, &str, i64, i64, i64, i64) {
        let Self { revision, clock } = self;
        (to_number(*revision), &clock.machine, clock.base, clock.ceiling, clock.time, clock.wall)
    }
}

/// A revision in a column.
pub(crate) fn revision(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// A revision as it is kept.
pub(crate) fn to_number(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

/// Makes an empty file a vault.
pub(crate) fn write_new(connection: &Connection, machine: &Machine) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA page_size = 4096; PRAGMA encoding = 'UTF-8'; BEGIN IMMEDIATE")?;
    connection.execute_batch(RECORDS)?;
    connection.execute_batch(META)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", FORMAT)?;
    connection.execute("INSERT INTO meta VALUES (1, 0, '', 0, 0, 0, 0)", [])?;
    let meta = Meta { revision: 0, clock: machine.begin() };
    connection.execute(Meta::WRITE, meta.values())?;
    connection.execute_batch("COMMIT")
}

/// Checks whose file it is. `Ok(None)` where it does not say: it has to be opened in full to know.
pub(crate) fn check_mark(connection: &Connection, place: &Place) -> Result<(), VaultError> {
    let explain = |error: &rusqlite::Error| failure::of_statement(error, place.path());
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let application = number("application_id").map_err(|error| explain(&error))?;
    let file = place.path().display();
    if application != APPLICATION_ID {
        return Err(VaultError::damaged(format!(
            "{file} is the database of another program; choose another path, or put a backup in its place"
        )));
    }
    match number("user_version").map_err(|error| explain(&error))? {
        FORMAT => Ok(()),
        newer if newer > FORMAT => Err(VaultError::newer(format!(
            "{file} has format {newer}, and this version knows formats up to {FORMAT}; upgrade this program"
        ))),
        _ => Err(failure::damaged(place.path())),
    }
}

/// Checks that the file has our tables, and nothing else that would act on what is written.
pub(crate) fn check_tables(connection: &Connection, place: &Place) -> Result<(), VaultError> {
    let tables = || -> rusqlite::Result<Vec<Option<String>>> {
        let mut statement = connection
            .prepare("SELECT sql FROM sqlite_schema WHERE substr(name, 1, 7) <> 'sqlite_' ORDER BY name")?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    let found = tables().map_err(|error| failure::of_statement(&error, place.path()))?;
    let expected = [META, RECORDS].map(|sql| Some(String::from(sql)));
    let meta = connection
        .query_row(READ_META, [], Meta::from_row)
        .optional()
        .map_err(|error| failure::of_statement(&error, place.path()));
    if found == expected && meta?.is_some() { Ok(()) } else { Err(failure::damaged(place.path())) }
}
