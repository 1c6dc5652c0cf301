//! The thread that writes: what waits is written together and made durable together.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use grantry_vault::{Precondition, RecordKey, SealedRecord, VaultError};
use rusqlite::{Connection, OptionalExtension, Statement};
use tokio::sync::oneshot;

use crate::ceiling::Asked;
use crate::failure;
use crate::format::{self, Meta};
use crate::hints::Hints;
use crate::patience::Patience;
use crate::place::{FileId, Place};
use crate::queue::{Queue, Serving, Taken};
use crate::reader::Question;
use crate::store_clock::StoreClock;
use crate::transaction::{self, Failed, Stop};

/// What the thread is asked for.
#[derive(Debug)]
pub(crate) enum Order {
    Write(Write),
    /// Raise the clock's ceiling; the answer where somebody cannot go on without.
    RaiseCeiling(Option<oneshot::Sender<Result<(), VaultError>>>, Option<Asked>),
    /// Somebody began to wait for a change.
    Look,
}

/// A write of one record.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) key: RecordKey,
    pub(crate) change: Change,
    /// The new revision, where the change has one.
    pub(crate) reply: oneshot::Sender<Result<u64, VaultError>>,
}

#[derive(Debug)]
pub(crate) enum Change {
    Store(SealedRecord, Precondition),
    Remove(u64),
}

/// What a group may have at most, so that no transaction holds the lock for long.
const MOST_WRITES: usize = 256;
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// How often other processes' writes are looked for while somebody waits for a change.
const LOOK: Duration = Duration::from_millis(25);

/// Pages in the log from which on it is moved into the file when nothing waits, and from which on whatever waits.
const LONG_LOG: i32 = 1_000;
const TOO_LONG_LOG: i32 = 8_000;
/// How long reads that stand in the way of the latter are waited for.
const RESTART: Duration = Duration::from_millis(100);

/// What the thread works with.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) orders: Arc<Queue<Order>>,
    pub(crate) questions: Arc<Queue<Question>>,
    pub(crate) place: Place,
    pub(crate) file: Option<FileId>,
    pub(crate) clock: Arc<StoreClock>,
    pub(crate) hints: Arc<Hints>,
    pub(crate) patience: Patience,
}

thread_local! {
    /// How many pages the log has, as SQLite tells after each commit.
    static LOG_PAGES: Cell<i32> = const { Cell::new(0) };
}

impl Writer {
    /// Serves until the queue is closed and empty.
    pub(crate) fn run(self, connection: Connection) {
        let orders = Arc::clone(&self.orders);
        // The last to go: those who wait for a change read again then, and learn that the vault is closed.
        let _told = TellAllAtEnd(Arc::clone(&self.hints));
        let _serving = Serving(&*orders);
        connection.wal_hook(Some(|_, pages| {
            LOG_PAGES.set(pages);
            Ok(())
        }));
        match Statements::prepare(&connection) {
            Ok(statements) => self.serve(&connection, statements),
            // The tables were checked a moment ago. Who asks is told that the thread has ended.
            Err(error) => {
                let error = failure::of_statement(&error, self.place.path());
                tracing::error!(exception.message = %error, "the thread that writes the vault has ended");
            }
        }
    }

    fn serve(&self, connection: &Connection, mut statements: Statements<'_>) {
        // What changed before this thread began to look may be what somebody waits for already: the first look tells everybody.
        let mut seen_version = None;
        loop {
            let wait = self.hints.is_anyone_waiting().then_some(LOOK);
            let mut bytes = 0;
            let taken = self.orders.take(wait, |nth, order| {
                bytes += order.bytes();
                nth < MOST_WRITES && bytes <= MOST_BYTES
            });
            let orders = match taken {
                Taken::Some(orders) => orders,
                Taken::Nothing => Vec::new(),
                // The last connection to go moves the log into the file; of several that go at once, none does.
                Taken::End => return self.questions.wait_until_unserved(),
            };
            self.obey(connection, &mut statements, orders);
            if self.hints.is_anyone_waiting() {
                let version = statements.version();
                if version.is_none() || version != seen_version {
                    self.hints.tell_all();
                }
                seen_version = version;
            }
            self.shorten_log(connection);
        }
    }

    fn obey(&self, connection: &Connection, statements: &mut Statements<'_>, orders: Vec<Order>) {
        let (mut group, mut ceiling) = (Vec::new(), Vec::new());
        for order in orders {
            match order {
                // Whoever dropped the future does not want it any more.
                Order::Write(write) if write.reply.is_closed() => {}
                Order::Write(write) => group.push(write),
                Order::RaiseCeiling(reply, asked) => ceiling.push((reply, asked)),
                Order::Look => {}
            }
        }
        if !ceiling.is_empty() {
            let raised = self.attempt(connection, statements, &[], true).0.map_err(VaultError::from);
            if raised.is_err() {
                self.clock.was_not_raised();
            }
            for reply in ceiling.into_iter().filter_map(|(reply, _asked)| reply) {
                let _ = reply.send(raised.clone());
            }
        }
        if group.is_empty() {
            return;
        }
        let (done, outcomes) = self.attempt(connection, statements, &group, false);
        if group.len() > 1 && matches!(done, Err(Failed::Undone(_))) {
            // One of them may be what does not fit, or what damaged pages stand in the way of.
            for write in group {
                let (done, outcomes) =
                    self.attempt(connection, statements, std::slice::from_ref(&write), false);
                self.answer(vec![write], done, outcomes);
            }
        } else {
            self.answer(group, done, outcomes);
        }
    }

    /// Writes the group in one transaction. The outcomes are those that it has if it is written: for each the new
    /// revision, or `None` where its precondition does not hold.
    fn attempt(
        &self,
        connection: &Connection,
        statements: &mut Statements<'_>,
        group: &[Write],
        raise_ceiling: bool,
    ) -> (Result<(), Failed>, Vec<Option<u64>>) {
        let mut outcomes = Vec::with_capacity(group.len());
        let work = || {
            self.check_file()?;
            let mut meta = statements.meta()?;
            meta.clock = self.clock.at_write(&meta.clock).ok_or_else(|| Stop::Found(self.other_machine()))?;
            for write in group {
                outcomes.push(statements.write(write, &mut meta.revision)?);
            }
            let is_changed = raise_ceiling || outcomes.iter().any(Option::is_some);
            if is_changed {
                statements.set_meta.execute(meta.values())?;
            }
            Ok((is_changed.then_some(meta.clock), is_changed))
        };
        let done = transaction::write(connection, &self.place, self.patience, work).map(|kept| {
            if let Some(kept) = kept {
                self.clock.was_written(&kept);
            }
        });
        (done, outcomes)
    }

    fn answer(&self, group: Vec<Write>, done: Result<(), Failed>, outcomes: Vec<Option<u64>>) {
        let is_in_doubt = matches!(done, Err(Failed::InDoubt(_)));
        let failure = done.err().map(VaultError::from);
        if let Some(error) = &failure {
            tracing::warn!(
                exception.message = %error,
                grantry.writes = group.len(),
                "the vault has not written"
            );
            if matches!(error, VaultError::Full(_)) {
                // What is in the log may have a place in the file already, and then the log can begin anew.
                LOG_PAGES.set(LOG_PAGES.get().max(LONG_LOG));
            }
        }
        let mut outcomes = outcomes.into_iter();
        for write in group {
            let answer = match (outcomes.next(), &failure) {
                // Whatever became of the others, this one was not to be written.
                (Some(None), Some(_)) if is_in_doubt => Err(VaultError::Conflict),
                (_, Some(error)) => Err(error.clone()),
                (outcome, None) => outcome.flatten().ok_or(VaultError::Conflict),
            };
            if answer.is_ok() || is_in_doubt {
                self.hints.tell(&write.key);
            }
            let _ = write.reply.send(answer);
        }
    }

    /// A file that was put in the place of ours would never see what is written into ours.
    fn check_file(&self) -> Result<(), Stop> {
        if self.place.file_id() == self.file {
            return Ok(());
        }
        let file = self.place.path().display();
        Err(Stop::Found(VaultError::refused(format!(
            "{file} was removed, or another file put in its place, while it was open; open the vault again"
        ))))
    }

    fn other_machine(&self) -> VaultError {
        let file = self.place.path().display();
        VaultError::refused(format!(
            "{file} was opened by another machine, or after a restart that this process did not see; it belongs to one \
             machine: let no other use it, and open the vault again"
        ))
    }

    /// Moves the log into the file, behind the answers.
    fn shorten_log(&self, connection: &Connection) {
        let pages = LOG_PAGES.get();
        if pages < LONG_LOG || (pages < TOO_LONG_LOG && !self.orders.is_empty()) {
            return;
        }
        LOG_PAGES.set(0);
        let shortened = if pages < TOO_LONG_LOG {
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        } else {
            // There was always a read that stood in the way of beginning the log anew: now they are waited for.
            let restart = || connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()));
            connection
                .busy_timeout(RESTART)
                .and_then(|()| restart())
                .and(connection.busy_timeout(Duration::ZERO))
        };
        // Where others or a failing disk stand in the way, the next write asks again.
        if let Err(error) = shortened {
            let error = failure::of_statement(&error, self.place.path());
            tracing::warn!(exception.message = %error, "the vault's log could not be moved into its file");
        }
    }
}

impl Order {
    fn bytes(&self) -> usize {
        match self {
            Self::Write(Write { change: Change::Store(sealed, _), .. }) => sealed.as_bytes().len(),
            _ => 0,
        }
    }
}

#[derive(Debug)]
struct TellAllAtEnd(Arc<Hints>);

impl Drop for TellAllAtEnd {
    fn drop(&mut self) {
        self.0.tell_all();
    }
}

/// The thread's statements, prepared once.
#[derive(Debug)]
struct Statements<'c> {
    find: Statement<'c>,
    insert: Statement<'c>,
    update: Statement<'c>,
    delete: Statement<'c>,
    meta: Statement<'c>,
    set_meta: Statement<'c>,
    version: Statement<'c>,
}

impl<'c> Statements<'c> {
    fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            find: connection.prepare("SELECT rowid, revision FROM records WHERE key = ?1")?,
            insert: connection.prepare("INSERT INTO records(key, sealed, revision) VALUES (?1, ?2, ?3)")?,
            update: connection.prepare("UPDATE records SET sealed = ?2, revision = ?3 WHERE rowid = ?1")?,
            delete: connection.prepare("DELETE FROM records WHERE rowid = ?1")?,
            meta: connection.prepare(Meta::READ)?,
            set_meta: connection.prepare(Meta::WRITE)?,
            version: connection.prepare("PRAGMA data_version")?,
        })
    }

    fn meta(&mut self) -> rusqlite::Result<Meta> {
        self.meta.query_row([], Meta::from_row)
    }

    /// What changes when another connection has written; `None` where it cannot be read.
    fn version(&mut self) -> Option<i64> {
        self.version.query_row([], |row| row.get(0)).ok()
    }

    /// Writes one record if its precondition holds, and returns its revision.
    fn write(&mut self, write: &Write, last: &mut u64) -> rusqlite::Result<Option<u64>> {
        let key = write.key.as_str();
        let found: Option<(i64, u64)> =
            self.find.query_row([key], |row| Ok((row.get(0)?, format::revision(row, 1)?))).optional()?;
        let expected = match &write.change {
            Change::Store(_, Precondition::Absent) => None,
            // A revision that is a text is none of ours: no record has it.
            Change::Store(_, Precondition::Matches(revision)) => Some(revision.as_number().unwrap_or(0)),
            Change::Remove(revision) => Some(*revision),
        };
        if expected != found.map(|(_, revision)| revision) {
            return Ok(None);
        }
        let next = *last + 1;
        match (&write.change, found) {
            (Change::Store(sealed, _), Some((row, _))) => {
                self.update.execute((row, sealed.as_bytes(), format::to_number(next)))?;
            }
            (Change::Store(sealed, _), None) => {
                self.insert.execute((key, sealed.as_bytes(), format::to_number(next)))?;
            }
            (Change::Remove(_), Some((row, _))) => {
                self.delete.execute([row])?;
            }
            (Change::Remove(_), None) => return Ok(None),
        }
        *last = next;
        Ok(Some(next))
    }
}
