//! A request as a server here received it.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, header};
use url::Url;

use crate::Form;

/// Headers whose values are secrets.
const SECRET_HEADERS: [HeaderName; 3] = [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE];

/// A request as a server of this crate received it, whole.
///
/// `Debug` shows neither the query nor the body nor the values of secret headers and parameters.
#[derive(Clone)]
pub struct ReceivedRequest {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
    form: Form,
}

impl ReceivedRequest {
    /// Puts a request together. A form-encoded body is decoded, secret headers are marked sensitive.
    pub fn new(method: Method, url: Url, mut headers: HeaderMap, body: impl Into<Bytes>) -> Self {
        for name in SECRET_HEADERS {
            if let header::Entry::Occupied(mut values) = headers.entry(name) {
                values.iter_mut().for_each(|v| v.set_sensitive(true));
            }
        }
        let body = body.into();
        let form = if is_form(&headers) { Form::parse(&body) } else { Form::default() };
        Self { method, url, headers, body, form }
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path, as it came.
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// The URL as a proof of possession names it: without query and fragment (RFC 9449 section 4.3).
    pub(crate) fn target(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        url.into()
    }

    /// The query, as it came, which ought not to hold a secret, but may.
    pub fn expose_query(&self) -> Option<&str> {
        self.url.query()
    }

    /// The headers; secret values are marked sensitive, so that `Debug` leaves them out.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Whether it had an `Authorization` header.
    pub fn has_authorization(&self) -> bool {
        self.headers.contains_key(header::AUTHORIZATION)
    }

    /// The token after `Bearer ` in the `Authorization` header, if there is one.
    pub fn expose_bearer(&self) -> Option<&str> {
        let value = self.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start_matches(' '))
    }

    /// The token after `DPoP ` in the `Authorization` header, if there is one (RFC 9449 section 7.1).
    pub fn expose_proved(&self) -> Option<&str> {
        let value = self.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("dpop").then(|| token.trim_start_matches(' '))
    }

    /// The parameters of a form-encoded body; empty for any other body.
    pub fn form(&self) -> &Form {
        &self.form
    }

    /// The body's bytes, which may hold secrets.
    pub fn expose_body(&self) -> &[u8] {
        &self.body
    }
}

/// Whether the body says that it is form-encoded (RFC 6749 section 3.2).
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

impl fmt::Debug for ReceivedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedRequest")
            .field("method", &self.method)
            .field("path", &self.path())
            .field("headers", &self.headers)
            .field("form", &self.form)
            .field("body", &format_args!("[{} bytes redacted]", self.body.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn received(authorization: &'static str, body: &'static str) -> ReceivedRequest {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(authorization));
        let form = HeaderValue::from_static("Application/x-www-form-urlencoded; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, form);
        let url = Url::parse("https://as.test/token?secret=canary").unwrap();
        ReceivedRequest::new(Method::POST, url, headers, body)
    }

    #[test]
    fn debug_shows_no_secret() {
        let request = received("Bearer canary", "code=canary&grant_type=x");
        assert_eq!(request.expose_bearer(), Some("canary"));
        assert_eq!(request.form().expose("code"), Some("canary"));
        assert_eq!(request.expose_query(), Some("secret=canary"));
        let shown = format!("{request:?}");
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn only_the_bearer_scheme_has_a_bearer_token() {
        assert_eq!(received("bEARER  t", "").expose_bearer(), Some("t"));
        assert_eq!(received("Basic dDp0", "").expose_bearer(), None);
        assert_eq!(received("Bearer", "").expose_bearer(), None);
    }
}
