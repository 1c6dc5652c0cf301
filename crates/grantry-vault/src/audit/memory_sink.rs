//! Lines kept in memory.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{AuditError, AuditLine, AuditSink};

/// Keeps lines in the memory of this process: for tests, and beside a vault that is in memory itself.
pub struct MemorySink {
    durable: bool,
    lines: Mutex<Vec<AuditLine>>,
}

impl MemorySink {
    /// A sink that says what it is: not durable.
    pub fn new() -> Self {
        Self { durable: false, lines: Mutex::default() }
    }

    /// A sink that claims to be durable, so that a log can do with it alone. Its lines are gone with the process, as are
    /// the credentials of a vault in memory.
    pub fn as_if_durable() -> Self {
        Self { durable: true, lines: Mutex::default() }
    }

    /// What was appended so far.
    pub fn lines(&self) -> Vec<AuditLine> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Default for MemorySink {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemorySink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySink").field("durable", &self.durable).finish_non_exhaustive()
    }
}

#[async_trait]
impl AuditSink for MemorySink {
    fn is_durable(&self) -> bool {
        self.durable
    }

    async fn append(&self, batch: &[AuditLine]) -> Result<(), AuditError> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(batch);
        Ok(())
    }
}
