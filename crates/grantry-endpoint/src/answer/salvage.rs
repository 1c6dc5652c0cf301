//! Finds a refresh token in a body that cannot be used otherwise: it may be the only live one.

use grantry_core::RefreshToken;
use url::form_urlencoded;
use zeroize::Zeroizing;

const NAME: &[u8] = b"\"refresh_token\"";

/// The last whole refresh token in a body, JSON or form. `complete` says that the body was read to its end;
/// otherwise what touches its end may be cut off and does not count.
pub(crate) fn salvage(body: &[u8], complete: bool) -> Option<RefreshToken> {
    in_json(body).or_else(|| in_form(body, complete))
}

fn in_json(body: &[u8]) -> Option<RefreshToken> {
    let mut found = None;
    let mut rest = body;
    while let Some(at) = find(rest, NAME) {
        rest = rest.get(at + NAME.len()..).unwrap_or_default();
        let Some(value) = rest.trim_ascii_start().strip_prefix(b":") else { continue };
        if let Some(token) = string(value.trim_ascii_start()) {
            found = Some(token);
        }
    }
    found
}

/// A JSON string at the very start, closed.
fn string(text: &[u8]) -> Option<RefreshToken> {
    let inside = text.strip_prefix(b"\"")?;
    let mut escaped = false;
    let end = inside.iter().position(|&byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })?;
    let quoted = text.get(..end + 2)?;
    serde_json::from_slice(quoted).ok().map(Zeroizing::new).and_then(usable)
}

fn in_form(body: &[u8], complete: bool) -> Option<RefreshToken> {
    let whole = if complete { body } else { body.get(..body.iter().rposition(|&b| b == b'&')?)? };
    // A page of HTML is no form, whatever stands in it.
    if !whole.first()?.is_ascii_alphabetic() {
        return None;
    }
    let pairs = form_urlencoded::parse(whole);
    let last = pairs.filter(|(name, _)| name == "refresh_token").last();
    last.and_then(|(_, value)| usable(Zeroizing::new(value.into_owned())))
}

fn usable(mut text: Zeroizing<String>) -> Option<RefreshToken> {
    let fits = !text.is_empty() && !text.chars().any(char::is_control);
    fits.then(|| RefreshToken::new(std::mem::take(&mut *text)))
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn req_d16_a_whole_refresh_token_is_found_in_any_wreck() {
        let table = [
            (r#"{"access_token":"a","refresh_token":"r1","exp"#, Some("r1")),
            (r#"{"refresh_token" : "r\u0031\/+", oops"#, Some("r1/+")),
            (r#"{"refresh_token":"a","refresh_token":"b"}"#, Some("b")),
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
            let found = salvage(body.as_bytes(), false);
            assert_eq!(found.as_ref().map(RefreshToken::expose), expected, "{body}");
        }
        let end = salvage(b"access_token=a&refresh_token=whole", true).unwrap();
        assert_eq!(end.expose(), "whole");
        let invalid = salvage(b"{\"access_token\":\"\xff\",\"refresh_token\":\"r\"}", true).unwrap();
        assert_eq!(invalid.expose(), "r");
    }

    #[test]
    fn req_d16_no_cut_gives_a_token_that_was_never_sent() {
        let body = br#"{"refresh_token":"abc\\\"def","access_token":"x"}"#;
        for end in 0..=body.len() {
            if let Some(token) = salvage(&body[..end], false) {
                assert_eq!(token.expose(), "abc\\\"def", "cut at {end}");
            }
        }
    }
}
