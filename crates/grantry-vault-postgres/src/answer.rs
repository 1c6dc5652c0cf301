//! What stands in a row that the server answered with.

use bytes::Bytes;
use grantry_core::StoreTime;
use grantry_vault::{Page, RecordKey, Revision, SealedRecord, StoredRecord, VaultError};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

pub(crate) fn page(rows: &[Row], read_at: StoreTime) -> Result<Page, VaultError> {
    let mut page = Page::default();
    for row in rows {
        let Some(key) = value::<Option<&str>>(row, 3)? else {
            page.more = value::<bool>(row, 2)?;
            return Ok(page);
        };
        let key = RecordKey::parse(key);
        let key = key.map_err(|_| VaultError::damaged("a key in the table is no key of a record"))?;
        let revision = revision_of(value(row, 4)?)?;
        page.records.push((key, StoredRecord { sealed: sealed(row, 5)?, revision, read_at }));
    }
    Err(strange())
}

pub(crate) fn value<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, VaultError> {
    row.try_get(column).map_err(|_| strange())
}

pub(crate) fn sealed(row: &Row, column: usize) -> Result<SealedRecord, VaultError> {
    value::<&[u8]>(row, column).map(|bytes| SealedRecord::new(Bytes::copy_from_slice(bytes)))
}

pub(crate) fn revision_of(number: i64) -> Result<Revision, VaultError> {
    u64::try_from(number)
        .map(Revision::number)
        .map_err(|_| VaultError::damaged("a revision in the table is negative"))
}

/// The number that the store knows it by, if it may be one of the store's.
pub(crate) fn number_of(revision: &Revision) -> Option<i64> {
    revision.as_number().and_then(|number| i64::try_from(number).ok())
}

pub(crate) fn strange() -> VaultError {
    VaultError::damaged("the functions in the database do not answer as they should")
}
