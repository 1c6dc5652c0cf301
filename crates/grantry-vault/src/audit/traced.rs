//! Lines as events of `tracing`.

use async_trait::async_trait;

use super::{AuditError, AuditLine, AuditSink};

/// Emits each line as an event of `tracing`, target `grantry::audit`, level INFO: for those who collect logs anyway.
///
/// The field `grantry.audit.line` is the line's JSON, so that what a collector kept can be verified. It is not durable: nobody knows
/// what becomes of an event.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Traced;

impl Traced {
    /// The sink.
    pub const fn new() -> Self {
        Self
    }
}

#[async_trait]
impl AuditSink for Traced {
    fn is_durable(&self) -> bool {
        false
    }

    async fn append(&self, batch: &[AuditLine]) -> Result<(), AuditError> {
        for line in batch {
            // In braces: the macro does not take a name with a dot right after a target.
            tracing::info!(
                target: "grantry::audit",
                {
                    grantry.audit.writer = %line.writer(),
                    grantry.audit.seq = line.seq(),
                    grantry.audit.stage = line.stage(),
                    grantry.audit.line = line.to_json(),
                },
                "a line of the audit trail"
            );
        }
        Ok(())
    }
}
