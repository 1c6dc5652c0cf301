//! Why the audit log did not do what it was asked.

use std::borrow::Cow;

/// Why an intent is not recorded, a batch not written, a log not built or a line not read.
///
/// After an error from [`AuditLog::intent`](super::AuditLog::intent) the caller must not release the secret. The texts
/// are facts that we or a sink chose; they hold nothing of an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// No durable sink took the lines in time; it is tried again without anybody changing anything.
    #[error("the audit log cannot be written in time: {0}")]
    Unavailable(Cow<'static, str>),
    /// Too many lines wait for a durable sink; room comes when it takes them.
    #[error("too many audit lines wait to be written, so no new access is granted")]
    Full,
    /// The log was closed: this process is shutting down.
    #[error("the audit log is closed")]
    Closed,
    /// A text that is no line of an audit log.
    #[error("this is no line of an audit log: {0}")]
    Unreadable(Cow<'static, str>),
    /// A mistake in what was configured; the text says what to change.
    #[error("{0}")]
    Configuration(Cow<'static, str>),
}

impl AuditError {
    /// See [`AuditError::Unavailable`].
    pub fn unavailable(fact: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable(fact.into())
    }

    /// See [`AuditError::Unreadable`].
    pub(crate) fn unreadable(fact: impl Into<Cow<'static, str>>) -> Self {
        Self::Unreadable(fact.into())
    }

    /// See [`AuditError::Configuration`].
    pub fn configuration(fact: impl Into<Cow<'static, str>>) -> Self {
        Self::Configuration(fact.into())
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Full)
    }
}
