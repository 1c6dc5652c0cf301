//! What the server answers in place of a code (RFC 6749 section 4.1.2.1), made harmless.

use grantry_core::{Diagnosis, Error, ErrorKind, Party, Retry};

use crate::{Callback, STAGE};

/// The longest code that is told, in bytes.
const LONGEST_CODE: usize = 64;
/// The longest text that is told, in characters.
const LONGEST_TEXT: usize = 200;
/// As many bytes in common with a secret are no accident.
const PIECE: usize = 8;

/// The error that the server's code is to callers. `secrets` are what the request held.
pub(crate) fn error(code: &str, secrets: &[&str]) -> Error {
    let (kind, fact, diagnosis) = match code {
        "access_denied" => (
            ErrorKind::Refused,
            "the person or the server refused (access_denied)",
            Diagnosis::new(Party::ResourceOwner, "offer the person to begin again", Retry::Never)
                .cause("the person declined, or cancelled the login")
                .cause("a policy of the server does not let this person or this application in"),
        ),
        "login_required" | "consent_required" | "interaction_required" | "account_selection_required" => (
            ErrorKind::Refused,
            "the server has to ask the person something",
            Diagnosis::new(Party::ResourceOwner, "begin again without prompt=none", Retry::Never)
                .cause("the person is not logged in at the server, or has not consented yet"),
        ),
        "invalid_scope" | "invalid_target" => {
            let error = Error::new(ErrorKind::InvalidScope, STAGE, "what was asked for is not on offer");
            return with_code(error, code, secrets);
        }
        "server_error" | "temporarily_unavailable" => (
            ErrorKind::Unavailable,
            "the server says that it failed or is unavailable for a while",
            Diagnosis::new(Party::AuthorizationServer, "let the person begin again later", Retry::Never)
                .cause("the server is overloaded, or down for maintenance"),
        ),
        _ => (
            ErrorKind::Refused,
            "the server refused the authorization request",
            Diagnosis::new(
                Party::Application,
                "look the error code up in the server's documentation, and change the request or the client's \
                 registration",
                Retry::Never,
            ),
        ),
    };
    with_code(Error::new(kind, STAGE, fact).with_diagnosis(diagnosis), code, secrets)
}

fn with_code(error: Error, code: &str, secrets: &[&str]) -> Error {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let fits = (1..=LONGEST_CODE).contains(&code.len()) && code.bytes().all(plain);
    if fits && !echoes(code, secrets) { error.with_oauth_code(code) } else { error }
}

/// The server's text for people, without what could harm a terminal, a log or a page: letters and digits of any
/// script, spaces, and marks that quote and escape nothing.
pub(crate) fn text(callback: &Callback, secrets: &[&str]) -> Option<String> {
    let said = callback.error_description.as_ref()?;
    if echoes(said, secrets) {
        return None;
    }
    let harmless = |c: &char| c.is_alphanumeric() || " .,:;!?()/_-+".contains(*c);
    let on_one_line = said.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let text: String = on_one_line.filter(harmless).take(LONGEST_TEXT).collect();
    (!text.trim().is_empty()).then_some(text)
}

/// The provider's code inside the description, such as `AADSTS65004`.
pub(crate) fn provider_code(callback: &Callback, prefix: Option<&str>, secrets: &[&str]) -> Option<String> {
    let prefix = prefix.filter(|prefix| !prefix.is_empty())?;
    let (_, after) = callback.error_description.as_ref()?.split_once(prefix)?;
    let rest: String = after.chars().take_while(char::is_ascii_alphanumeric).take(32).collect();
    (!rest.is_empty() && !echoes(&rest, secrets)).then(|| format!("{prefix}{rest}"))
}

/// Whether a text and a secret have a piece in common.
fn echoes(text: &str, secrets: &[&str]) -> bool {
    let pieces =
        |secret: &str| secret.as_bytes().windows(PIECE).any(|piece| contains(text.as_bytes(), piece));
    secrets.iter().any(|secret| pieces(secret))
}

fn contains(text: &[u8], piece: &[u8]) -> bool {
    text.windows(piece.len()).any(|window| window == piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(description: &str) -> Option<String> {
        let encoded: String = url::form_urlencoded::byte_serialize(description.as_bytes()).collect();
        let callback = Callback::from_query(&format!("error=x&error_description={encoded}")).unwrap();
        text(&callback, &["a-state-of-the-request"])
    }

    #[test]
    fn req_b19_what_the_server_says_cannot_harm_a_page_a_terminal_or_a_log() {
        assert_eq!(said("The user declined, sorry.").as_deref(), Some("The user declined, sorry."));
        assert_eq!(said("Доступ запрещён (код 7)").as_deref(), Some("Доступ запрещён (код 7)"));
        assert_eq!(said("<script>alert('1')</script>&\"`\\$").as_deref(), Some("scriptalert(1)/script"));
        assert_eq!(said("a\u{202e}b\u{2028}c\u{feff}").as_deref(), Some("ab c"));
        assert_eq!(said("declined\r\nTrace: 1\u{1b}[31m").as_deref(), Some("declined  Trace: 131m"));
        assert_eq!(said("x".repeat(5_000).as_str()).map(|text| text.len()), Some(LONGEST_TEXT));
        assert_eq!(said("<>"), None);
        assert_eq!(said("your state was a-state-of-the-request"), None);
        assert_eq!(said("piece: te-of-the-r"), None);
    }

    #[test]
    fn a_code_is_told_if_it_looks_like_one_and_echoes_nothing() {
        for (code, told) in [
            ("access_denied", true),
            ("odd_code_7", true),
            ("AccessDenied", false),
            ("a b", false),
            ("the_secret_state", false),
        ] {
            assert_eq!(error(code, &["the_secret_state"]).oauth_code().is_some(), told, "{code}");
        }
        assert_eq!(error("access_denied", &[]).diagnosis().party(), Party::ResourceOwner);
        assert_eq!(error("invalid_scope", &[]).kind(), ErrorKind::InvalidScope);
        assert_eq!(error("server_error", &[]).kind(), ErrorKind::Unavailable);
        assert_eq!(error("unauthorized_client", &[]).kind(), ErrorKind::Refused);
    }
}
