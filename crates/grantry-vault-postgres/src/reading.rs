//! Readings: the store's clock, and what was read with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::Object;
use grantry_core::StoreTime;
use grantry_vault::VaultError;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::answer::{strange, value};
use crate::link::{Does, Link, NoRows, Waiting};

/// How often a reading whose clock was behind is made again, and how long it waits before.
const PAUSES_MS: [u64; 6] = [0, 0, 5, 20, 100, 300];

/// The latest reading of a handle, in nanoseconds. It holds also where a standby took over that lacked the last commits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latest(Arc<AtomicU64>);

impl Latest {
    /// The rows of a reading, and when it was. Where the store's clock was behind, it is moved on by asking again.
    pub(crate) async fn reading<T>(
        &self,
        link: &Link,
        mut first: Option<Object>,
        waiting: &mut Waiting<T>,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<(Vec<Row>, StoreTime), NoRows> {
        for pause in PAUSES_MS {
            if pause > 0 {
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            let rows = link.rows_from(first.take(), Does::Read, waiting, sql, parameters).await?;
            if let Some(read_at) = self.read_at(&rows).map_err(NoRows::Failed)? {
                return Ok((rows, read_at));
            }
        }
        Err(NoRows::Failed(VaultError::unavailable(
            "its clock cannot be moved on: a write that has to come first does not end",
        )))
    }

    /// When the rows were read; `None` where the clock was behind.
    fn read_at(&self, rows: &[Row]) -> Result<Option<StoreTime>, VaultError> {
        let Some(row) = rows.first() else { return Err(strange()) };
        if value::<bool>(row, 1)? {
            return Ok(None);
        }
        let micros = u64::try_from(value::<i64>(row, 0)?).map_err(|_| strange())?;
        let nanos = micros.saturating_mul(1_000);
        let before = self.0.fetch_max(nanos, Ordering::AcqRel);
        Ok(Some(StoreTime::from_nanos(nanos.max(before))))
    }
}
