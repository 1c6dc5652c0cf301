//! What kind of request it is.

use axum::http::header::{HeaderMap, HeaderName};

const PURPOSES: [HeaderName; 4] = [
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-purpose"),
    HeaderName::from_static("x-moz"),
];

/// A browser that fetches in advance what the person may never open.
pub(crate) fn is_in_advance(headers: &HeaderMap) -> bool {
    let words = ["prefetch", "prerender", "preview"];
    let said = PURPOSES.into_iter().flat_map(|name| headers.get_all(name));
    said.filter_map(|value| value.to_str().ok())
        .any(|value| words.iter().any(|word| value.to_ascii_lowercase().contains(word)))
}

/// Whether a browser says that it is no page load, but an image, a script, a frame (Fetch Metadata). Who says nothing is
/// an older browser.
pub(crate) fn is_no_navigation(headers: &HeaderMap) -> bool {
    let says =
        |name: &'static str| headers.get(HeaderName::from_static(name)).and_then(|value| value.to_str().ok());
    says("sec-fetch-mode").is_some_and(|mode| mode != "navigate")
        || says("sec-fetch-dest").is_some_and(|dest| dest != "document")
}
