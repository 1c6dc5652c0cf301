//! The audit log of one process.

use std::sync::Arc;

use grantry_core::{Clock, Entropy, ErrorKind};

use super::chain::Chain;
use super::key::FingerprintKey;
use super::line::Content;
use super::recorder::Recorder;
use super::{
    AttemptId, AuditError, AuditHealth, AuditKey, AuditLogBuilder, Checkpoint, CheckpointKey, Fingerprint,
    Intent, Outcome, WriterId,
};

/// Records who does what with credentials, before and after it happens. Clones are the same log.
///
/// [`intent`](AuditLog::intent) before a secret is released: an error means that it must not be.
/// [`outcome`](AuditLog::outcome) after: it cannot fail, for by then the world has changed.
///
/// Lines are added to the chain at once, under a lock that is held for microseconds. A task for each sink carries them
/// there, all that wait in one batch; so any number of intents share one write and one sync. The tasks start on the
/// runtime of the caller, which needs tokio's timers, and end when nothing waits.
///
/// What still waits when the last clone is dropped is carried as long as the runtime lives;
/// [`close`](AuditLog::close) waits for it.
///
/// ```
/// use std::sync::Arc;
///
/// use grantry_core::{SystemClock, SystemEntropy};
/// use grantry_vault::audit::{AuditKey, AuditLog, Intent, MemorySink, Outcome, Verifier};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), grantry_vault::audit::AuditError> {
/// let key = AuditKey::generate(&SystemEntropy);
/// let verifier = Verifier::new(AuditKey::from_slice(key.expose()).unwrap());
/// let sink = Arc::new(MemorySink::as_if_durable());
/// let log = AuditLog::builder(key, Arc::new(SystemClock::new()), Arc::new(SystemEntropy))
///     .sink(Arc::clone(&sink))
///     .build()?;
///
/// let attempt = log.intent(Intent::new("workload:billing", "token.use").allowed("role_binding")).await?;
/// // Here the secret is used.
/// log.outcome(attempt, Outcome::ok());
/// log.close().await?;
///
/// let report = verifier.verify(&sink.lines());
/// assert!(report.is_intact() && report.orphans().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct AuditLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    recorder: Arc<Recorder>,
    writer: WriterId,
    checkpoint_key: CheckpointKey,
    fingerprint_key: FingerprintKey,
}

/// An intent that nobody may go by yet.
struct Waiting<'a> {
    log: &'a AuditLog,
    attempt: Option<AttemptId>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(attempt) = self.attempt.take() {
            self.log.outcome(attempt, Outcome::failed(ErrorKind::Interrupted.as_str()));
        }
    }
}

impl AuditLog {
    /// A log of its own chain: under a key, with a clock and randomness. It needs a durable sink as well.
    pub fn builder(key: AuditKey, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> AuditLogBuilder {
        AuditLogBuilder::new(key, clock, entropy)
    }

    pub(super) fn start(
        chain: Chain,
        fingerprint_key: FingerprintKey,
        recorder: impl FnOnce(Chain) -> Recorder,
    ) -> Self {
        let (writer, checkpoint_key) = (chain.writer(), chain.checkpoint_key().clone());
        let recorder = Arc::new(recorder(chain));
        Self(Arc::new(Inner { recorder, writer, checkpoint_key, fingerprint_key }))
    }

    /// Records that something is about to be done, or was denied. `Ok` only once a durable sink has it.
    ///
    /// What is allowed needs an [`outcome`](AuditLog::outcome) later; what is denied does not.
    ///
    /// Cancel-safe: an intent whose future is dropped may be in the log, and has ended there with `failed`, `interrupted`: nothing was
    /// done yet.
    ///
    /// # Errors
    /// Then nothing may be released. [`AuditError::Unavailable`] when no durable sink took it within the patience: the
    /// log then says that it failed, `audit_unavailable`. [`AuditError::Full`] while too much waits,
    /// [`AuditError::Closed`] after [`close`](AuditLog::close).
    pub async fn intent(&self, intent: Intent) -> Result<AttemptId, AuditError> {
        let allowed = intent.is_allowed();
        let attempt = self.0.recorder.intent(intent)?;
        let mut waiting = Waiting { log: self, attempt: allowed.then_some(attempt) };
        let durable = self.0.recorder.durable(attempt.seq() + 1).await;
        let waited_for = waiting.attempt.take();
        match durable {
            Ok(()) => Ok(attempt),
            Err(error) => {
                if waited_for.is_some() {
                    self.outcome(attempt, Outcome::failed("audit_unavailable"));
                }
                Err(error)
            }
        }
    }

    /// Records how an attempt ended. It neither fails nor waits: the line is written with the next batch, and tried
    /// again until a durable sink has it.
    ///
    /// It may be told by another process than the one whose intent it was, and after [`close`](AuditLog::close) too.
    /// Outside of a runtime it waits for a call that has one.
    pub fn outcome(&self, attempt: AttemptId, outcome: Outcome) {
        self.0.recorder.outcome(Content::Outcome { attempt, outcome });
    }

    /// Tells a number that the checkpoints carry from now on, such as how many records the vault holds. There is room
    /// for 64 names.
    ///
    /// # Errors
    /// [`AuditError::Configuration`] for one name too many.
    pub fn count(&self, name: &'static str, number: u64) -> Result<(), AuditError> {
        self.0.recorder.count(name, number)
    }

    /// Waits until a durable sink has every line so far, and gives the other sinks the rest of the patience.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    /// [`AuditError::Unavailable`] when none has them in time; they are tried again all the same.
    pub async fn flush(&self) -> Result<(), AuditError> {
        self.0.recorder.flushed().await
    }

    /// Refuses intents from now on, writes the last checkpoint, and waits as [`flush`](AuditLog::flush) does.
    ///
    /// Cancel-safe, and may be called again.
    ///
    /// # Errors
    /// As [`flush`](AuditLog::flush).
    pub async fn close(&self) -> Result<(), AuditError> {
        self.0.recorder.close()?;
        self.flush().await
    }

    /// How it is doing.
    pub fn health(&self) -> AuditHealth {
        self.0.recorder.health()
    }

    /// The fingerprint of a token, for [`Intent::fingerprint`]: the same in every process with the same key.
    pub fn fingerprint(&self, token: &[u8]) -> Fingerprint {
        self.0.fingerprint_key.fingerprint(token)
    }

    /// Which writer this log is.
    pub fn writer(&self) -> WriterId {
        self.0.writer
    }

    /// The public key of this log's checkpoints, for those who verify without the root key.
    pub fn checkpoint_key(&self) -> &CheckpointKey {
        &self.0.checkpoint_key
    }

    /// The newest checkpoint, to be kept elsewhere. It may not be in the sinks yet.
    pub fn last_checkpoint(&self) -> Option<Checkpoint> {
        self.0.recorder.last_checkpoint()
    }
}
