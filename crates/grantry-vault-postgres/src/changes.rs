//! What other handles write: one connection that listens.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::StreamExt;
use grantry_vault::{ChangeHint, RecordKey, Watch};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client};

use crate::dial::{Dial, Messages};
use crate::hub::{Channel, EVERYTHING, Hub};
use crate::identifier::Identifier;

/// How long it waits before it connects again: the first time, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How often it looks whether a connection on which nothing comes is still one.
const BETWEEN_LOOKS: Duration = Duration::from_secs(30);

/// Tells of changes. It connects when somebody first waits for one.
pub(crate) struct Changes {
    hub: Arc<Hub>,
    listening: Option<Listening>,
    runtime: Handle,
    task: Mutex<Option<AbortHandle>>,
}

#[derive(Clone)]
pub(crate) struct Listening {
    pub(crate) dial: Dial,
    pub(crate) channel: Channel,
    pub(crate) patience: Duration,
}

impl Changes {
    pub(crate) fn new(hub: Arc<Hub>, listening: Option<Listening>, runtime: Handle) -> Self {
        Self { hub, listening, runtime, task: Mutex::default() }
    }

    pub(crate) fn can_listen(&self) -> bool {
        self.listening.is_some()
    }

    /// Ends listening. Whoever waits is told, and reads for himself.
    pub(crate) fn close(&self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
        self.hub.close();
        self.hub.hints.tell_all();
    }

    fn listen(&self) {
        let Some(listening) = &self.listening else { return };
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_none_or(AbortHandle::is_finished) {
            let listening = listening.clone().listen(Arc::clone(&self.hub));
            *task = Some(self.runtime.spawn(listening).abort_handle());
        }
    }
}

impl Watch for Changes {
    fn next_change(&self, key: &RecordKey) -> ChangeHint {
        // Registered first: whoever begins to listen tells everybody who is.
        let hint = self.hub.hints.next_change(key);
        self.listen();
        hint
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").field("can_listen", &self.can_listen()).finish_non_exhaustive()
    }
}

impl Listening {
    async fn listen(self, hub: Arc<Hub>) {
        let mut pause = FIRST_PAUSE;
        loop {
            if self.listen_once(&hub).await {
                pause = FIRST_PAUSE;
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    /// Listens until the connection is lost. Returns whether it ever did.
    async fn listen_once(&self, hub: &Hub) -> bool {
        let Ok(Ok((client, messages))) = timeout(self.patience, self.dial.dial()).await else { return false };
        let mut following = pin!(self.follow(messages, hub));
        let begin = format!(
            "LISTEN \"{}\"; SELECT pg_advisory_lock_shared({});",
            self.channel.name, self.channel.listeners
        );
        if !self.is_answered(following.as_mut(), &client, &begin).await {
            return false;
        }
        // Whatever was told before this moment was not heard.
        hub.hints.tell_all();
        loop {
            if let Either::Left(_) = select(following.as_mut(), pin!(sleep(BETWEEN_LOOKS))).await {
                return true;
            }
            if !self.is_answered(following.as_mut(), &client, "").await {
                return true;
            }
        }
    }

    async fn is_answered(
        &self,
        following: Pin<&mut (impl Future<Output = ()> + Send)>,
        client: &Client,
        sql: &str,
    ) -> bool {
        let answered = pin!(timeout(self.patience, client.batch_execute(sql)));
        matches!(select(following, answered).await, Either::Right((Ok(Ok(())), _)))
    }

    /// Hands on what comes, until the connection is lost.
    async fn follow(&self, mut messages: Messages, hub: &Hub) {
        while let Some(Ok(message)) = messages.next().await {
            let AsyncMessage::Notification(news) = message else { continue };
            let Some((handle, key)) = news.payload().split_once(' ') else { continue };
            if handle == self.channel.handle {
                continue;
            }
            match RecordKey::parse(key) {
                Ok(key) => hub.hints.tell(&key),
                Err(_) if key == EVERYTHING => hub.hints.tell_all(),
                // Anybody may notify.
                Err(_) => {}
            }
        }
    }
}

/// The lock that whoever listens for changes in a schema holds.
pub(crate) fn lock_of_listeners(schema: &Identifier) -> i64 {
    // FNV-1a: the same in every version and process. Another lock by chance costs notifications that nobody needs.
    let text = format!("grantry listening {}", schema.as_str());
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash.cast_signed()
}
