//! The calls: their SQL, their parameters, and what comes back.

use std::fmt;
use std::sync::Arc;

use grantry_core::StoreTime;
use grantry_vault::{
    Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, StoredRecord, VaultError,
};
use tokio::runtime::Handle;
use tokio_postgres::types::ToSql;

use crate::answer::{number_of, page, value};
use crate::hub::Hub;
use crate::identifier::Identifier;
use crate::link::{Does, Link, NoRows, Waiting};
use crate::reader::Reader;
use crate::reading::Latest;
use crate::writer::Writer;

/// A page stops at so many bytes of records, so that it fits into memory whatever its limit.
const MOST_BYTES_OF_A_PAGE: i64 = 8 * 1024 * 1024;

/// A text behind every key.
const BEHIND_ALL: &str = "\u{10ffff}";

/// The calls of one schema.
pub(crate) struct Store {
    link: Link,
    writer: Writer,
    reader: Reader,
    sql: Sql,
    hub: Arc<Hub>,
    latest: Latest,
}

#[derive(Debug, Clone)]
struct Sql {
    remove: Arc<str>,
    list: Arc<str>,
    list_all: Arc<str>,
    now: Arc<str>,
}

impl Store {
    pub(crate) fn new(link: Link, schema: &Identifier, hub: Arc<Hub>, runtime: Handle) -> Self {
        let latest = Latest::default();
        let writer = Writer::new(link.clone(), schema, Arc::clone(&hub), runtime.clone());
        let reader = Reader::new(link.clone(), schema, latest.clone(), runtime);
        let schema = schema.quoted();
        let sql = Sql {
            remove: format!("SELECT {schema}.remove($1, $2, $3, $4)").into(),
            list: format!(
                "SELECT o_read_at, o_is_behind, o_more, o_key, o_revision, o_sealed
                 FROM {schema}.list($1, $2, $3, $4, $5, $6, $7)"
            )
            .into(),
            list_all: format!(
                "SELECT o_read_at, o_is_behind, o_more, o_key, o_revision, o_sealed
                 FROM {schema}.list_all($1, $2, $3, $4, $5, $6)"
            )
            .into(),
            now: format!("SELECT o_read_at, o_is_behind FROM {schema}.now($1)").into(),
        };
        Self { link, writer, reader, sql, hub, latest }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    pub(crate) async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        self.reader.read(key.clone()).await
    }

    pub(crate) async fn store(
        &self,
        key: &RecordKey,
        record: SealedRecord,
        when: &Precondition,
    ) -> Result<Revision, VaultError> {
        let before = match when {
            Precondition::Absent => None,
            Precondition::Matches(revision) => Some(number_of(revision).ok_or(VaultError::Conflict)?),
        };
        self.writer.write(key.clone(), record, before).await
    }

    pub(crate) async fn remove(&self, key: &RecordKey, revision: &Revision) -> Result<(), VaultError> {
        let before = number_of(revision).ok_or(VaultError::Conflict)?;
        let (sql, key, hub) = (Arc::clone(&self.sql.remove), key.clone(), Arc::clone(&self.hub));
        let call = async move |link: Link, mut waiting: Waiting| {
            let parameters: [&(dyn ToSql + Sync); 4] =
                [&link.session.mark.as_str(), &key.tenant_part(), &key.as_str(), &before];
            let answered = link.rows(Does::Write, &mut waiting, &sql, &parameters).await;
            let done = answered.and_then(|rows| match rows.first().map(|row| value::<bool>(row, 0)) {
                Some(Ok(true)) => Ok(()),
                Some(Ok(false)) => Err(VaultError::Conflict),
                Some(Err(_)) | None => Err(VaultError::in_doubt("the answer makes no sense")),
            });
            hub.tell_after(&key, &done);
            done
        };
        self.link.in_a_task(Does::Write, call).await
    }

    pub(crate) async fn list(
        &self,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        let tenant = prefix.tenant_part().map(str::to_owned);
        let sql = Arc::clone(if tenant.is_some() { &self.sql.list } else { &self.sql.list_all });
        let first = prefix.as_str().to_owned();
        let end = prefix.end().unwrap_or_else(|| BEHIND_ALL.to_owned());
        let after = after.map_or_else(String::new, |after| after.as_str().to_owned());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX - 1).min(i64::MAX - 1);
        let latest = self.latest.clone();
        let call = async move |link: Link, mut waiting: Waiting| {
            let mark = link.session.mark.as_str();
            let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&mark];
            parameters.extend(tenant.iter().map(|tenant| tenant as &(dyn ToSql + Sync)));
            let bounds: [&(dyn ToSql + Sync); 5] = [&first, &after, &end, &limit, &MOST_BYTES_OF_A_PAGE];
            parameters.extend(bounds);
            let read = latest.reading(&link, None, &mut waiting, &sql, &parameters).await;
            let (rows, read_at) = read.map_err(NoRows::into_error)?;
            page(&rows, read_at)
        };
        self.link.in_a_task(Does::Read, call).await
    }

    pub(crate) async fn now(&self) -> Result<StoreTime, VaultError> {
        let (sql, latest) = (Arc::clone(&self.sql.now), self.latest.clone());
        let call = async move |link: Link, mut waiting: Waiting| {
            let parameters: [&(dyn ToSql + Sync); 1] = [&link.session.mark.as_str()];
            let read = latest.reading(&link, None, &mut waiting, &sql, &parameters).await;
            read.map(|(_, read_at)| read_at).map_err(NoRows::into_error)
        };
        self.link.in_a_task(Does::Read, call).await
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("link", &self.link)
            .field("writer", &self.writer)
            .field("reader", &self.reader)
            .finish_non_exhaustive()
    }
}
