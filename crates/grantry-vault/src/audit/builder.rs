//! What an audit log is built from.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Clock, Entropy};

use super::chain::Chain;
use super::recorder::{Recorder, Settings};
use super::{AuditError, AuditKey, AuditLog, AuditSink, WriterId};

/// Builds an [`AuditLog`]; begin with [`AuditLog::builder`].
#[derive(Debug)]
pub struct AuditLogBuilder {
    key: AuditKey,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    sinks: Vec<Arc<dyn AuditSink>>,
    settings: Settings,
}

impl AuditLogBuilder {
    pub(super) fn new(key: AuditKey, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        let settings = Settings {
            patience: Duration::from_secs(2),
            checkpoint_lines: 256,
            checkpoint_time: Duration::from_secs(60),
            capacity: 65_536,
        };
        Self { key, clock, entropy, sinks: Vec::new(), settings }
    }

    /// Adds a sink. There may be several; one of them has to be durable.
    #[must_use]
    pub fn sink(mut self, sink: impl AuditSink) -> Self {
        self.sinks.push(Arc::new(sink));
        self
    }

    /// How long an intent waits for a durable sink before it is refused; 2 seconds unless told otherwise.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.settings.patience = patience;
        self
    }

    /// A checkpoint follows after so many lines, 256 unless told otherwise, or so much time, 60 seconds. With each the
    /// key is exchanged, so these are the lines that a thief of the process's memory could still change.
    #[must_use]
    pub fn checkpoint_every(mut self, lines: u64, time: Duration) -> Self {
        self.settings.checkpoint_lines = lines;
        self.settings.checkpoint_time = time;
        self
    }

    /// How many lines may wait for a durable sink before intents are refused; 65,536 unless told otherwise. A line
    /// takes about 1 KiB of memory.
    #[must_use]
    pub fn capacity(mut self, lines: usize) -> Self {
        self.settings.capacity = lines;
        self
    }

    /// Makes the log, a new writer. No file is touched yet, and no task started. The root key is zeroized.
    ///
    /// # Errors
    /// [`AuditError::Configuration`], with what to change.
    pub fn build(self) -> Result<AuditLog, AuditError> {
        if !self.sinks.iter().any(|sink| sink.is_durable()) {
            return Err(AuditError::configuration(
                "an audit log needs a durable sink: add `JsonLines::new(folder)` or the vault's own store",
            ));
        }
        let Settings { patience, checkpoint_lines, checkpoint_time, capacity } = &self.settings;
        if patience.is_zero() || *checkpoint_lines == 0 || checkpoint_time.is_zero() || *capacity == 0 {
            return Err(AuditError::configuration(
                "an audit log's patience, capacity and distance of checkpoints have to be more than zero",
            ));
        }
        let chain = Chain::new(&self.key, WriterId::generate(&self.entropy))?;
        let fingerprint_key = self.key.fingerprint_key()?;
        let Self { clock, sinks, settings, .. } = self;
        Ok(AuditLog::start(chain, fingerprint_key, |chain| Recorder::new(chain, clock, sinks, settings)))
    }
}
