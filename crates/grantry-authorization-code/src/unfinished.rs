//! Why an authorization brought no tokens, and what is left of it.

use std::fmt;

use grantry_core::{Error, RefreshToken};

use crate::PendingAuthorization;

/// An authorization that brought no tokens.
///
/// It turns into its [`Error`] with `?`. `Display` is the error's.
#[non_exhaustive]
pub struct Unfinished {
    /// What went wrong, and whether the person has to begin again.
    pub error: Error,
    /// The authorization, where nothing was spent: what came was not its response, or its token request was never
    /// sent. It may be finished with the right response, or with the same one, until it expires. `None`: it is over.
    pub again: Option<Box<PendingAuthorization>>,
    /// What the server says to the person (`error_description`), where the response is known to be its own: at most
    /// 200 characters, letters, digits, spaces and harmless marks of any script. It is still a stranger's text.
    pub said: Option<String>,
    /// A refresh token that was found in an answer that could not be used otherwise. Revoke it, or try it. The tokens of an
    /// answer whose ID token is not right are not among it: they may be somebody else's, and were revoked where the server
    /// has a way for that.
    pub salvaged: Option<RefreshToken>,
}

impl Unfinished {
    pub(crate) fn over(error: Error) -> Self {
        Self { error, again: None, said: None, salvaged: None }
    }

    pub(crate) fn again(error: Error, pending: PendingAuthorization) -> Self {
        Self { again: Some(Box::new(pending)), ..Self::over(error) }
    }
}

impl fmt::Debug for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unfinished")
            .field("error", &self.error)
            .field("again", &self.again)
            .field("said", &self.said.is_some())
            .field("salvaged", &self.salvaged)
            .finish()
    }
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Unfinished {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The same text, so its cause is the next to be told.
        std::error::Error::source(&self.error)
    }
}

impl From<Unfinished> for Error {
    fn from(unfinished: Unfinished) -> Self {
        unfinished.error
    }
}
