//! Records that are read: those that are asked for while others are on their way come together.

use std::fmt;
use std::sync::Arc;

use deadpool_postgres::Object;
use grantry_core::StoreTime;
use grantry_vault::{RecordKey, StoredRecord, VaultError};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::answer::{revision_of, sealed, strange, value};
use crate::identifier::Identifier;
use crate::lanes::{self, Lanes, Sends};
use crate::link::{Link, NoRows, Waiting};
use crate::queue::{Most, Waits};
use crate::reading::Latest;

/// What is asked for at once at most.
const TOGETHER: Most = Most { calls: 64, bytes: 64 * 1024 };

/// At so many bytes of records an answer stops; what is left is read by itself.
const MOST_BYTES: i64 = 1024 * 1024;

/// A record that somebody wants.
pub(crate) struct Read {
    key: RecordKey,
    deadline: Instant,
    reply: oneshot::Sender<Found>,
}

type Found = Result<Option<StoredRecord>, VaultError>;

/// Reads records. Clones share what waits.
#[derive(Clone)]
pub(crate) struct Reader(Arc<Inner>);

struct Inner {
    lanes: Lanes<Read>,
    load: Box<str>,
    load_each: Box<str>,
    latest: Latest,
}

impl Reader {
    pub(crate) fn new(link: Link, schema: &Identifier, latest: Latest, runtime: Handle) -> Self {
        let schema = schema.quoted();
        Self(Arc::new(Inner {
            lanes: Lanes::new(link, runtime),
            load: format!("SELECT o_read_at, o_is_behind, o_revision, o_sealed FROM {schema}.load($1, $2, $3)")
                .into(),
            load_each: format!(
                "SELECT o_read_at, o_is_behind, o_revision, o_sealed, o_nth FROM {schema}.load_each($1, $2, $3, $4)"
            )
            .into(),
            latest,
        }))
    }

    /// The record, if there is one.
    pub(crate) async fn read(&self, key: RecordKey) -> Found {
        let (reply, answer) = oneshot::channel();
        lanes::push(self, Read { key, deadline: self.0.lanes.deadline(), reply });
        let ended = |_| Err(VaultError::unavailable("the runtime ended before the answer came"));
        answer.await.unwrap_or_else(ended)
    }

    async fn read_alone(&self, connection: Option<Object>, read: Read) {
        let Inner { lanes: Lanes { link, .. }, load, latest, .. } = &*self.0;
        let Read { key, reply, .. } = read;
        let mut waiting = Waiting::new(reply);
        let parameters: [&(dyn ToSql + Sync); 3] =
            [&link.session.mark.as_str(), &key.tenant_part(), &key.as_str()];
        let answered = latest.reading(link, connection, &mut waiting, load, &parameters).await;
        let found = answered.map_err(NoRows::into_error).and_then(|(rows, read_at)| {
            let row = rows.first().ok_or_else(strange)?;
            record(row, read_at)
        });
        waiting.answer(found);
    }

    async fn read_together(&self, connection: Object, mut reads: Vec<Read>) {
        // Those of one tenant behind each other, so that the tenant is named once.
        reads.sort_by(|one, other| one.key.as_str().cmp(other.key.as_str()));
        match self.ask_together(connection, &reads).await {
            Ok((rows, read_at)) => {
                let mut rows = rows.iter();
                for read in reads {
                    match rows.next() {
                        Some(row) => drop(read.reply.send(record(row, read_at))),
                        None => self.each(read),
                    }
                }
            }
            // One of them may be what the server does not take: each for itself.
            Err(NoRows::Undone(_)) => reads.into_iter().for_each(|read| self.each(read)),
            Err(NoRows::Failed(error)) => reads.into_iter().for_each(|read| read.give_up(error.clone())),
        }
    }

    fn each(&self, read: Read) {
        let reader = self.clone();
        self.0.lanes.runtime.spawn(async move { reader.read_alone(None, read).await });
    }

    /// A row for each from the first on, as far as the answer goes.
    async fn ask_together(
        &self,
        connection: Object,
        reads: &[Read],
    ) -> Result<(Vec<Row>, StoreTime), NoRows> {
        let Inner { lanes: Lanes { link, .. }, load_each, latest, .. } = &*self.0;
        let tenants: Vec<_> = reads.iter().map(|read| read.key.tenant_part()).collect();
        let keys: Vec<_> = reads.iter().map(|read| read.key.as_str()).collect();
        let parameters: [&(dyn ToSql + Sync); 4] =
            [&link.session.mark.as_str(), &tenants, &keys, &MOST_BYTES];
        // Whoever leaves now leaves the others to their answers.
        let (waiting, _here) = oneshot::channel::<()>();
        let mut waiting = Waiting::new(waiting);
        let (rows, read_at) =
            latest.reading(link, Some(connection), &mut waiting, load_each, &parameters).await?;
        let in_order =
            rows.iter().zip(1..).all(|(row, nth)| matches!(value::<i32>(row, 4), Ok(is) if is == nth));
        if !in_order || rows.len() > reads.len() {
            return Err(NoRows::Failed(strange()));
        }
        Ok((rows, read_at))
    }
}

fn record(row: &Row, read_at: StoreTime) -> Found {
    let Some(revision) = value::<Option<i64>>(row, 2)? else { return Ok(None) };
    Ok(Some(StoredRecord { sealed: sealed(row, 3)?, revision: revision_of(revision)?, read_at }))
}

impl Sends for Reader {
    type Call = Read;

    fn lanes(&self) -> &Lanes<Read> {
        &self.0.lanes
    }

    fn together(&self) -> Option<Most> {
        self.0.lanes.link.session.reads_together().then_some(TOGETHER)
    }

    async fn send(&self, connection: Object, mut reads: Vec<Read>) {
        if reads.len() > 1 {
            return self.read_together(connection, reads).await;
        }
        if let Some(read) = reads.pop() {
            self.read_alone(Some(connection), read).await;
        }
    }
}

impl Waits for Read {
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn bytes(&self) -> usize {
        self.key.as_str().len()
    }

    fn give_up(self, error: VaultError) {
        let _ = self.reply.send(Err(error));
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("lanes", &self.0.lanes).finish_non_exhaustive()
    }
}
