//! Hints of changes: of our own writes at once, of others' by a subscription that is begun when somebody waits.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use grantry_vault::{ChangeHint, ChangeHints, RecordKey, Watch};
use redis::aio::{PubSub, PubSubSink};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::link::Target;
use crate::names::Names;
use crate::stream::Counted;

/// How long it rests before it connects again, at first and at most.
const REST: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// How often it makes sure that the server is still there: a lost connection need not tell.
const PULSE: Duration = Duration::from_secs(30);

/// Hands hints on, and follows the channels of those tenants whose records somebody waits for.
pub(crate) struct Changes {
    following: Arc<Following>,
    task: Mutex<Option<AbortHandle>>,
}

struct Following {
    hints: ChangeHints,
    target: Arc<Target>,
    names: Names,
    state: Mutex<State>,
    wanted: Notify,
}

#[derive(Default)]
struct State {
    is_connected: bool,
    is_closed: bool,
    /// The tenants whose channels are wanted, and those that the server has confirmed on this connection.
    wanted: HashSet<String>,
    followed: HashSet<String>,
    /// What was registered before its tenant was followed: it may have missed something.
    early: HashSet<RecordKey>,
}

impl Changes {
    pub(crate) fn new(target: Arc<Target>, names: Names) -> Self {
        let following = Following {
            hints: ChangeHints::default(),
            target,
            names,
            state: Mutex::default(),
            wanted: Notify::new(),
        };
        Self { following: Arc::new(following), task: Mutex::new(None) }
    }

    /// The record may have changed.
    pub(crate) fn tell(&self, key: &RecordKey) {
        self.following.hints.tell(key);
    }

    /// Ends the subscription; whoever waits is told.
    pub(crate) fn close(&self) {
        self.following.state().is_closed = true;
        self.abort();
        self.following.hints.tell_all();
    }

    fn abort(&self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }

    /// Starts the subscriber where there is none, or where its runtime has gone with it.
    fn start(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        // Without a runtime there are the hints of our own writes.
        if let Ok(runtime) = Handle::try_current() {
            self.following.disconnected();
            *task = Some(runtime.spawn(follow(Arc::clone(&self.following))).abort_handle());
        }
    }
}

impl Watch for Changes {
    fn next_change(&self, key: &RecordKey) -> ChangeHint {
        let hint = self.following.hints.next_change(key);
        if self.following.wants(key) {
            self.start();
            self.following.wanted.notify_one();
        }
        hint
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.abort();
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").field("target", &self.following.target).finish_non_exhaustive()
    }
}

impl Following {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what somebody waits for; returns whether the subscriber has to be told.
    fn wants(&self, key: &RecordKey) -> bool {
        let mut state = self.state();
        if state.is_closed || state.followed.contains(key.tenant_part()) {
            return false;
        }
        if state.is_connected {
            state.early.insert(key.clone());
        }
        state.wanted.insert(key.tenant_part().to_owned());
        true
    }

    fn disconnected(&self) {
        let mut state = self.state();
        state.is_connected = false;
        state.followed.clear();
        // Whoever waits is told when there is a connection again.
        state.early.clear();
    }

    /// Subscribes to the channels that are wanted and not yet followed.
    async fn subscribe(&self, sink: &mut PubSubSink) -> Option<()> {
        let new: Vec<String> = {
            let state = self.state();
            state.wanted.difference(&state.followed).cloned().collect()
        };
        if new.is_empty() {
            return Some(());
        }
        let channels: Vec<String> = new.iter().map(|tenant| self.names.channel(tenant)).collect();
        if !self.is_confirmed(sink, &channels).await? {
            // One that the ACL denies must not keep the others out. It is not asked for again on this connection.
            for channel in &channels {
                self.is_confirmed(sink, std::slice::from_ref(channel)).await?;
            }
        }
        let early: HashSet<RecordKey> = {
            let mut state = self.state();
            state.followed.extend(new);
            let State { early, followed, .. } = &mut *state;
            early.extract_if(|key| followed.contains(key.tenant_part())).collect()
        };
        early.iter().for_each(|key| self.hints.tell(key));
        Some(())
    }

    /// Subscribes; `None` where the connection is of no use any more, and false where the server denies it.
    async fn is_confirmed(&self, sink: &mut PubSubSink, channels: &[String]) -> Option<bool> {
        match timeout(self.target.command_patience, sink.subscribe(channels)).await {
            Ok(Ok(())) => Some(true),
            Ok(Err(error)) => error.into_server_errors().map(|_| false),
            Err(_) => None,
        }
    }

    /// Follows until the connection is lost; returns whether there was one.
    async fn follow_once(&self) -> bool {
        let connected = timeout(self.target.connect_patience, async {
            let (stream, _) = Counted::open(&self.target.address.place).await.ok()?;
            PubSub::new(&self.target.address.login, stream).await.ok()
        });
        let Ok(Some(connection)) = connected.await else { return false };
        let (mut sink, mut messages) = connection.split();
        self.state().is_connected = true;
        if self.subscribe(&mut sink).await.is_none() {
            return false;
        }
        self.hints.tell_all();
        loop {
            tokio::select! {
                message = messages.next() => {
                    let Some(message) = message else { return true };
                    let key = std::str::from_utf8(message.get_payload_bytes()).ok();
                    if let Some(key) = key.and_then(|text| RecordKey::parse(text).ok()) {
                        self.hints.tell(&key);
                    }
                }
                () = self.wanted.notified() => {
                    if self.subscribe(&mut sink).await.is_none() {
                        return true;
                    }
                }
                () = sleep(PULSE) => {
                    // Subscribing once more changes nothing, and has to be confirmed.
                    let any = self.state().followed.iter().next().map(|tenant| self.names.channel(tenant));
                    let Some(channel) = any else { continue };
                    if self.is_confirmed(&mut sink, &[channel]).await.is_none() {
                        return true;
                    }
                }
            }
        }
    }
}

async fn follow(following: Arc<Following>) {
    let mut rest = REST.0;
    loop {
        rest = if following.follow_once().await { REST.0 } else { (rest * 2).min(REST.1) };
        following.disconnected();
        tracing::debug!(grantry.again_in_ms = rest.as_millis(), "not subscribed to changes in Redis");
        sleep(rest).await;
    }
}
