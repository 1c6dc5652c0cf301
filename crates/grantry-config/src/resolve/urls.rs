//! URLs of endpoints.

use grantry_core::check_endpoint;
use url::{Host, Url};

use super::Resolving;
use crate::desk::Draft;
use crate::fields::Line;
use crate::finding::FindingKind;

const EXPECTED: &str = "an https URL such as https://as.example.com/token";

impl Resolving<'_> {
    /// Checks a URL whose placeholders are filled.
    pub(super) fn url(&mut self, line: Line<'_>, filled: &str) -> Option<Url> {
        let checked = check(line.key, filled);
        match checked {
            Ok(url) => {
                self.look_at_host(line, filled, &url);
                Some(url)
            }
            Err(what) => {
                self.invalid(line.at, what, EXPECTED);
                None
            }
        }
    }

    /// A host in other letters is another host than it may seem.
    fn look_at_host(&mut self, line: Line<'_>, filled: &str, url: &Url) {
        let Some(host) = other_letters(filled, url) else { return };
        let what = format!("the host of {} has letters beyond ASCII: it means {host}", line.key);
        let draft = Draft::warning(FindingKind::Doubtful, line.at, what);
        self.desk.tell(draft.expected("that host, if it is the one that is meant"));
    }
}

/// Why a text is no URL of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidUrl(String);

/// Checks a URL as a configuration does: for whoever takes one from elsewhere, such as from a command line. `name` is what the error
/// calls it. What comes back is the host that it means, where that is written in letters beyond ASCII.
///
/// # Errors
/// [`InvalidUrl`] says why, and does not repeat the text.
pub fn check_url(name: &str, text: &str) -> Result<Option<String>, InvalidUrl> {
    let url = check(name, text).map_err(InvalidUrl)?;
    Ok(other_letters(text, &url).map(str::to_owned))
}

/// The host, where it is written in other letters than it may seem.
fn other_letters<'a>(text: &str, url: &'a Url) -> Option<&'a str> {
    let written = authority(text);
    let is_coded = |label: &str| label.starts_with("xn--");
    let is_plain = written.is_ascii() && !written.to_ascii_lowercase().split('.').any(is_coded);
    url.host_str().filter(|_| !is_plain)
}

pub(super) fn check(key: &str, text: &str) -> Result<Url, String> {
    let refuse = |why: &str| Err(format!("{key} {why}"));
    if text.is_empty() {
        return refuse("is empty");
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return refuse("holds white space or a control character");
    }
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    if !lower.starts_with("https://") && !lower.starts_with("http://") {
        return refuse("does not begin with https://");
    }
    if text.contains('\\') {
        return refuse("holds a backslash");
    }
    if authority(text).is_empty() {
        return refuse("has no host");
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(url::ParseError::InvalidPort) => return refuse("names a port that is not from 1 to 65535"),
        Err(url::ParseError::EmptyHost) => return refuse("has no host"),
        Err(_) => return refuse("is not a URL"),
    };
    if authority(text).contains('@') {
        return refuse("must not hold a user name or password");
    }
    check_endpoint(key, &url).map_err(|why| {
        let why = why.to_string();
        why.strip_prefix("the ").map_or(why.clone(), str::to_owned)
    })?;
    match url.host() {
        Some(Host::Ipv4(address)) if host_of(text) != address.to_string() => {
            refuse("writes an address in another form than 192.0.2.1")
        }
        Some(Host::Domain(name)) if name.ends_with('.') => {
            refuse("has a dot at the end of its host: leave it out")
        }
        _ => Ok(url),
    }
}

/// What stands between `//` and the path.
fn authority(text: &str) -> &str {
    let after = text.split_once("://").map_or("", |(_, after)| after);
    after.split(['/', '?', '#']).next().unwrap_or_default()
}

/// The host as it is written, without the port.
fn host_of(text: &str) -> &str {
    let authority = authority(text);
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_that_letters_mean_is_told_to_whoever_asks() {
        let asked = |text| check_url("--token-url", text);
        assert_eq!(asked("https://as.example.com/token"), Ok(None));
        assert_eq!(asked("https://b\u{fc}cher.example/"), Ok(Some("xn--bcher-kva.example".to_owned())));
        let error = asked("http://user:pw@as.example.com/").unwrap_err().to_string();
        assert_eq!(error, "--token-url must not hold a user name or password");
        assert!(
            asked("http://as.example.com/").unwrap_err().to_string().starts_with("--token-url has to be")
        );
    }

    #[test]
    fn only_urls_that_mean_what_they_look_like_are_endpoints() {
        for good in [
            "https://as.example.com/token",
            "https://as.example.com:8443/token?x=1",
            "https://192.0.2.1/token",
            "https://[2001:db8::1]/token",
            "http://127.0.0.1:9000/token",
            "http://[::1]/token",
            "http://localhost/token",
            "HTTPS://AS.example.com/token",
            "https://bücher.example/token",
        ] {
            assert!(check("tokenUrl", good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("", "is empty"),
            ("as.example.com/token", "does not begin with https://"),
            ("https:as.example.com/token", "does not begin with https://"),
            ("ftp://as.example.com/token", "does not begin with https://"),
            ("http://as.example.com/token", "https URL"),
            ("http://localhost.evil.example/", "https URL"),
            ("https://user:pw@as.example.com/token", "user name"),
            ("https://@as.example.com/token", "user name"),
            ("https://as.example.com/token#", "fragment"),
            ("https://as.example.com:0/token", "port 0"),
            ("https://as.example.com:65536/token", "port that is not"),
            ("https://as.example.com:x/token", "port that is not"),
            ("https:///token", "no host"),
            ("https://as.example.com./token", "dot at the end"),
            ("https://as.example.com/to ken", "white space"),
            (" https://as.example.com/token", "white space"),
            ("https://as.example.com/token\n", "white space"),
            ("https://as.example.com\\@evil.example/", "backslash"),
            ("https://0x7f.1/token", "another form"),
            ("https://2130706433/token", "another form"),
            ("https://0177.0.0.1/token", "another form"),
            ("https://as.exa<mple.com/", "is not a URL"),
        ] {
            let what = check("tokenUrl", bad).unwrap_err();
            assert!(what.contains(why) && what.starts_with("tokenUrl "), "{bad}: {what}");
            assert!(!what.contains("pw"), "{what}");
        }
    }
}
