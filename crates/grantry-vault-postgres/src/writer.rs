//! Compare-and-swaps on their way.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use deadpool_postgres::Object;
use grantry_vault::{RecordKey, Revision, SealedRecord, VaultError};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_postgres::types::ToSql;

use crate::answer::{revision_of, value};
use crate::hub::Hub;
use crate::identifier::Identifier;
use crate::lanes::{self, Lanes, Sends};
use crate::link::{Does, Link, NoRows, Waiting};
use crate::parameter::Sealed;
use crate::queue::{Most, Waits};

/// What goes together at most.
const TOGETHER: Most = Most { calls: 128, bytes: 4 * 1024 * 1024 };

/// A compare-and-swap.
pub(crate) struct Write {
    key: RecordKey,
    sealed: Bytes,
    /// The revision that the record has to have; `None` where there has to be none.
    before: Option<i64>,
    deadline: Instant,
    reply: oneshot::Sender<Result<Revision, VaultError>>,
}

/// Sends compare-and-swaps. Clones share what waits.
#[derive(Clone)]
pub(crate) struct Writer(Arc<Inner>);

struct Inner {
    lanes: Lanes<Write>,
    hub: Arc<Hub>,
    store: Box<str>,
    store_each: Box<str>,
}

impl Writer {
    pub(crate) fn new(link: Link, schema: &Identifier, hub: Arc<Hub>, runtime: Handle) -> Self {
        let schema = schema.quoted();
        Self(Arc::new(Inner {
            lanes: Lanes::new(link, runtime),
            hub,
            store: format!("SELECT {schema}.store($1, $2, $3, $4, $5)").into(),
            store_each: format!("SELECT {schema}.store_each($1, $2, $3, $4, $5)").into(),
        }))
    }

    /// Writes if the record has this revision, or is not there.
    pub(crate) async fn write(
        &self,
        key: RecordKey,
        sealed: SealedRecord,
        before: Option<i64>,
    ) -> Result<Revision, VaultError> {
        let (reply, answer) = oneshot::channel();
        let (sealed, deadline) = (sealed.into_bytes(), self.0.lanes.deadline());
        lanes::push(self, Write { key, sealed, before, deadline, reply });
        answer.await.unwrap_or_else(|_| Err(VaultError::in_doubt("the runtime ended before the answer came")))
    }

    async fn send_alone(&self, connection: Option<Object>, write: Write) {
        let Inner { lanes: Lanes { link, .. }, hub, store, .. } = &*self.0;
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
                    self.0.lanes.runtime.spawn(async move { writer.send_alone(None, write).await });
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
        let Inner { lanes: Lanes { link, .. }, store_each, .. } = &*self.0;
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

impl Sends for Writer {
    type Call = Write;

    fn lanes(&self) -> &Lanes<Write> {
        &self.0.lanes
    }

    fn together(&self) -> Option<Most> {
        self.0.lanes.link.session.writes_together().then_some(TOGETHER)
    }

    async fn send(&self, connection: Object, mut writes: Vec<Write>) {
        if writes.len() > 1 {
            return self.send_together(connection, writes).await;
        }
        if let Some(write) = writes.pop() {
            self.send_alone(Some(connection), write).await;
        }
    }
}

impl Waits for Write {
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn bytes(&self) -> usize {
        self.sealed.len()
    }

    fn give_up(self, error: VaultError) {
        let _ = self.reply.send(Err(error));
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("lanes", &self.0.lanes).finish_non_exhaustive()
    }
}

fn outcome(revision: Option<i64>) -> Result<Revision, VaultError> {
    revision.map_or(Err(VaultError::Conflict), revision_of)
}
