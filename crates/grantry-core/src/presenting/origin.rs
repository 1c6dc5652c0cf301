//! Origins (RFC 6454): the places a token may go to.

use std::fmt;
use std::sync::Arc;

use http::Uri;
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
pub struct Origin(Arc<Url>);

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
        Ok(Self(Arc::new(origin)))
    }

    /// The scheme: `https`, or `http` for a loopback origin.
    pub fn scheme(&self) -> &str {
        self.0.scheme()
    }

    /// The host, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port, the scheme's own where the URL names none.
    pub fn port(&self) -> u16 {
        // Only https and http get in, and both have a port of their own.
        self.0.port_or_known_default().unwrap_or_default()
    }

    /// Whether a request to `url` goes to this origin.
    pub fn contains(&self, url: &Url) -> bool {
        self.0.scheme() == url.scheme()
            && self.0.host() == url.host()
            && self.0.port_or_known_default() == url.port_or_known_default()
    }

    /// Whether a request to `uri` goes to this origin. A URI without scheme and host goes nobody knows where;
    /// one with user information is never taken for an origin.
    ///
    /// Hosts are compared as text, without regard to case: another way of writing the same address is another
    /// origin.
    pub fn contains_uri(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return false;
        };
        self.0.scheme().eq_ignore_ascii_case(scheme) && self.is_authority(authority.as_str())
    }

    /// Whether `host` or `host:port`, as it stands in a URI or a `Host` header, is this origin's.
    pub(super) fn is_authority(&self, authority: &str) -> bool {
        let host = self.host();
        let Some((name, port)) = authority.split_at_checked(host.len()) else {
            return false;
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => default_port(self.0.scheme()),
            None => return false,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
            Some(_) => return false,
        };
        name.eq_ignore_ascii_case(host) && port == Some(self.port())
    }
}

/// The port that a URL without one means.
fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Origin {
        Origin::parse(url).unwrap()
    }

    #[test]
    fn an_origin_is_scheme_host_and_port_and_nothing_else() {
        let api = origin("https://api.example.com/v1?x=y");
        assert_eq!(api.to_string(), "https://api.example.com");
        for (url, same) in [
            ("https://api.example.com", true),
            ("https://API.Example.com:443/other", true),
            ("https://api.example.com:8443/v1", false),
            ("http://api.example.com:443/v1", false),
            ("https://api.example.com./v1", false),
            ("https://example.com/v1", false),
            ("https://api.example.com.evil.test/v1", false),
            ("https://api.example.com@evil.test/v1", false),
        ] {
            assert_eq!(api.contains(&Url::parse(url).unwrap()), same, "{url}");
            assert_eq!(api.contains_uri(&url.parse().unwrap()), same, "{url} as a URI");
        }
    }

    #[test]
    fn a_uri_that_does_not_say_where_it_goes_is_in_no_origin() {
        let api = origin("https://api.example.com");
        for uri in ["/v1", "api.example.com", "api.example.com:443", "https://u:p@api.example.com/", "*"] {
            assert!(!api.contains_uri(&uri.parse().unwrap()), "{uri}");
        }
    }

    #[test]
    fn addresses_are_origins_too() {
        let four = origin("http://127.0.0.1:8080");
        assert!(four.contains_uri(&"http://127.0.0.1:8080/x".parse().unwrap()));
        assert!(!four.contains_uri(&"http://127.0.0.1:80801/x".parse().unwrap_or_default()));
        assert!(!four.contains_uri(&"http://127.1:8080/x".parse().unwrap()), "another way of writing it");
        let six = origin("http://[::1]:8080");
        assert!(six.contains_uri(&"http://[::1]:8080/x".parse().unwrap()));
        assert!(six.is_authority("[::1]:8080") && !six.is_authority("[::1]"));
    }
}
