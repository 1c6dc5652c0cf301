//! Finds a refresh token in an answer that cannot be used otherwise: it may be the only live one.
//!
//! It may be none as well: servers and gateways quote requests in their error pages. What is found here is tried,
//! and never takes the place of a refresh token that is known to work.

use grantry_core::RefreshToken;
use http::StatusCode;
use url::form_urlencoded;
use zeroize::Zeroizing;

const ACCESS: &[u8] = b"\"access_token\"";
const REFRESH: &[u8] = b"\"refresh_token\"";

/// The last whole refresh token of a body, JSON or form. `complete` says that the body was read to its end;
/// otherwise what touches its end may be cut off and does not count.
///
/// A success (2xx) was meant to hold one, so that one at any place of it counts, those at the top first. Any other
/// answer counts only where it is a token response in all but its status: both tokens at its top.
pub(crate) fn salvage(status: StatusCode, body: &[u8], complete: bool) -> Option<RefreshToken> {
    let top = Top::of(body);
    if status.is_success() {
        top.refresh_token.or_else(|| anywhere(body)).or_else(|| Form::of(body, complete).refresh_token)
    } else if top.has_access_token {
        top.refresh_token
    } else {
        let form = Form::of(body, complete);
        form.refresh_token.filter(|_| form.has_access_token)
    }
}

/// What stands at the top of a JSON object, whole or not, followed by whatever.
#[derive(Default)]
struct Top {
    has_access_token: bool,
    refresh_token: Option<RefreshToken>,
}

impl Top {
    fn of(body: &[u8]) -> Self {
        let mut found = Self::default();
        let mut rest = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
        if !rest.starts_with(b"{") {
            return found;
        }
        let mut depth = 0_usize;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth <= 1 => break,
                b'}' | b']' => depth -= 1,
                b'"' => {
                    let Some(inside) = closed(after) else { break };
                    rest = after.get(inside + 1..).unwrap_or_default();
                    let name = body_of(after, inside);
                    let value = rest.trim_ascii_start().strip_prefix(b":").filter(|_| depth == 1);
                    if let Some(value) = value {
                        found.see(name, value.trim_ascii_start());
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// A member: its name without quotes, and what follows its colon.
    fn see(&mut self, name: &[u8], value: &[u8]) {
        if name == unquoted(ACCESS) {
            self.has_access_token |= matches!(value, [b'"', first, ..] if *first != b'"');
        } else if name == unquoted(REFRESH) {
            self.refresh_token = token(value).or_else(|| self.refresh_token.take());
        }
    }
}

fn body_of(text: &[u8], length: usize) -> &[u8] {
    text.get(..length).unwrap_or_default()
}

fn unquoted(name: &[u8]) -> &[u8] {
    name.strip_prefix(b"\"").and_then(|n| n.strip_suffix(b"\"")).unwrap_or(name)
}

/// The last member of this name, however deep, in JSON that is broken or is no object.
fn anywhere(body: &[u8]) -> Option<RefreshToken> {
    let mut found = None;
    let mut rest = body;
    while let Some(at) = find(rest, REFRESH) {
        rest = rest.get(at + REFRESH.len()..).unwrap_or_default();
        let Some(value) = rest.trim_ascii_start().strip_prefix(b":") else { continue };
        found = token(value.trim_ascii_start()).or(found);
    }
    found
}

/// A JSON string at the very start, or a number as it is written, whole.
fn token(value: &[u8]) -> Option<RefreshToken> {
    let Some(inside) = value.strip_prefix(b"\"") else {
        let digits = value.iter().position(|byte| !byte.is_ascii_digit())?;
        let ends = matches!(value.get(digits), Some(b',' | b'}' | b' ' | b'\t' | b'\r' | b'\n'));
        let number = std::str::from_utf8(value.get(..digits)?).ok().filter(|_| ends)?;
        return usable(number);
    };
    let quoted = value.get(..closed(inside)? + 2)?;
    let text: Zeroizing<String> = serde_json::from_slice(quoted).map(Zeroizing::new).ok()?;
    usable(&text)
}

/// Where the string ends that begins before this text.
fn closed(inside: &[u8]) -> Option<usize> {
    let mut escaped = false;
    inside.iter().position(|&byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

#[derive(Default)]
struct Form {
    has_access_token: bool,
    refresh_token: Option<RefreshToken>,
}

impl Form {
    fn of(body: &[u8], complete: bool) -> Self {
        let mut found = Self::default();
        let cut = || body.iter().rposition(|&b| b == b'&').and_then(|end| body.get(..end));
        let whole = if complete { body } else { cut().unwrap_or_default() };
        // A page of HTML is no form, whatever stands in it.
        if !whole.first().is_some_and(u8::is_ascii_alphabetic) {
            return found;
        }
        for (name, value) in form_urlencoded::parse(whole) {
            let value = Zeroizing::new(value.into_owned());
            match &*name {
                "access_token" => found.has_access_token |= !value.is_empty(),
                "refresh_token" => found.refresh_token = usable(&value).or(found.refresh_token),
                _ => {}
            }
        }
        found
    }
}

/// Copied at its exact size, so that nothing of it is left behind.
fn usable(text: &str) -> Option<RefreshToken> {
    is_usable(text).then(|| RefreshToken::new(text))
}

/// Whether a text can be a refresh token (RFC 6749 appendix A.17 has printable ASCII; servers in use have more).
pub(crate) fn is_usable(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(status: u16, body: &str, complete: bool) -> Option<String> {
        let status = StatusCode::from_u16(status).unwrap();
        salvage(status, body.as_bytes(), complete).map(|token| token.expose().to_owned())
    }

    #[test]
    fn req_d16_a_whole_refresh_token_is_found_in_any_wreck_of_a_success() {
        let table = [
            (r#"{"access_token":"a","refresh_token":"r1","exp"#, Some("r1")),
            (r#"{"refresh_token" : "r\u0031\/+", oops"#, Some("r1/+")),
            (r#"{"refresh_token":"a","refresh_token":"b"}"#, Some("b")),
            (r#"{"refresh_token":"a","echo":{"refresh_token":"b"}, oops"#, Some("a")),
            (r#"[{"refresh_token":"a"}]"#, Some("a")),
            (r#"{"refresh_token":12345,"x"#, Some("12345")),
            (r#"{"refresh_token":12345"#, None),
            (r#"{"refresh_token":1e5}"#, None),
            (r#"{"refresh_token":"cut"#, None),
            (r#"{"refresh_token":"cut\"#, None),
            (r#"{"refresh_token":""}"#, None),
            (r#"{"refresh_token":null}"#, None),
            (r#"{"refresh_token":"a\u0000b"}"#, None),
            (r#"{"error_description":"\"refresh_token\":\"no\""}"#, None),
            ("access_token=a&refresh_token=r%2B1&x=1", Some("r+1")),
            ("access_token=a&refresh_token=cut", None),
            ("<p>&refresh_token=x&</p>", None),
            ("", None),
        ];
        for (body, expected) in table {
            assert_eq!(found(200, body, false).as_deref(), expected, "{body}");
        }
        assert_eq!(found(200, "access_token=a&refresh_token=whole", true).as_deref(), Some("whole"));
        let invalid = b"{\"access_token\":\"\xff\",\"refresh_token\":\"r\"}";
        assert_eq!(salvage(StatusCode::OK, invalid, true).unwrap().expose(), "r");
    }

    #[test]
    fn outside_of_a_success_only_a_token_response_counts_and_no_quoted_request() {
        let table = [
            (r#"{"access_token":"a","refresh_token":"r1"}"#, Some("r1")),
            (r#"{"refresh_token":"r1","access_token":"a"#, Some("r1")),
            (r#"{"refresh_token":"r1"}"#, None),
            (r#"{"refresh_token":"r1","access_token":""}"#, None),
            (r#"{"refresh_token":"r1","access_token":null}"#, None),
            (r#"{"access_token":"a","request":{"refresh_token":"***"}}"#, None),
            (r#"{"request":{"access_token":"a","refresh_token":"***"}}"#, None),
            (r#"{"request":{"access_token":"a"},"refresh_token":"***"}"#, None),
            (r#"[{"access_token":"a","refresh_token":"r1"}]"#, None),
            (r#"<p>{"access_token":"a","refresh_token":"r1"}"#, None),
            ("access_token=a&refresh_token=r1&x=1", Some("r1")),
            ("grant_type=refresh_token&refresh_token=%2A%2A%2A&", None),
        ];
        for (body, expected) in table {
            for status in [302, 400, 401, 404, 500, 502] {
                assert_eq!(found(status, body, false).as_deref(), expected, "{status} {body}");
            }
        }
    }

    #[test]
    fn req_d16_no_cut_gives_a_token_that_was_never_sent() {
        let body = r#"{"refresh_token":"abc\\\"def","access_token":"x"}"#;
        for end in 0..=body.len() {
            for status in [200, 500] {
                if let Some(token) = found(status, &body[..end], false) {
                    assert_eq!(token, "abc\\\"def", "cut at {end}");
                }
            }
        }
    }
}
