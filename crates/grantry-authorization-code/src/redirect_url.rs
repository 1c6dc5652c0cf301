//! Where to send the person.

use std::fmt;
use std::sync::Arc;

use grantry_core::{Clock, Diagnosis, Error, ErrorKind, Instant, Party, Retry};
use zeroize::Zeroizing;

use crate::STAGE;

/// The URL that the person's browser has to open, for one authorization.
///
/// It is no credential, but it names the person's state: send it to that browser and nobody else, in a `Location`
/// or to the system's browser, and write it into no log.
pub struct RedirectUrl {
    pub(crate) url: Zeroizing<String>,
    /// When the reference in it expires, where the request was pushed.
    pub(crate) expires: Option<Instant>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl RedirectUrl {
    /// The URL. It can be had once, since a reference to a pushed request is good for once (RFC 9126 section 4).
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) where the reference expired meanwhile: begin again.
    pub fn into_location(self) -> Result<Zeroizing<String>, Error> {
        match self.expires {
            Some(expires) if self.clock.now() >= expires => {
                let fact = "the pushed request expired before the person was sent to the server";
                let remedy = "begin again, and send the person off at once";
                Err(Error::new(ErrorKind::Unavailable, STAGE, fact).with_diagnosis(Diagnosis::new(
                    Party::Application,
                    remedy,
                    Retry::Now,
                )))
            }
            _ => Ok(self.url),
        }
    }

    /// When it expires, on the boot clock; `None` where the request was not pushed.
    pub fn expires(&self) -> Option<Instant> {
        self.expires
    }
}

impl fmt::Debug for RedirectUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = self.url.split(['?', '#']).next().unwrap_or_default();
        f.debug_struct("RedirectUrl")
            .field("endpoint", &endpoint)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
