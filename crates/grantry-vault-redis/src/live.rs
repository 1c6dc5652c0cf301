//! One connection, shared by all callers, until it is lost.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use grantry_vault::VaultError;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ErrorKind, RedisError, ServerError, Value};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::address::Address;
use crate::answer;
use crate::replicas::Replicas;
use crate::scripts::Call;
use crate::stream::Counted;

/// How long a lost connection may take to say that it is at an end. It needs no time: its task ends by itself.
const LAST_WORD: Duration = Duration::from_secs(1);

/// A connection. It sends each command once and never opens itself again: who holds it decides what to do.
pub(crate) struct Live {
    connection: MultiplexedConnection,
    /// What the system took of what was written.
    written: Arc<AtomicU64>,
    /// Whether it is at an end: nothing is written any more.
    ended: watch::Receiver<bool>,
    /// Told when a caller found it of no use.
    spent: watch::Sender<bool>,
    task: AbortHandle,
    pub(crate) replicas: Replicas,
}

/// Why a command has no answer of use.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server refused it and did nothing.
    Refused(ServerError),
    /// No byte of it was sent.
    Unsent,
    /// It was sent, or may have been.
    Lost,
    /// It was sent, or may have been, and nothing came in time.
    Late,
}

impl Live {
    /// Opens a connection and logs in. The caller bounds the time.
    pub(crate) async fn open(address: &Address) -> Result<Self, VaultError> {
        let (stream, written) = Counted::open(&address.place)
            .await
            .map_err(|error| VaultError::unavailable(format!("Redis cannot be reached: {}", error.kind())))?;
        let settings = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
        let (connection, driver) = MultiplexedConnection::new_with_config(&address.login, stream, settings)
            .await
            .map_err(|error| answer::login(&error))?;
        let (end, ended) = watch::channel(false);
        let at_the_end = AtTheEnd(end);
        let task = tokio::spawn(async move {
            // Told when the driver is done, and also when its runtime goes and drops it.
            let _at_the_end = at_the_end;
            driver.await;
        });
        Ok(Self {
            connection,
            written,
            ended,
            spent: watch::Sender::new(false),
            task: task.abort_handle(),
            replicas: Replicas::default(),
        })
    }

    /// Whether nobody should send by it any more.
    pub(crate) fn is_spent(&self) -> bool {
        *self.ended.borrow() || *self.spent.borrow()
    }

    /// Nobody sends by it any more; those who wait for answers still get them.
    pub(crate) fn spend(&self) {
        self.spent.send_replace(true);
    }

    /// Sends a command once and waits for its answer.
    pub(crate) async fn send(&self, command: &Cmd, patience: Duration) -> Result<Value, Failure> {
        let before = self.written.load(Ordering::Acquire);
        let mut connection = self.connection.clone();
        let answered = timeout(patience, connection.send_packed_command(command)).await;
        let error = match answered {
            Ok(answered) => match answered.and_then(Value::extract_error) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            },
            Err(_) => {
                // The server may be gone without a word: the next call finds out.
                self.spend();
                return Err(Failure::Late);
            }
        };
        match server_error(&error) {
            Some(refused) => {
                if answer::wants_a_new_connection(&refused) {
                    self.spend();
                }
                Err(Failure::Refused(refused))
            }
            None => {
                self.spend();
                Err(if self.sent_nothing_since(before, &error).await {
                    Failure::Unsent
                } else {
                    Failure::Lost
                })
            }
        }
    }

    /// Runs a script, by its hash if the server knows it. That it does not is a definite answer: nothing ran.
    pub(crate) async fn run(&self, call: &Call<'_>, patience: Duration) -> Result<Value, Failure> {
        match self.send(&call.by_hash(), patience).await {
            Err(Failure::Refused(refused)) if refused.code() == "NOSCRIPT" => {
                self.send(&call.by_text(), patience).await
            }
            answered => answered,
        }
    }

    async fn sent_nothing_since(&self, before: u64, error: &RedisError) -> bool {
        let mut ended = self.ended.clone();
        error.kind() == ErrorKind::Io
            && timeout(LAST_WORD, ended.wait_for(|ended| *ended)).await.is_ok_and(|ended| ended.is_ok())
            && self.written.load(Ordering::Acquire) == before
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("is_spent", &self.is_spent()).finish_non_exhaustive()
    }
}

/// Says that the connection's task is at an end, however it ended.
struct AtTheEnd(watch::Sender<bool>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

fn server_error(error: &RedisError) -> Option<ServerError> {
    error.clone().into_server_errors()?.first().map(|(_, error)| error.clone())
}

impl Failure {
    /// What it means for a call that writes nothing.
    pub(crate) fn of_a_reading(self) -> VaultError {
        match self {
            Self::Refused(error) => answer::refusal(&error),
            Self::Unsent | Self::Lost => VaultError::unavailable("the connection to Redis was lost"),
            Self::Late => VaultError::unavailable("Redis did not answer in time"),
        }
    }

    /// What it means for a call that may write.
    pub(crate) fn of_a_write(self) -> VaultError {
        match self {
            Self::Refused(error) => answer::refusal(&error),
            Self::Unsent => {
                VaultError::unavailable("the connection to Redis was lost before the write was sent")
            }
            Self::Lost => VaultError::in_doubt("the connection to Redis was lost after the write was sent"),
            Self::Late => VaultError::in_doubt("Redis did not answer the write in time"),
        }
    }
}
