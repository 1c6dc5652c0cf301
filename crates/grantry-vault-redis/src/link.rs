//! The way to the server: the connection of the moment, opened again when it is lost.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use grantry_vault::VaultError;
use redis::{Cmd, Value};
use tokio::time::timeout;

use crate::address::Address;
use crate::live::{Failure, Live};
use crate::scripts::Call;
use crate::settings::{self, Accepted};

/// What a connection is opened with.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: Address,
    pub(crate) accepted: Accepted,
    pub(crate) connect_patience: Duration,
    pub(crate) command_patience: Duration,
}

type Opening = Shared<BoxFuture<'static, Result<Arc<Live>, VaultError>>>;

/// Holds a connection, and opens one for all who wait when there is none.
pub(crate) struct Link {
    target: Arc<Target>,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    opening: Option<Opening>,
    is_closed: bool,
}

impl Link {
    pub(crate) fn new(target: Arc<Target>) -> Self {
        Self { target, slot: Mutex::default() }
    }

    /// The connection of the moment.
    pub(crate) async fn live(&self) -> Result<Arc<Live>, VaultError> {
        let live = self.current().await?;
        // It may have been lost while nobody looked: then a second one is opened, and that is what there is.
        if live.is_spent() { self.current().await } else { Ok(live) }
    }

    async fn current(&self) -> Result<Arc<Live>, VaultError> {
        let opening = {
            let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
            if slot.is_closed {
                return Err(VaultError::Closed);
            }
            match slot.opening.as_ref() {
                Some(current) if is_of_use(current) => current.clone(),
                _ => slot.opening.insert(open(&self.target)).clone(),
            }
        };
        opening.await
    }

    /// Sends a command that writes nothing. A connection that turns out to be lost is replaced once.
    pub(crate) async fn ask(&self, command: &Cmd) -> Result<Value, VaultError> {
        let patience = self.target.command_patience;
        match self.live().await?.send(command, patience).await {
            Err(Failure::Unsent | Failure::Lost) => self.live().await?.send(command, patience).await,
            answered => answered,
        }
        .map_err(Failure::of_a_reading)
    }

    /// Runs a script that writes no record. A connection that turns out to be lost is replaced once.
    pub(crate) async fn run_reading(&self, call: &Call<'_>) -> Result<Value, VaultError> {
        let patience = self.target.command_patience;
        match self.live().await?.run(call, patience).await {
            Err(Failure::Unsent | Failure::Lost) => self.live().await?.run(call, patience).await,
            answered => answered,
        }
        .map_err(Failure::of_a_reading)
    }

    /// Lets go of the connection for good. Calls that wait for answers keep it until they have them.
    pub(crate) fn close(&self) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.is_closed = true;
        slot.opening = None;
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("target", &self.target).finish_non_exhaustive()
    }
}

/// Still being opened, or open.
fn is_of_use(opening: &Opening) -> bool {
    opening.peek().is_none_or(|opened| opened.as_ref().is_ok_and(|live| !live.is_spent()))
}

/// Opens in a task of its own, so that a caller who gives up stops nobody else.
fn open(target: &Arc<Target>) -> Opening {
    let target = Arc::clone(target);
    let task = tokio::spawn(async move {
        let opened = timeout(target.connect_patience, async {
            let live = Live::open(&target.address).await?;
            settings::check(&live, target.accepted, target.connect_patience).await?;
            Ok(Arc::new(live))
        });
        opened.await.unwrap_or_else(|_| Err(VaultError::unavailable("connecting to Redis took too long")))
    });
    async { task.await.unwrap_or_else(|_| Err(VaultError::unavailable("the runtime is shutting down"))) }
        .boxed()
        .shared()
}
