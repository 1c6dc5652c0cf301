//! The threads that read. They never wait for a write.

use std::sync::Arc;

use grantry_vault::{Page, RecordKey, Revision, SealedRecord, StoredRecord, VaultError};
use rusqlite::{Connection, OptionalExtension, Row, Statement};
use tokio::sync::oneshot;

use crate::ceiling::Ceiling;
use crate::failure;
use crate::format;
use crate::patience::Patience;
use crate::place::Place;
use crate::queue::{Queue, Serving, Taken};
use crate::store_clock::AboveCeiling;

/// How many threads read.
pub(crate) const READERS: usize = 2;

/// What a thread is asked for.
#[derive(Debug)]
pub(crate) enum Question {
    Load(RecordKey, Reply<Option<StoredRecord>>),
    List(Range, Reply<Page>),
    /// Whether every page of the file is as it should be.
    Check(Reply<()>),
}

/// The answer, or the need to raise the clock's ceiling first.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, ReadError>>;

/// Why a read has no answer.
#[derive(Debug, Clone)]
pub(crate) enum ReadError {
    AboveCeiling,
    Failed(VaultError),
}

/// Records between two texts, both excluded.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    pub(crate) after: String,
    pub(crate) before: String,
    pub(crate) limit: usize,
}

/// Reads that share a snapshot at most: more of them would only wait longer for the first.
const MOST_READS: usize = 64;
/// What a page holds at most, so that nobody behind it waits long.
const MOST_RECORDS: usize = 1_000;
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// What a thread works with.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) questions: Arc<Queue<Question>>,
    pub(crate) place: Place,
    pub(crate) ceiling: Arc<Ceiling>,
    pub(crate) patience: Patience,
}

impl Reader {
    /// Serves until the queue is closed and empty.
    pub(crate) fn run(self, connection: Connection) {
        let questions = Arc::clone(&self.questions);
        let _serving = Serving(&*questions);
        // Closed before the queue is told: the writer closes last.
        let connection = connection;
        match Statements::prepare(&connection) {
            Ok(statements) => self.serve(&connection, statements),
            Err(error) => {
                let error = failure::of_statement(&error, self.place.path());
                tracing::error!(exception.message = %error, "a thread that reads the vault has ended");
            }
        }
    }

    fn serve(&self, connection: &Connection, mut statements: Statements<'_>) {
        while let Taken::Some(questions) = self.questions.take(None, |nth, _| nth < MOST_READS) {
            // A snapshot begins with the first read in it, which is after all of them were asked for.
            let is_shared = questions.len() > 1 && connection.execute_batch("BEGIN").is_ok();
            for question in questions {
                match question {
                    Question::Load(_, reply) if reply.is_closed() => {}
                    Question::Load(key, reply) => {
                        let _ = reply.send(self.load(&mut statements, &key));
                    }
                    Question::List(_, reply) if reply.is_closed() => {}
                    Question::List(range, reply) => {
                        let _ = reply.send(self.list(&mut statements, &range));
                    }
                    Question::Check(reply) => {
                        let _ = reply.send(self.check(connection));
                    }
                }
            }
            if is_shared && !connection.is_autocommit() {
                let _ = connection.execute_batch("COMMIT");
            }
        }
    }

    fn load(
        &self,
        statements: &mut Statements<'_>,
        key: &RecordKey,
    ) -> Result<Option<StoredRecord>, ReadError> {
        let read_at = self.ceiling.reading()?;
        let stored = |row: &Row<'_>| stored(row, read_at, 0);
        self.patience
            .until_free(|| statements.load.query_row([key.as_str()], stored).optional())
            .map_err(|error| self.explain(&error))
    }

    fn list(&self, statements: &mut Statements<'_>, range: &Range) -> Result<Page, ReadError> {
        let read_at = self.ceiling.reading()?;
        let most = range.limit.min(MOST_RECORDS);
        // One more tells whether there are more.
        let rows = i64::try_from(most + 1).unwrap_or(i64::MAX);
        let page = self
            .patience
            .until_free(|| {
                let mut found = Vec::new();
                let mut bytes = 0;
                let mut rows = statements.list.query((&range.after, &range.before, rows))?;
                while let Some(row) = rows.next()? {
                    if found.len() == most || bytes >= MOST_BYTES {
                        return Ok((found, true));
                    }
                    let record = stored(row, read_at, 1)?;
                    bytes += record.sealed.as_bytes().len();
                    found.push((row.get::<_, String>(0)?, record));
                }
                Ok((found, false))
            })
            .map_err(|error| self.explain(&error));
        let (found, more) = page?;
        let parsed = |(key, record): (String, StoredRecord)| {
            RecordKey::parse(&key).map(|key| (key, record)).map_err(|_| failure::damaged(self.place.path()))
        };
        let records = found.into_iter().map(parsed).collect::<Result<_, _>>()?;
        Ok(Page { records, more })
    }

    fn check(&self, connection: &Connection) -> Result<(), ReadError> {
        let verdict: String = self
            .patience
            .until_free(|| connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)))
            .map_err(|error| self.explain(&error))?;
        if verdict == "ok" { Ok(()) } else { Err(failure::damaged(self.place.path()).into()) }
    }

    fn explain(&self, error: &rusqlite::Error) -> ReadError {
        failure::of_statement(error, self.place.path()).into()
    }
}

/// The bytes and the revision in the columns from `first` on.
fn stored(row: &Row<'_>, read_at: grantry_core::StoreTime, first: usize) -> rusqlite::Result<StoredRecord> {
    let sealed = SealedRecord::new(row.get_ref(first)?.as_blob()?.to_vec());
    Ok(StoredRecord { sealed, revision: Revision::number(format::revision(row, first + 1)?), read_at })
}

impl From<AboveCeiling> for ReadError {
    fn from(_: AboveCeiling) -> Self {
        Self::AboveCeiling
    }
}

impl From<VaultError> for ReadError {
    fn from(error: VaultError) -> Self {
        Self::Failed(error)
    }
}

/// The thread's statements, prepared once.
#[derive(Debug)]
struct Statements<'c> {
    load: Statement<'c>,
    list: Statement<'c>,
}

impl<'c> Statements<'c> {
    fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            load: connection.prepare("SELECT sealed, revision FROM records WHERE key = ?1")?,
            list: connection.prepare(
                "SELECT key, sealed, revision FROM records WHERE key > ?1 AND key < ?2 ORDER BY key LIMIT ?3",
            )?,
        })
    }
}
