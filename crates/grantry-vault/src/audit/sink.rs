//! Where lines go.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{AuditError, AuditLine};

/// Takes the lines of an audit log: a folder, a store, a stream to somewhere else.
///
/// Each writer calls its sinks one batch at a time, in order, and each sink at its own pace. A sink that cannot keep
/// up holds nobody back as long as another durable one does.
///
/// # What a sink promises
///
/// * **Durable means durable**: where [`is_durable`](AuditSink::is_durable) is true, `append` returns `Ok` only when
///   the whole batch outlives a power failure of this machine.
/// * **Order**: the lines of a batch are kept in order, and after those of the batches before it.
/// * **Nothing is changed or left out**: what is read back has the same [`to_json`](AuditLine::to_json).
/// * **Silent**: lines hold no secret, but names of tenants and accounts; errors hold neither.
///
/// After an error, and after an answer that was lost, nobody knows how much was written: **the same lines come again**,
/// perhaps with more after them. They may be kept twice; a store that names lines by writer and number simply
/// overwrites each with the same. [`Verifier`](super::Verifier) accepts an exact repetition.
///
/// # Cancel-safety and concurrency
///
/// An `append` that takes longer than ten seconds is dropped and counts as failed. What it had begun may still end,
/// but must not write once a later `append` has begun to. Batches of one writer never overlap otherwise; those of several
/// writers do, where they share a sink. All lines of a batch are of one writer.
///
/// # Example
///
/// Checkpoints alone, kept apart from the log; they betray it when it is cut:
///
/// ```
/// use std::sync::Mutex;
///
/// use async_trait::async_trait;
/// use grantry_vault::audit::{AuditError, AuditLine, AuditSink, Checkpoint};
///
/// #[derive(Debug, Default)]
/// struct Kept(Mutex<Vec<Checkpoint>>);
///
/// #[async_trait]
/// impl AuditSink for Kept {
///     fn is_durable(&self) -> bool {
///         false
///     }
///     async fn append(&self, batch: &[AuditLine]) -> Result<(), AuditError> {
///         let mut kept = self.0.lock().map_err(|_| AuditError::unavailable("a thread panicked"))?;
///         kept.extend(batch.iter().filter_map(AuditLine::checkpoint));
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait AuditSink: fmt::Debug + Send + Sync + 'static {
    /// Whether what was appended outlives a power failure. An intent needs one such sink.
    fn is_durable(&self) -> bool;

    /// Appends a batch, which is never empty.
    ///
    /// # Errors
    /// When any of it may be missing; it comes again.
    async fn append(&self, batch: &[AuditLine]) -> Result<(), AuditError>;
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<S: AuditSink + ?Sized> AuditSink for $pointer<S> {
            fn is_durable(&self) -> bool {
                (**self).is_durable()
            }
            async fn append(&self, batch: &[AuditLine]) -> Result<(), AuditError> {
                (**self).append(batch).await
            }
        }
    )*};
}
forward!(Arc, Box);
