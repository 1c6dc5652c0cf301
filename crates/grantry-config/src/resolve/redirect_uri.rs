//! Where the server sends the person back to (RFC 6749 section 3.1.2).

use url::{Host, Url};

use super::Resolving;
use crate::fields::Fields;

const EXPECTED: &str = "the one that is registered at the server, such as https://app.example.com/callback";

impl Resolving<'_> {
    pub(super) fn redirect_uri(&mut self, fields: &Fields) -> Option<String> {
        let line = self.some_text(fields, "redirectUri")?;
        match broken_rule(line.text) {
            Some(rule) => {
                self.invalid(line.at, format!("redirectUri {rule}"), EXPECTED);
                None
            }
            None => Some(line.text.to_owned()),
        }
    }
}

/// It is sent as it stands and compared by the character, so nothing is mended.
fn broken_rule(uri: &str) -> Option<&'static str> {
    if !uri.bytes().all(|b| b.is_ascii_graphic()) {
        return Some("holds white space or a character outside ASCII");
    }
    if uri.contains('#') {
        return Some("has a fragment (#...)");
    }
    let Ok(url) = Url::parse(uri) else { return Some("is not an absolute URI") };
    if !url.username().is_empty() || url.password().is_some() {
        return Some("holds a user name or password");
    }
    match url.scheme() {
        "https" | "http" => {
            let after = uri.split_once(':').map_or("", |(_, after)| after);
            if !after.starts_with("//") || after.starts_with("///") || after.contains('\\') {
                return Some("needs // and a host after its scheme");
            }
            let is_loopback = match url.host() {
                Some(Host::Domain(name)) => name == "localhost",
                Some(Host::Ipv4(address)) => address.is_loopback(),
                Some(Host::Ipv6(address)) => address.is_loopback(),
                None => false,
            };
            (url.scheme() == "http" && !is_loopback)
                .then_some("is http, which is for 127.0.0.1, [::1] and localhost")
        }
        // RFC 8252 section 7.1.
        scheme if !scheme.contains('.') => Some(
            "has a scheme that names no application: one of one's own is a reversed domain, such as com.example.app",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_uri_is_absolute_without_fragment_and_an_applications_own() {
        for good in [
            "https://gateway.example.org/oauth/callback",
            "http://127.0.0.1:49152/callback",
            "http://localhost:3000/cb",
            "com.example.app:/oauth2redirect",
        ] {
            assert_eq!(broken_rule(good), None, "{good}");
        }
        for bad in [
            "/callback",
            "https://app.example.com/callback#x",
            "https://user:secret@app.example.com/",
            "http://app.example.com/callback",
            "https:app.example.com",
            "https:\\\\app.example.com",
            "https:///callback",
            "myapp:/callback",
            "urn:ietf:wg:oauth:2.0:oob",
            "javascript:alert(1)",
            "https://app.example.com/call back",
        ] {
            assert!(broken_rule(bad).is_some(), "{bad}");
        }
    }
}
