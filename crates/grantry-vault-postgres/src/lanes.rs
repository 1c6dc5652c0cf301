//! Calls on their way: those that come while others are under way go together.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Object;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::failure;
use crate::link::Link;
use crate::queue::{Most, Queue, Seeking, Waits};

/// So many calls of a kind are under way before a further one waits for company: until one of them is answered. A round
/// trip, a transaction and a wait for the disk for each would cost far more than that wait.
const LANES: usize = 2;

/// How long it waits at most, because these calls may be stuck. Then it takes a connection like everybody else.
const STUCK: Duration = Duration::from_millis(5);

/// Where the tables have no function for several calls.
const ALONE: Most = Most { calls: 1, bytes: 0 };

/// Sends calls of one kind.
pub(crate) trait Sends: Clone + Send + Sync + 'static {
    type Call: Waits;

    fn lanes(&self) -> &Lanes<Self::Call>;

    /// How many go together; `None` where each goes by itself.
    fn together(&self) -> Option<Most>;

    /// Sends them, and answers each.
    fn send(&self, connection: Object, calls: Vec<Self::Call>) -> impl Future<Output = ()> + Send;
}

/// What waits, and how it gets its connection.
pub(crate) struct Lanes<C> {
    pub(crate) link: Link,
    pub(crate) runtime: Handle,
    queue: Arc<Queue<C>>,
    lanes: Arc<Semaphore>,
}

impl<C: Waits> Lanes<C> {
    pub(crate) fn new(link: Link, runtime: Handle) -> Self {
        Self { link, runtime, queue: Arc::default(), lanes: Arc::new(Semaphore::new(LANES)) }
    }

    /// Until when a call that is made now waits for a connection.
    pub(crate) fn deadline(&self) -> Instant {
        let patience = self.link.patience;
        // A timer is asked for the time, on the runtime that has one.
        let _in = self.runtime.enter();
        sleep(patience.pool.saturating_add(patience.connect)).deadline()
    }

    /// A permit, or none where those who have them do not move.
    async fn lane(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(lane) = Arc::clone(&self.lanes).try_acquire_owned() {
            return Some(lane);
        }
        timeout(STUCK, Arc::clone(&self.lanes).acquire_owned()).await.ok()?.ok()
    }

    /// A connection for what waits. Who has waited in vain for as long as he may is told so.
    async fn connection(&self, mut seeking: Seeking<C>) -> Option<(Seeking<C>, Object)> {
        loop {
            let mut taken = pin!(self.link.take());
            let (goes_on, mut first, last) = seeking.go_on()?;
            seeking = goes_on;
            loop {
                match timeout_at(first, taken.as_mut()).await {
                    Ok(Ok(connection)) => return Some((seeking, connection)),
                    Ok(Err(error)) => {
                        seeking.give_up(last, &failure::of_pool(&error));
                        break;
                    }
                    Err(_) => seeking.give_up(first, &failure::all_taken()),
                }
                // What is being taken keeps its place, for those who came later.
                (seeking, first, _) = seeking.go_on()?;
            }
        }
    }
}

/// Sends a call as soon as there is a connection for it. Whoever drops what waits for the answer only stops waiting: a call
/// that has no connection yet is not sent then, and the others go on.
pub(crate) fn push<S: Sends>(sender: &S, call: S::Call) {
    if let Some(seeking) = sender.lanes().queue.push(call) {
        seek(sender, seeking);
    }
}

/// In a task of its own, which nobody drops.
fn seek<S: Sends>(sender: &S, seeking: Seeking<S::Call>) {
    let sender = sender.clone();
    sender.lanes().runtime.clone().spawn(async move {
        let together = sender.together();
        // Nothing is to be won by waiting where each goes by itself.
        let lane = if together.is_some() { sender.lanes().lane().await } else { None };
        let Some((seeking, connection)) = sender.lanes().connection(seeking).await else { return };
        let (calls, next) = seeking.take(together.unwrap_or(ALONE));
        if let Some(next) = next {
            seek(&sender, next);
        }
        sender.send(connection, calls).await;
        drop(lane);
    });
}

impl<C> fmt::Debug for Lanes<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes").field("queue", &self.queue).finish_non_exhaustive()
    }
}
