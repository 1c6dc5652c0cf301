//! What a key provider can answer instead of a key.

use std::borrow::Cow;

/// Why a key provider did not do what it was asked, sorted by whose move it is.
///
/// The texts are facts that the provider chose, one sentence without a full stop, with what to do. They hold no key,
/// no PIN and no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The provider cannot be reached, is gone, or is too busy; it may be back without anybody changing anything.
    #[error("the key provider is unavailable: {0}")]
    Unavailable(Cow<'static, str>),
    /// The provider refuses: a wrong PIN, missing rights, a key that may not be used so.
    #[error("the key provider refuses: {0}")]
    Refused(Cow<'static, str>),
    /// There is no such key.
    #[error("the key provider does not have the key: {0}")]
    UnknownKey(Cow<'static, str>),
    /// What was to be unwrapped is not what was wrapped, or not under this context.
    #[error("the wrapped key does not open: {0}")]
    Damaged(Cow<'static, str>),
    /// The provider cannot do what is needed, such as a mechanism that a token lacks.
    #[error("the key provider cannot do this: {0}")]
    Unsupported(Cow<'static, str>),
    /// A mistake in what was configured; the text says what to change.
    #[error("{0}")]
    Configuration(Cow<'static, str>),
}

impl KeyError {
    /// See [`KeyError::Unavailable`].
    pub fn unavailable(fact: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable(fact.into())
    }

    /// See [`KeyError::Refused`].
    pub fn refused(fact: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused(fact.into())
    }

    /// See [`KeyError::UnknownKey`].
    pub fn unknown_key(fact: impl Into<Cow<'static, str>>) -> Self {
        Self::UnknownKey(fact.into())
    }

    /// See [`KeyError::Damaged`].
    pub fn damaged(fact: impl Into<Cow<'static, str>>) -> Self {
        Self::Damaged(fact.into())
    }

    /// See [`KeyError::Unsupported`].
    pub fn unsupported(fact: impl Into<Cow<'static, str>>) -> Self {
        Self::Unsupported(fact.into())
    }

    /// See [`KeyError::Configuration`].
    pub fn configuration(fact: impl Into<Cow<'static, str>>) -> Self {
        Self::Configuration(fact.into())
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
