//! Origins (RFC 6454): the places a token may go to.

use std::fmt;

use url::Url;

use crate::Error;

/// A scheme, a host and a port. A token goes to an origin or it does not; paths make no difference.
///
/// ```
/// use grantry_core::Origin;
/// let api = Origin::parse("https://api.example.com")?;
/// assert_eq!(api, Origin::parse("https://API.example.com:443/v1")?);
/// assert!(Origin::parse("http://api.example.com").is_err(), "a token never goes in clear");
/// # Ok::<(), grantry_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin(Url);

impl Origin {
    /// The origin of a URL given as text.
    ///
    /// # Errors
    /// What [`Origin::of`] refuses, and what is not an absolute URL.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let url = Url::parse(url).map_err(|e| {
            Error::configuration("an origin has to be an absolute URL such as https://api.example.com")
                .with_source(e)
        })?;
        Self::of(&url)
    }

    /// The origin of a URL: https, or http to a loopback address.
    ///
    /// # Errors
    /// Where the scheme is another, or the URL has no host or holds user information.
    pub fn of(url: &Url) -> Result<Self, Error> {
        crate::check_endpoint("origin", url).map_err(|e| Error::configuration(e.to_string()))?;
        let mut origin = url.clone();
        origin.set_path("");
        origin.set_query(None);
        origin.set_fragment(None);
        Ok(Self(origin))
    }

    /// Whether a request to `url` goes to this origin.
    pub fn contains(&self, url: &Url) -> bool {
        self.0.scheme() == url.scheme()
            && self.0.host() == url.host()
            && self.0.port_or_known_default() == url.port_or_known_default()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}
