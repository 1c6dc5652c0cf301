//! Which URLs may be endpoints.

use url::{Host, Url};

/// A URL that may not be an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {what} {rule}")]
pub struct InvalidEndpoint {
    what: String,
    rule: &'static str,
}

/// Checks a URL that a person configured: https, or http to loopback (an IP literal or `localhost`), a host, no
/// user information, no fragment (RFC 6749 section 3.2).
///
/// # Errors
/// [`InvalidEndpoint`] says what to change.
pub fn check_endpoint(what: &str, url: &Url) -> Result<(), InvalidEndpoint> {
    let refuse = |rule| Err(InvalidEndpoint { what: what.to_owned(), rule });
    let Some(host) = url.host() else {
        return refuse("has to be an absolute URL with a host, such as https://as.example.com/token");
    };
    if let Host::Domain(name) = host
        && !could_resolve(name)
    {
        return refuse(
            "names a host that cannot exist: put letters, digits, `-` and `_` between its dots (no `*`, no placeholder), as \
             in as.example.com",
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("must not hold a user name or password");
    }
    if url.fragment().is_some() {
        return refuse("must not have a fragment (#...)");
    }
    if url.port() == Some(0) {
        return refuse("must not name port 0");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&host) => Ok(()),
        "http" => refuse("has to be an https URL (http is accepted for 127.0.0.1, [::1] and localhost only)"),
        _ => refuse("has to be an https URL"),
    }
}

/// Whether a name could be a host's; whether it is one, only the first request can tell. A URL's own rules let pass what is
/// left of a template, or meant for all hosts at once.
fn could_resolve(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let labels = name.strip_suffix('.').unwrap_or(name);
    labels.split('.').all(|label| !label.is_empty() && label.bytes().all(fits))
}

/// Loopback by name or address; the transport resolves `localhost` to loopback addresses itself.
fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}
