//! Redirects inside an origin (RFC 9110 section 15.4).

use grantry_core::Origin;
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION, TRANSFER_ENCODING,
};
use reqwest::{Method, Request, Response, StatusCode, Url};

/// The most redirects that are followed for one request.
const MOST_HOPS: u8 = 10;

/// Who follows redirects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Redirects {
    /// We do: the client was built to follow none.
    Ours,
    /// The client does, by its own policy.
    Theirs,
}

impl Redirects {
    /// Whether one more is ours to follow, after `hops`.
    pub(crate) fn are_ours(self, hops: u8) -> bool {
        self == Self::Ours && hops < MOST_HOPS
    }
}

/// The request that follows `answer`, made from a copy of the one that was sent; `None` where the answer is no
/// redirect, or leads out of the origin.
pub(crate) fn inside(origin: &Origin, answer: &Response, mut sent: Request) -> Option<Request> {
    let location = answer.headers().get(LOCATION)?;
    let drops_body = match answer.status() {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => sent.method() == Method::POST,
        StatusCode::SEE_OTHER => sent.method() != Method::HEAD,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
        _ => return None,
    };
    *sent.url_mut() = target(origin, answer.url(), location)?;
    if drops_body {
        *sent.method_mut() = Method::GET;
        *sent.body_mut() = None;
        for header in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, TRANSFER_ENCODING] {
            sent.headers_mut().remove(header);
        }
    }
    Some(sent)
}

fn target(origin: &Origin, from: &Url, location: &HeaderValue) -> Option<Url> {
    let url = from.join(location.to_str().ok()?).ok()?;
    let names_nobody = url.username().is_empty() && url.password().is_none();
    (names_nobody && origin.contains(&url)).then_some(url)
}

/// Whether both are the same but for the fragment, which is never sent.
pub(crate) fn is_same(sent_to: &Url, answered: &Url) -> bool {
    let sent = |url: &Url| url.as_str().len() - url.fragment().map_or(0, |fragment| fragment.len() + 1);
    sent_to.as_str().get(..sent(sent_to)) == answered.as_str().get(..sent(answered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_fragment_makes_no_difference() {
        let same = |a: &str, b: &str| is_same(&Url::parse(a).unwrap(), &Url::parse(b).unwrap());
        for url in
            ["https://a.example", "https://a.example/#", "https://a.example/#x#y", "https://A.example:443/"]
        {
            assert!(same(url, "https://a.example/"), "{url}");
        }
        for url in ["https://a.example/?", "https://a.example/x", "http://a.example/", "https://a.example:1/"]
        {
            assert!(!same(url, "https://a.example/"), "{url}");
        }
    }

    #[test]
    fn req_e07_only_a_target_in_the_same_origin_is_followed() {
        let origin = Origin::parse("https://api.example.com").unwrap();
        let from = Url::parse("https://api.example.com/a/b?c").unwrap();
        for (location, expected) in [
            ("/x", Some("https://api.example.com/x")),
            ("x?y", Some("https://api.example.com/a/x?y")),
            ("https://API.example.com:443/x", Some("https://api.example.com/x")),
            ("//api.example.com/x", Some("https://api.example.com/x")),
            ("http://api.example.com/x", None),
            ("http://api.example.com:443/x", None),
            ("https://api.example.com:8443/x", None),
            ("//evil.test/x", None),
            ("/\\evil.test/x", None),
            ("https:\\\\evil.test/x", None),
            ("https://api.example.com@evil.test/", None),
            ("https://user@api.example.com/", None),
            ("https://api.example.com.evil.test/", None),
            ("javascript:alert(1)", None),
            ("https://[", None),
        ] {
            let location: HeaderValue = location.parse().unwrap();
            let found = target(&origin, &from, &location);
            assert_eq!(found.as_ref().map(Url::as_str), expected, "{location:?}");
        }
    }
}
