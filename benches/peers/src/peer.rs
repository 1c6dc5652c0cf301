//! What every adapter offers to the measurements.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::HeaderValue;

use crate::token_endpoint::TokenEndpoint;

/// One crate that keeps tokens, set up against the token endpoint of this process.
pub(crate) trait Peer: Sized + Send + Sync + 'static {
    /// The name of the crate in the registry.
    const NAME: &'static str;

    /// The calls that lead from a cached token to a header value, for the notes.
    const PATH: &'static str;

    /// Whether the constructor already obtains the first token, so that there is no cold source to share.
    const OBTAINS_ON_BUILD: bool;

    /// Lifetimes that bring the renewal within seconds.
    const LIFETIMES: Lifetimes;

    /// Sets the crate up as its documentation shows, with its own defaults unless the notes say otherwise.
    fn build(endpoint: &TokenEndpoint) -> impl Future<Output = Result<Self, Failed>> + Send;

    /// Moves the peer's own clock close to the renewal, where it takes a clock from its user, and says how far.
    fn skip_ahead(&self) -> Duration {
        Duration::ZERO
    }

    /// A value for the `Authorization` header, by the cheapest public path.
    fn header(&self) -> impl Future<Output = Result<HeaderValue, Failed>> + Send;
}

/// Token lifetimes in seconds, chosen so that the peer begins to renew a few seconds after it obtained the token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetimes {
    /// For the renewal under load.
    pub(crate) renewal: u64,
    /// For the outage.
    pub(crate) outage: u64,
    /// How much of the outage is watched, at most.
    pub(crate) watched: u64,
    /// Why these.
    pub(crate) note: &'static str,
}

/// Why a peer gave no header value.
#[derive(Debug)]
pub(crate) struct Failed(String);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Failed {}

impl Failed {
    /// Takes over what the peer says, causes included.
    pub(crate) fn from_error(error: &dyn Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            cause = inner.source();
        }
        Self(text)
    }

    /// A failure in the adapter's own words.
    pub(crate) fn because(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// The header value for a peer that only hands out the token's text: one allocation, no second copy.
pub(crate) fn bearer(token: &str) -> Result<HeaderValue, Failed> {
    let mut text = String::with_capacity("Bearer ".len() + token.len());
    text.push_str("Bearer ");
    text.push_str(token);
    let mut value = HeaderValue::try_from(text).map_err(|error| Failed::from_error(&error))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The version of a crate that this binary was built with, from the lock file.
pub(crate) fn locked_version(name: &str) -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let named = format!("name = \"{name}\"");
    let mut lines = lock.lines().skip_while(|line| *line != named);
    lines
        .nth(1)
        .and_then(|line| line.strip_prefix("version = \""))
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::{bearer, locked_version};

    #[test]
    fn the_version_of_a_locked_crate_is_found() {
        assert!(locked_version("middle").starts_with("0."));
        assert_eq!(locked_version("no-such-crate"), "unknown");
    }

    #[test]
    fn a_bearer_header_is_sensitive() {
        let value = bearer("abc").unwrap();
        assert_eq!(value.to_str().unwrap(), "Bearer abc");
        assert!(value.is_sensitive());
    }
}
