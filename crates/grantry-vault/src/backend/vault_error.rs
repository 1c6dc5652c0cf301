//! What a backend can answer instead of what was asked for.

use std::borrow::Cow;

/// Why a backend did not do what it was asked, sorted by what the caller may conclude.
///
/// The texts are facts that the backend chose, one sentence without a full stop, with what to do where somebody
/// can do something. They hold no record's bytes, no password and no connection string.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The precondition does not hold: somebody else wrote in between. Nothing was written; read again.
    #[error("the record is not as the precondition says")]
    Conflict,
    /// The store cannot be reached or is too busy. Nothing was written; try again later.
    #[error("the store is unavailable: {0}")]
    Unavailable(Cow<'static, str>),
    /// A write was sent and its answer lost. It may have been written; read again before writing.
    #[error("it is not known whether the store has written: {0}")]
    InDoubt(Cow<'static, str>),
    /// The store has no room. Nothing was written; somebody has to make room.
    #[error("the store is full: {0}")]
    Full(Cow<'static, str>),
    /// The store itself is damaged, or is none of ours. Nothing was written or repaired.
    #[error("the store is damaged: {0}")]
    Damaged(Cow<'static, str>),
    /// The store was written by a newer version of this library. Nothing was changed; upgrade.
    #[error("the store is of a newer format: {0}")]
    Newer(Cow<'static, str>),
    /// The store refuses: rights, a wrong setting, a record that is too long. Somebody has to change something.
    #[error("the store refuses: {0}")]
    Refused(Cow<'static, str>),
    /// This handle was closed.
    #[error("the store was closed")]
    Closed,
}

impl VaultError {
    /// See [`VaultError::Unavailable`].
    pub fn unavailable(fact: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable(fact.into())
    }

    /// See [`VaultError::InDoubt`].
    pub fn in_doubt(fact: impl Into<Cow<'static, str>>) -> Self {
        Self::InDoubt(fact.into())
    }

    /// See [`VaultError::Full`].
    pub fn full(fact: impl Into<Cow<'static, str>>) -> Self {
        Self::Full(fact.into())
    }

    /// See [`VaultError::Damaged`].
    pub fn damaged(fact: impl Into<Cow<'static, str>>) -> Self {
        Self::Damaged(fact.into())
    }

    /// See [`VaultError::Newer`].
    pub fn newer(fact: impl Into<Cow<'static, str>>) -> Self {
        Self::Newer(fact.into())
    }

    /// See [`VaultError::Refused`].
    pub fn refused(fact: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused(fact.into())
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Conflict | Self::Unavailable(_) | Self::InDoubt(_))
    }
}
