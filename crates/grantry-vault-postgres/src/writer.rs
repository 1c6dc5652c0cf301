//! Compare-and-swaps on their way: those that come while others are under way go together.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Object, Timeouts};
use grantry_vault::{RecordKey, Revision, SealedRecord, VaultError};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_postgres::types::ToSql;

use crate::answer::{revision_of, value};
use crate::failure;
use crate::hub::Hub;
use crate::identifier::Identifier;
use crate::link::{Does, Link, NoRows, Waiting};
use crate::parameter::Sealed;
use crate::queue::{Most, Queue, Seeking, Write};

/// So many calls with writes are under way before a further write waits for company: until one of them is answered. A
/// round trip, a transaction and a wait for the disk for each write would cost far more than that wait.
const LANES: usize = 4;

/// How long it waits at most, because these calls may be stuck. Then it takes a connection like everybody else.
const STUCK: Duration = Duration::from_millis(5);

/// When it is first looked whether a connection came back while another is being made; then after twice as long.
const LOOK: Duration = Duration::from_millis(20);

/// What goes together at most.
const TOGETHER: Most = Most { writes: 128, bytes: 4 * 1024 * 1024 };

/// Where the tables have no function for several writes.
const ALONE: Most = Most { writes: 1, bytes: 0 };

/// Sends compare-and-swaps. Clones share what waits.
#[derive(Clone)]
pub(crate) struct Writer(Arc<Inner>);

struct Inner {
    link: Link,
    hub: Arc<Hub>,
    store: Box<str>,
    store_each: Box<str>,
    queue: Arc<Queue>,
    lanes: Arc<Semaphore>,
    runtime: Handle,
}

impl Writer {
    pub(crate) fn new(link: Link, schema: &Identifier, hub: Arc<Hub>, runtime: Handle) -> Self {
        let schema = schema.quoted();
        Self(Arc::new(Inner {
            link,
            hub,
            store: format!("SELECT {schema}.store($1, $2, $3, $4, $5)").into(),
            store_each: format!("SELECT {schema}.store_each($1, $2, $3, $4, $5)").into(),
            queue: Arc::default(),
            lanes: Arc::new(Semaphore::new(LANES)),
            runtime,
        }))
    }

    /// Writes if the record has this revision, or is not there. Whoever drops the future only stops waiting: a write
    /// that has no connection yet is not sent then, and the others go on.
    pub(crate) async fn write(
        &self,
        key: RecordKey,
        sealed: SealedRecord,
        before: Option<i64>,
    ) -> Result<Revision, VaultError> {
        let (reply, answer) = oneshot::channel();
        let write = Write { key, sealed: sealed.into_bytes(), before, deadline: self.deadline(), reply };
        if let Some(seeking) = self.0.queue.push(write) {
            self.seek(seeking);
        }
        answer.await.unwrap_or_else(|_| Err(VaultError::in_doubt("the runtime ended before the answer came")))
    }

    fn deadline(&self) -> Instant {
        let patience = self.0.link.patience;
        // A timer is asked for the time, on the runtime that has one.
        let _in = self.0.runtime.enter();
        sleep(patience.pool.saturating_add(patience.connect)).deadline()
    }

    /// In a task of its own, which nobody drops.
    fn seek(&self, seeking: Seeking) {
        let writer = self.clone();
        self.0.runtime.spawn(async move {
            let is_together = writer.0.link.session.writes_together();
            // Nothing is to be won by waiting where each goes by itself.
            let lane = if is_together { writer.lane().await } else { None };
            let Some((seeking, connection)) = writer.connection(seeking).await else { return };
            let (writes, next) = seeking.take(if is_together { TOGETHER } else { ALONE });
            if let Some(next) = next {
                writer.seek(next);
            }
            writer.send(connection, writes).await;
            drop(lane);
        });
    }

    /// A permit, or none where those who have them do not move.
    async fn lane(&self) -> Option<OwnedSemaphorePermit> {
        let lanes = &self.0.lanes;
        if let Ok(lane) = Arc::clone(lanes).try_acquire_owned() {
            return Some(lane);
        }
        timeout(STUCK, Arc::clone(lanes).acquire_owned()).await.ok()?.ok()
    }

    /// A connection for what waits. Who has waited in vain for as long as he may is told so.
    async fn connection(&self, mut seeking: Seeking) -> Option<(Seeking, Object)> {
        loop {
            let mut taken = pin!(self.0.link.pool.get());
            let (goes_on, mut first, last) = seeking.go_on()?;
            seeking = goes_on;
            let mut look = LOOK;
            loop {
                match timeout_at(first, timeout(look, taken.as_mut())).await {
                    Ok(Ok(Ok(connection))) => return Some((seeking, connection)),
                    Ok(Ok(Err(error))) => {
                        seeking.give_up(last, &failure::of_pool(&error));
                        break;
                    }
                    // Making one may take long. One that came back meanwhile does as well.
                    Ok(Err(_)) => {
                        if let Some(connection) = self.idle().await {
                            return Some((seeking, connection));
                        }
                        look = look.saturating_mul(2);
                    }
                    Err(_) => seeking.give_up(first, &failure::all_taken()),
                }
                // What is being taken keeps its place, for those who came later.
                (seeking, first, _) = seeking.go_on()?;
            }
        }
    }

    /// A connection that nobody uses, if there is one, for somebody who is getting one himself.
    async fn idle(&self) -> Option<Object> {
        let Link { pool, patience, .. } = &self.0.link;
        // Whoever is getting one counts as a user: if these are no more than the connections, one is idle.
        if pool.status().waiting > 0 {
            return None;
        }
        let at_once = Some(Duration::ZERO);
        let timeouts = Timeouts { wait: at_once, create: at_once, recycle: Some(patience.connect) };
        pool.timeout_get(&timeouts).await.ok()
    }

    async fn send(&self, connection: Object, mut writes: Vec<Write>) {
        if writes.len() > 1 {
            return self.send_together(connection, writes).await;
        }
        if let Some(write) = writes.pop() {
            self.send_alone(Some(connection), write).await;
        }
    }

    async fn send_alone(&self, connection: Option<Object>, write: Write) {
        let Inner { link, hub, store, .. } = &*self.0;
        let Write { key, sealed, before, reply, .. } = write;
        let mut waiting = Waiting::new(reply);
        let sealed = Sealed(sealed);
        let parameters: [&(dyn ToSql + Sync); 5] =
            [&link.session.mark.as_str(), &key.tenant_part(), &key.as_str(), &sealed, &before];
        let answered = link.rows_from(connection, Does::Write, &mut waiting, store, &parameters).await;
        let done = answered.map_err(NoRows::into_error).and_then(|rows| {
            match rows.first().map(|row| value::<Option<i64>>(row, 0)) {
                Some(Ok(revision)) => outcome(revision),
                Some(Err(_)) | None => Err(VaultError::in_doubt("the answer makes no sense")),
            }
        });
        hub.tell_after(&key, &done);
        waiting.answer(done);
    }

    /// In one transaction. All of it is answered for, or nothing: what is lost on the way is in doubt for each.
    async fn send_together(&self, connection: Object, mut writes: Vec<Write>) {
        // The order in which the rows are locked, in every process. Of several for one key the first to come is first.
        writes.sort_by(|one, other| one.key.as_str().cmp(other.key.as_str()));
        match self.ask_together(connection, &writes).await {
            Ok(revisions) => {
                for (write, revision) in writes.into_iter().zip(revisions) {
                    self.answer(write, outcome(revision));
                }
            }
            // One of them may be what the server does not take, or who has to wait: each for itself.
            Err(NoRows::Undone(_)) => {
                for write in writes {
                    let writer = self.clone();
                    self.0.runtime.spawn(async move { writer.send_alone(None, write).await });
                }
            }
            Err(NoRows::Failed(error)) => {
                for write in writes {
                    self.answer(write, Err(error.clone()));
                }
            }
        }
    }

    /// For each the new revision, or `None` where its precondition did not hold.
    async fn ask_together(&self, connection: Object, writes: &[Write]) -> Result<Vec<Option<i64>>, NoRows> {
        let Inner { link, store_each, .. } = &*self.0;
        let tenants: Vec<_> = writes.iter().map(|write| write.key.tenant_part()).collect();
        let keys: Vec<_> = writes.iter().map(|write| write.key.as_str()).collect();
        let sealed: Vec<_> = writes.iter().map(|write| Sealed(write.sealed.clone())).collect();
        let before: Vec<_> = writes.iter().map(|write| write.before).collect();
        let parameters: [&(dyn ToSql + Sync); 5] =
            [&link.session.mark.as_str(), &tenants, &keys, &sealed, &before];
        // Whoever leaves now leaves the others' writes alone.
        let (waiting, _here) = oneshot::channel::<()>();
        let mut waiting = Waiting::new(waiting);
        let rows =
            link.rows_from(Some(connection), Does::Write, &mut waiting, store_each, &parameters).await?;
        match rows.first().map(|row| value::<Vec<Option<i64>>>(row, 0)) {
            Some(Ok(revisions)) if revisions.len() == writes.len() => Ok(revisions),
            _ => Err(NoRows::Failed(VaultError::in_doubt("the answer makes no sense"))),
        }
    }

    fn answer(&self, write: Write, done: Result<Revision, VaultError>) {
        self.0.hub.tell_after(&write.key, &done);
        let _ = write.reply.send(done);
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("queue", &self.0.queue).finish_non_exhaustive()
    }
}

fn outcome(revision: Option<i64>) -> Result<Revision, VaultError> {
    revision.map_or(Err(VaultError::Conflict), revision_of)
}
