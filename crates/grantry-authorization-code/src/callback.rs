//! What the person's browser brings back, read strictly.

use std::fmt;

use grantry_core::{Diagnosis, Error, ErrorKind, Party, Retry};
use zeroize::Zeroizing;

use crate::pending_key::PendingKey;
use crate::{STAGE, UserAgentBinding};

/// The longest response that is read, in bytes.
const LONGEST: usize = 32 * 1024;
/// The most parameters that one may have.
const MOST: usize = 64;

/// An authorization response (RFC 6749 section 4.1.2) as it came: nobody has checked yet who sent it.
///
/// A response with a repeated parameter, a broken escape, a byte that is no text or a control character is none. A
/// parameter without a value counts as left out (RFC 6749 section 3.1); unknown ones are passed over.
///
/// ```
/// use grantry_authorization_code::Callback;
/// let callback = Callback::from_query("code=SplxlOBeZQQYbYS6WxSbIA&state=xyz&session_state=1")?;
/// assert!(!format!("{callback:?}").contains("Splx"));
/// assert!(Callback::from_query("code=a&state=xyz&code=b").is_err());
/// # Ok::<(), grantry_core::Error>(())
/// ```
#[derive(Default)]
pub struct Callback {
    pub(crate) code: Option<Zeroizing<String>>,
    pub(crate) state: Option<Zeroizing<String>>,
    pub(crate) iss: Option<Zeroizing<String>>,
    pub(crate) error: Option<Zeroizing<String>>,
    pub(crate) error_description: Option<Zeroizing<String>>,
}

impl Callback {
    /// Reads the query of the request that came to the redirect URI, with or without its question mark.
    ///
    /// # Errors
    /// [`InvalidAnswer`](ErrorKind::InvalidAnswer), with nothing of the query in it.
    pub fn from_query(query: &str) -> Result<Self, Error> {
        Self::read(query.strip_prefix('?').unwrap_or(query).as_bytes())
    }

    /// Reads the whole URL or request target that was asked for, such as `/callback?code=..`. A fragment is no part
    /// of it.
    ///
    /// # Errors
    /// As [`from_query`](Self::from_query).
    pub fn from_url(url: &str) -> Result<Self, Error> {
        let before_fragment = url.split('#').next().unwrap_or_default();
        Self::read(before_fragment.split_once('?').map_or("", |(_, query)| query).as_bytes())
    }

    /// Reads the form-encoded body of a POST to the redirect URI (`response_mode=form_post`).
    ///
    /// # Errors
    /// As [`from_query`](Self::from_query).
    pub fn from_form(body: &[u8]) -> Result<Self, Error> {
        Self::read(body)
    }

    /// Under which key the authorization that this belongs to is kept, if it was begun in this user agent; `None`
    /// where the response has no state.
    pub fn key(&self, user_agent: &UserAgentBinding) -> Option<PendingKey> {
        self.state.as_ref().map(|state| PendingKey::of(state, &user_agent.hash()))
    }

    fn read(encoded: &[u8]) -> Result<Self, Error> {
        if encoded.len() > LONGEST {
            return Err(unreadable("it is longer than 32 KiB"));
        }
        let mut callback = Self::default();
        let mut names: Vec<Zeroizing<String>> = Vec::new();
        for pair in encoded.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
            let end = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
            let name = decode(&pair[..end]).ok_or_else(|| unreadable("a name is not form-encoded text"))?;
            if names.contains(&name) {
                return Err(unreadable("it names a parameter twice (RFC 6749 section 3.1)"));
            }
            if names.len() == MOST {
                return Err(unreadable("it has more than 64 parameters"));
            }
            let value = pair.get(end + 1..).unwrap_or_default();
            if name.as_str() == "error_description" {
                // A text for people, with line breaks in it at some servers; it decides nothing.
                callback.error_description = unescape(value);
            } else if let Some(place) = callback.place(&name) {
                let value = decode(value).ok_or_else(|| unreadable("a value is not form-encoded text"))?;
                *place = (!value.is_empty()).then_some(value);
            }
            names.push(name);
        }
        Ok(callback)
    }

    fn place(&mut self, name: &str) -> Option<&mut Option<Zeroizing<String>>> {
        match name {
            "code" => Some(&mut self.code),
            "state" => Some(&mut self.state),
            "iss" => Some(&mut self.iss),
            "error" => Some(&mut self.error),
            _ => None,
        }
    }
}

/// Undoes form-encoding; `None` for what [`unescape`] does not read, and for control characters.
fn decode(encoded: &[u8]) -> Option<Zeroizing<String>> {
    unescape(encoded).filter(|text| !text.chars().any(char::is_control))
}

/// Undoes form-encoding; `None` for a broken escape and for bytes that are no UTF-8.
fn unescape(encoded: &[u8]) -> Option<Zeroizing<String>> {
    // It only becomes shorter, so the buffer never moves.
    let mut bytes = Zeroizing::new(Vec::with_capacity(encoded.len()));
    let mut rest = encoded.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(*rest.next()?)? << 4 | hex(*rest.next()?)?,
            // A browser escapes these, so whoever sent them is none.
            0..=b' ' | 0x7f.. => return None,
            plain => *plain,
        });
    }
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn unreadable(why: &str) -> Error {
    let fact = format!("what came to the redirect URI is no authorization response: {why}");
    let diagnosis = Diagnosis::new(
        Party::ResourceOwner,
        "answer it with an error page; what was begun goes on, and can be finished by the right response",
        Retry::Never,
    )
    .cause("somebody made the address up, or a program cut it");
    Error::new(ErrorKind::InvalidAnswer, STAGE, fact).with_diagnosis(diagnosis)
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback")
            .field("code", &self.code.is_some())
            .field("state", &self.state.is_some())
            .field("iss", &self.iss.is_some())
            .field("error", &self.error.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(callback: &Callback) -> Option<&str> {
        callback.code.as_ref().map(|code| code.as_str())
    }

    #[test]
    fn each_way_of_coming_back_is_read() {
        let query = "code=a%2Fb+c&state=s&iss=https%3A%2F%2Fas.example&scope=x";
        for callback in [
            Callback::from_query(query),
            Callback::from_query(&format!("?{query}")),
            Callback::from_url(&format!("https://app.example/callback?{query}#_=_")),
            Callback::from_url(&format!("/callback?{query}")),
            Callback::from_form(query.as_bytes()),
        ] {
            let callback = callback.unwrap();
            assert_eq!(code(&callback), Some("a/b c"));
            assert_eq!(callback.iss.unwrap().as_str(), "https://as.example");
        }
        assert_eq!(code(&Callback::from_query("code=a?b&&state=").unwrap()), Some("a?b"));
        assert!(Callback::from_query("state=&code").unwrap().state.is_none());
        assert!(Callback::from_url("https://app.example/callback#code=a&state=b").unwrap().code.is_none());
        assert!(Callback::from_url("/favicon.ico").unwrap().state.is_none());
        for odd in ["a%0d%0ab", "%00", "%zz", "%ff", ""] {
            let query = format!("error=x&state=y&error_description={odd}");
            assert!(Callback::from_query(&query).unwrap().error.is_some(), "{odd}");
        }
        assert!(Callback::from_query("error_description=a&error_description=a").is_err());
    }

    #[test]
    fn what_could_mean_two_things_is_refused() {
        let many: String = (0..65).map(|n| format!("p{n}=1&")).collect();
        for bad in [
            "code=a&code=b",
            "code=a&code=a",
            "code=&code=a",
            "code=a&%63ode=b",
            "state=a&state=b",
            "iss=a&iss=b",
            "error=a&error=b",
            "x=1&x=2",
            "code=%00",
            "code=a%0d%0ab",
            "code=a%0a",
            "code=%",
            "code=%2",
            "code=%zz",
            "code=%+1",
            "code=%c0%af",
            "code=%ff",
            "code=%c2%85",
            "code=a b",
            "code=a\r\n",
            "code=\u{e9}",
            "%zz=1",
            many.as_str(),
        ] {
            let error = Callback::from_query(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidAnswer, "{bad}");
        }
        let long = format!("code={}", "a".repeat(1 << 20));
        assert!(Callback::from_query(&long).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_bytes_are_too_odd_and_none_shows(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            pairs in "((code|state|iss|error|error_description|x)=[ -~é%+]{0,12}&?){0,6}",
        ) {
            for read in [Callback::from_form(&bytes), Callback::from_query(&pairs), Callback::from_url(&pairs)] {
                if let Err(error) = read {
                    prop_assert_eq!(error.kind(), ErrorKind::InvalidAnswer);
                }
            }
        }

        #[test]
        fn neither_a_response_nor_its_error_shows_a_value(
            secret in "canary[a-zA-Z0-9]{16}",
            parameter in "(code|state|iss|error|error_description|x)",
            broken in "(|&code=1&code=2|%zz|&a=%00)",
        ) {
            let shown = match Callback::from_query(&format!("{parameter}={secret}{broken}")) {
                Ok(callback) => format!("{callback:?}"),
                Err(error) => format!("{error} {error:?} {}", error.diagnosis()),
            };
            prop_assert!(!shown.contains("canary"), "{}", shown);
        }

        #[test]
        fn whatever_is_encoded_comes_back(text in "[^\\p{Cc}]{0,40}") {
            let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            let callback = Callback::from_query(&format!("code={encoded}")).unwrap();
            prop_assert_eq!(code(&callback).unwrap_or_default(), text);
        }
    }
}
