//! One statement on one connection of the pool, and what is known after it.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use deadpool_postgres::{Object, Pool, PoolError, Timeouts};
use futures_util::future::{Either, select};
use grantry_vault::VaultError;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use crate::failure::{self, Failure};
use crate::session::Session;

/// How often a call that has done nothing is made again: on another connection, or after a deadlock.
const TRIES: u32 = 4;

/// How much longer the client waits than the server may take, so that the server's word comes first.
const GRACE: Duration = Duration::from_secs(2);

/// How often it is looked whether a connection came back while another is being made.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// What a statement does: it decides what a lost answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    Read,
    Write,
}

/// How long each thing may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) connect: Duration,
    pub(crate) pool: Duration,
    pub(crate) statement: Duration,
}

/// The connections, and how each becomes a session of the vault.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) pool: Pool,
    pub(crate) session: Session,
    pub(crate) patience: Patience,
}

/// Whoever waits for the answer, and may have left.
pub(crate) struct Waiting<T = ()>(oneshot::Sender<T>);

impl<T> Waiting<T> {
    pub(crate) fn new(end: oneshot::Sender<T>) -> Self {
        Self(end)
    }

    pub(crate) fn answer(self, answer: T) {
        let _ = self.0.send(answer);
    }
}

/// Why a statement has no rows.
#[derive(Debug)]
pub(crate) enum NoRows {
    /// The server answered that it did nothing: it may be because of what was asked.
    Undone(VaultError),
    /// It has nothing to do with what was asked.
    Failed(VaultError),
}

impl NoRows {
    pub(crate) fn into_error(self) -> VaultError {
        match self {
            Self::Undone(error) | Self::Failed(error) => error,
        }
    }
}

/// Why an attempt has no rows, and whether another may have some.
enum Attempt {
    Final(NoRows),
    Again(NoRows),
}

impl Link {
    /// Runs `call` in a task of its own, which owns its connection until the whole answer is there. Whoever drops the
    /// future, or does not go on with it, only stops waiting: no connection comes back to the pool half-used, and
    /// none is kept from it.
    pub(crate) async fn in_a_task<T, F>(
        &self,
        does: Does,
        call: impl FnOnce(Self, Waiting) -> F,
    ) -> Result<T, VaultError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, VaultError>> + Send + 'static,
    {
        let (waiting, _gone_when_dropped) = oneshot::channel();
        let task = tokio::spawn(call(self.clone(), Waiting(waiting)));
        task.await.unwrap_or_else(|_| {
            let fact = "the runtime ended before the answer came";
            Err(if does == Does::Write { VaultError::in_doubt(fact) } else { VaultError::unavailable(fact) })
        })
    }

    /// The rows of one statement. A write is sent again only after an answer that says that it did nothing.
    pub(crate) async fn rows(
        &self,
        does: Does,
        waiting: &mut Waiting,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, VaultError> {
        self.rows_from(None, does, waiting, statement, parameters).await.map_err(NoRows::into_error)
    }

    /// The same, where there is a connection for the first attempt already.
    pub(crate) async fn rows_from<T>(
        &self,
        mut first: Option<Object>,
        does: Does,
        waiting: &mut Waiting<T>,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, NoRows> {
        let mut failed = NoRows::Failed(VaultError::unavailable("no connection could be kept"));
        for _ in 0..TRIES {
            let connection = match first.take() {
                Some(connection) => connection,
                None => self.connection(waiting).await.map_err(NoRows::Failed)?,
            };
            failed = match self.ask(does, connection, statement, parameters).await {
                Ok(rows) => return Ok(rows),
                Err(Attempt::Final(error)) => return Err(error),
                Err(Attempt::Again(error)) => error,
            };
        }
        Err(failed)
    }

    /// Looks whether the server can be reached and is as it has to be. Returns a name that nobody else has.
    pub(crate) async fn look(&self) -> Result<String, VaultError> {
        let (waiting, _here) = oneshot::channel();
        let connection = self.connection(&mut Waiting::<()>(waiting)).await?;
        let looked = timeout(self.longest(), self.session.set_up(&connection)).await;
        let looked =
            looked.unwrap_or_else(|_| Err(VaultError::unavailable("setting the session up took too long")));
        if looked.is_err() {
            drop(Object::take(connection));
        }
        looked
    }

    /// A connection of the pool: a new one, or one that comes back while a new one is being made, which may take long.
    pub(crate) async fn take(&self) -> Result<Object, PoolError> {
        let mut taken = pin!(self.pool.get());
        loop {
            match timeout(BETWEEN_LOOKS, taken.as_mut()).await {
                Ok(taken) => return taken,
                Err(_) => {
                    if let Some(connection) = self.idle().await {
                        return Ok(connection);
                    }
                }
            }
        }
    }

    /// A connection that nobody uses, if there is one.
    async fn idle(&self) -> Option<Object> {
        // The pool's own count takes whoever waits for a new one for a user of an old one.
        if self.pool.retain(|_, _| true).retained == 0 {
            return None;
        }
        let at_once = Some(Duration::ZERO);
        let recycle = Some(self.patience.connect);
        self.pool.timeout_get(&Timeouts { wait: at_once, create: at_once, recycle }).await.ok()
    }

    /// A connection that is not known to be closed.
    async fn connection<T>(&self, waiting: &mut Waiting<T>) -> Result<Object, VaultError> {
        let patience = self.patience.pool.saturating_add(self.patience.connect);
        let taken = pin!(timeout(patience, self.take()));
        match select(taken, pin!(waiting.0.closed())).await {
            Either::Left((Ok(taken), _)) => taken.map_err(|error| failure::of_pool(&error)),
            Either::Left((Err(_), _)) => Err(failure::all_taken()),
            Either::Right(_) => Err(VaultError::unavailable("nobody waits for the answer any more")),
        }
    }

    /// Asks once. A connection that is not surely at rest afterwards is closed.
    async fn ask(
        &self,
        does: Does,
        connection: Object,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Attempt> {
        let answered = self.ask_on(does, &connection, statement, parameters).await;
        let (attempt, keeps) = match answered {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(Failure::Undone(error))) => (Attempt::Final(NoRows::Undone(error)), true),
            Ok(Err(Failure::Again(error))) => (Attempt::Again(NoRows::Undone(error)), true),
            Ok(Err(Failure::Elsewhere(error))) => (Attempt::Again(NoRows::Failed(error)), false),
            Ok(Err(failure @ (Failure::Lost | Failure::NotSetUp))) => {
                (Attempt::Final(NoRows::Failed(failure.into_error())), false)
            }
            Err(error) => (Attempt::Final(NoRows::Failed(error)), false),
        };
        if !keeps {
            drop(Object::take(connection));
        }
        Err(attempt)
    }

    /// The outer error is one after which nothing more is tried, and the connection not kept.
    async fn ask_on(
        &self,
        does: Does,
        connection: &Object,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Result<Vec<Row>, Failure>, VaultError> {
        if Object::metrics(connection).recycle_count == 0 {
            // It was never used. Otherwise its first call would find out.
            self.set_up(connection).await?;
        }
        for is_first in [true, false] {
            let prepared = match self.bounded(Does::Read, connection.prepare_cached(statement)).await? {
                Ok(prepared) => prepared,
                Err(failure) => return Ok(Err(failure.of_reading())),
            };
            if connection.is_closed() {
                return Ok(Err(Failure::Lost.of_reading()));
            }
            match self.bounded(does, connection.query(&prepared, parameters)).await? {
                Err(Failure::NotSetUp) if is_first => self.set_up(connection).await?,
                Err(failure) if does == Does::Read => return Ok(Err(failure.of_reading())),
                answered => return Ok(answered),
            }
        }
        Ok(Err(Failure::NotSetUp))
    }

    async fn set_up(&self, connection: &Object) -> Result<(), VaultError> {
        match timeout(self.longest(), self.session.set_up(connection)).await {
            Ok(set_up) => set_up.map(drop),
            Err(_) => Err(VaultError::unavailable("setting the session up took too long")),
        }
    }

    async fn bounded<T>(
        &self,
        does: Does,
        asked: impl Future<Output = Result<T, Error>>,
    ) -> Result<Result<T, Failure>, VaultError> {
        match timeout(self.longest(), asked).await {
            Ok(answered) => Ok(answered.map_err(|error| Failure::of_statement(&error))),
            Err(_) if does == Does::Write => Err(VaultError::in_doubt("no answer came in time")),
            Err(_) => Err(VaultError::unavailable("no answer came in time")),
        }
    }

    fn longest(&self) -> Duration {
        self.patience.statement.saturating_add(GRACE)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("session", &self.session)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
