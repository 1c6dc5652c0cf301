//! Why a device authorization brought no tokens, and what is left of it.

use std::fmt;

use grantry_core::{Error, RefreshToken};

use crate::PendingDevice;

/// How a device authorization ended without tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviceEnding {
    /// The person declined (`access_denied`).
    Denied,
    /// Nobody approved in time: the server says so (`expired_token`), or the time that it named is over.
    Expired,
    /// Something else; the error says what.
    Failed,
}

/// A device authorization that brought no tokens.
///
/// It turns into its [`Error`] with `?`. `Display` is the error's.
#[non_exhaustive]
pub struct DeviceUnfinished {
    /// What went wrong, and whether the person has to begin again.
    pub error: Error,
    /// How it ended.
    pub ending: DeviceEnding,
    /// The authorization, where its codes may still be good: what came was no word on them. Finishing it polls on,
    /// until it expires. `None`: it is over.
    pub again: Option<Box<PendingDevice>>,
    /// A refresh token that was found in an answer that could not be used otherwise. Revoke it, or try it.
    pub salvaged: Option<RefreshToken>,
}

impl fmt::Debug for DeviceUnfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceUnfinished")
            .field("error", &self.error)
            .field("ending", &self.ending)
            .field("again", &self.again)
            .field("salvaged", &self.salvaged)
            .finish()
    }
}

impl fmt::Display for DeviceUnfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for DeviceUnfinished {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The same text, so its cause is the next to be told.
        std::error::Error::source(&self.error)
    }
}

impl From<DeviceUnfinished> for Error {
    fn from(unfinished: DeviceUnfinished) -> Self {
        unfinished.error
    }
}
