//! What a device authorization endpoint answers (RFC 8628 section 3.2).

use std::fmt;
use std::time::Duration;

use grantry_core::{Instant, check_endpoint};
use url::Url;
use zeroize::Zeroizing;

use crate::Answer;
use crate::answer::{Member, Members, is_encoded, seconds};

/// What a client waits between two polls where the server names no time (RFC 8628 section 3.2).
const INTERVAL: Duration = Duration::from_secs(5);
/// The longest device code that is accepted, in bytes.
const LONGEST_DEVICE_CODE: usize = 4_096;
/// The longest user code that is accepted, in characters: a person types it.
const LONGEST_USER_CODE: usize = 64;
/// The longest address that is accepted, in bytes.
const LONGEST_URI: usize = 2_048;
/// Longer lifetimes are taken for this, in seconds.
const LONGEST_LIFETIME: u64 = 24 * 3600;

/// The codes of one device authorization, and what to tell the person.
///
/// Whoever has the device code gets the tokens, so it is a secret, and no `Debug` shows it; nor the user code, with
/// which a stranger could approve in the person's place.
pub struct DeviceCodes {
    device_code: Zeroizing<String>,
    user_code: Zeroizing<String>,
    verification_uri: VerificationUri,
    verification_uri_complete: Option<VerificationUri>,
    lifetime: Duration,
    expires: Instant,
    interval: Duration,
}

/// An address that a person is to open: https, or http to loopback, in the form that browsers have for it. It is of
/// ASCII without spaces, control characters and user information, at most 2 KiB.
///
/// `Display` is the address. `Debug` shows no more than its origin, since it may hold the user code.
#[derive(Clone, PartialEq, Eq)]
pub struct VerificationUri(Url);

impl DeviceCodes {
    /// `None` where the answer is no success, or one that cannot be used.
    pub(crate) fn read(answer: &Answer, sent: Instant) -> Option<Self> {
        if !answer.status().is_success() || is_encoded(answer) {
            return None;
        }
        let members =
            Members::parse(answer.expose_body()).ok().filter(|members| members.error.is_absent())?;
        let lifetime = seconds(&members.expires_in).filter(|lifetime| *lifetime > 0)?;
        let lifetime = Duration::from_secs(lifetime.min(LONGEST_LIFETIME));
        let device_code = members.device_code.text().filter(|code| is_sendable(code))?;
        let verification_uri =
            VerificationUri::read(&members.verification_uri).or_else(|| match members.verification_uri {
                Member::Absent | Member::Null => VerificationUri::read(&members.verification_url),
                _ => None,
            })?;
        Some(Self {
            device_code,
            user_code: user_code(&members.user_code)?,
            verification_uri,
            // A convenience: without it, the person types.
            verification_uri_complete: VerificationUri::read(&members.verification_uri_complete),
            lifetime,
            expires: sent.after(lifetime),
            // Nobody means to be asked without a pause.
            interval: match seconds(&members.interval) {
                None | Some(0) => INTERVAL,
                Some(interval) => Duration::from_secs(interval),
            },
        })
    }

    /// What the client polls with.
    pub fn expose_device_code(&self) -> &str {
        &self.device_code
    }

    /// What the person types: letters and digits of any script, spaces, and marks that quote and escape nothing, at
    /// most 64 characters. **Escape it** as any text where it goes into a page.
    pub fn user_code(&self) -> &str {
        &self.user_code
    }

    /// Where the person types it.
    pub fn verification_uri(&self) -> &VerificationUri {
        &self.verification_uri
    }

    /// The same with the user code in it, for a QR code, where the server has one that is usable. The user code is to
    /// be shown nevertheless, so that the person can compare it (RFC 8628 section 3.3.1).
    pub fn verification_uri_complete(&self) -> Option<&VerificationUri> {
        self.verification_uri_complete.as_ref()
    }

    /// How long the codes are good for: from 1 s to 24 h, from when they were asked for.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// When the codes expire, on the boot clock.
    pub fn expires(&self) -> Instant {
        self.expires
    }

    /// How long to wait between two polls at least; 5 s where the server names no time, or none at all.
    pub fn interval(&self) -> Duration {
        self.interval
    }
}

/// RFC 6749 appendix A: visible characters and spaces.
fn is_sendable(code: &str) -> bool {
    !code.is_empty() && code.len() <= LONGEST_DEVICE_CODE && code.bytes().all(|b| matches!(b, b' '..=b'~'))
}

/// A user code as it is, or none: with a character taken out it would be another code.
fn user_code(member: &Member<'_>) -> Option<Zeroizing<String>> {
    let text = member.text_or_number()?;
    let code = text.trim();
    let harmless = |c: char| c.is_alphanumeric() || " -_.:+*#/".contains(c);
    let fits = !code.is_empty() && code.chars().count() <= LONGEST_USER_CODE && code.chars().all(harmless);
    fits.then(|| Zeroizing::new(code.to_owned()))
}

impl VerificationUri {
    fn read(member: &Member<'_>) -> Option<Self> {
        let text = member.text().filter(|text| text.len() <= LONGEST_URI)?;
        // The parser drops them silently, and escapes them elsewhere: nobody means them.
        if text.chars().any(char::is_control) {
            return None;
        }
        let url = Url::parse(&text).ok().filter(|url| url.as_str().len() <= LONGEST_URI)?;
        let mut before_fragment = url.clone();
        before_fragment.set_fragment(None);
        check_endpoint("verification URI", &before_fragment).ok()?;
        Some(Self(url))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for VerificationUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for VerificationUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VerificationUri").field(&self.0.origin().ascii_serialization()).finish()
    }
}

impl fmt::Debug for DeviceCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceCodes")
            .field("verification_uri", &self.verification_uri)
            .field("expires", &self.expires)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;
    use proptest::prelude::*;

    fn read(body: impl AsRef<[u8]>) -> Option<DeviceCodes> {
        DeviceCodes::read(&Answer::new(StatusCode::OK).with_body(body.as_ref()), Instant::ZERO)
    }

    /// A usable answer with members before the others.
    fn with(members: &str) -> Option<DeviceCodes> {
        read(format!(
            r#"{{{members}"device_code":"dc","user_code":"WDJB-MJHT","expires_in":1800,
                "verification_uri":"https://as.example.com/device"}}"#
        ))
    }

    fn with_user_code(code: &str) -> Option<DeviceCodes> {
        let body = serde_json::json!({
            "device_code": "dc", "user_code": code, "expires_in": 60, "verification_uri": "https://as.example/d",
        });
        read(body.to_string())
    }

    fn with_uri(uri: &str) -> Option<DeviceCodes> {
        let body = serde_json::json!({
            "device_code": "dc", "user_code": "A", "expires_in": 60, "verification_uri": uri,
            "verification_uri_complete": uri,
        });
        read(body.to_string())
    }

    #[test]
    fn req_c16_the_interval_is_five_seconds_unless_the_server_names_one() {
        for (members, interval) in [
            ("", 5),
            (r#""interval":10,"#, 10),
            (r#""interval":"7","#, 7),
            (r#""interval":1,"#, 1),
            (r#""interval":0,"#, 5),
            (r#""interval":-3,"#, 5),
            (r#""interval":null,"#, 5),
            (r#""interval":"soon","#, 5),
        ] {
            assert_eq!(with(members).unwrap().interval(), Duration::from_secs(interval), "{members}");
        }
    }

    #[test]
    fn the_answer_of_the_rfc_is_read() {
        let device = with(
            r#""verification_uri_complete":"https://as.example.com/device?user_code=WDJB-MJHT","interval":5,"#,
        )
        .unwrap();
        assert_eq!((device.expose_device_code(), device.user_code()), ("dc", "WDJB-MJHT"));
        assert_eq!(device.verification_uri().to_string(), "https://as.example.com/device");
        let complete = device.verification_uri_complete().unwrap().as_str();
        assert_eq!(complete, "https://as.example.com/device?user_code=WDJB-MJHT");
        assert_eq!(device.expires(), Instant::ZERO.after(Duration::from_secs(1800)));
        let google = r#"{"device_code":"4/4-GM","user_code":"GQVQ-JKEC","expires_in":1800,"interval":5,
            "verification_url":"https://www.google.com/device"}"#;
        assert_eq!(read(google).unwrap().verification_uri().as_str(), "https://www.google.com/device");
    }

    #[test]
    fn what_is_missing_or_contradicts_is_no_answer() {
        for body in [
            "",
            "{}",
            "<html>",
            r#"{"device_code":"dc","user_code":"A","verification_uri":"https://as.example/d"}"#,
            r#"{"device_code":"dc","user_code":"A","verification_uri":"https://as.example/d","expires_in":0}"#,
            r#"{"device_code":"","user_code":"A","verification_uri":"https://as.example/d","expires_in":60}"#,
            r#"{"device_code":"d\n","user_code":"A","verification_uri":"https://as.example/d","expires_in":60}"#,
            r#"{"device_code":"dc","user_code":"","verification_uri":"https://as.example/d","expires_in":60}"#,
            r#"{"device_code":"dc","verification_uri":"https://as.example/d","expires_in":60}"#,
            r#"{"device_code":"dc","user_code":"A","expires_in":60}"#,
        ] {
            assert!(read(body).is_none(), "{body}");
        }
        assert!(with(r#""error":"invalid_client","#).is_none());
        assert!(with(r#""device_code":"other","#).is_none());
    }

    #[test]
    fn a_person_is_shown_no_code_that_could_harm_a_terminal_or_a_page() {
        for good in ["WDJB-MJHT", "123 456 789", "ко-д7", "a.b_c"] {
            assert_eq!(with_user_code(good).unwrap().user_code(), good);
        }
        let long = "x".repeat(65);
        for bad in ["\u{1b}[31mA", "A\u{202e}B", "A\nB", "<b>", "a\"b", "a&b", "A\u{200b}B", "\u{7}", &long] {
            assert!(with_user_code(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_person_is_sent_to_https_or_loopback_alone() {
        for good in ["https://as.example/device", "http://127.0.0.1:8080/d", "https://as.example/#/device"] {
            let device = with_uri(good).unwrap();
            assert_eq!(device.verification_uri().as_str(), good);
            assert!(device.verification_uri_complete().is_some());
        }
        let long = format!("https://as.example/{}", "x".repeat(LONGEST_URI));
        for bad in [
            "http://as.example/device",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "https://person:secret@as.example/",
            "https://as.example/\u{1b}[31m",
            "as.example/device",
            "",
            &long,
        ] {
            assert!(with_uri(bad).is_none(), "{bad}");
        }
        // Unusual characters are escaped, and names are shown as they are resolved.
        let odd = with_uri("https://аs.example/a b\u{202e}").unwrap();
        assert_eq!(odd.verification_uri().as_str(), "https://xn--s-7sb.example/a%20b%E2%80%AE");
        let without = with(r#""verification_uri_complete":"javascript:alert(1)","#).unwrap();
        assert!(without.verification_uri_complete().is_none());
    }

    #[test]
    fn no_code_shows_in_debug() {
        let device = with(r#""verification_uri_complete":"https://as.example.com/?c=WDJB-MJHT","#).unwrap();
        let shown = format!("{device:?} {:#?} {:?}", device, device.verification_uri_complete());
        assert!(!shown.contains("WDJB") && !shown.contains("\"dc\""), "{shown}");
    }

    /// A member's value: as it may come, or anything else.
    fn value() -> impl Strategy<Value = serde_json::Value> {
        prop_oneof![
            any::<String>().prop_map(serde_json::Value::from),
            "[ -~]{0,80}".prop_map(serde_json::Value::from),
            Just("https://as.example/device".into()),
            "(https?|file)://[a-z@.:/#?]{0,30}".prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            any::<f64>().prop_map(serde_json::Value::from),
            Just(60.into()),
            Just(serde_json::Value::Null),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_comes_what_is_read_is_harmless(
            device_code in prop_oneof![Just("dc".into()), value()],
            user_code in prop_oneof![Just("A-B".into()), value()],
            uri in prop_oneof![Just("https://as.example/d".into()), value()],
            complete in value(),
            expires_in in prop_oneof![Just(60.into()), value()],
            interval in value(),
        ) {
            let body = serde_json::json!({
                "device_code": device_code, "user_code": user_code, "verification_uri": uri,
                "verification_uri_complete": complete, "expires_in": expires_in, "interval": interval,
            });
            if let Some(device) = read(body.to_string()) {
                let uris = [Some(device.verification_uri()), device.verification_uri_complete()];
                for uri in uris.into_iter().flatten() {
                    prop_assert!(uri.as_str().bytes().all(|b| b.is_ascii_graphic()), "{uri}");
                    prop_assert!(uri.as_str().starts_with("https://") || uri.as_str().starts_with("http://"));
                }
                prop_assert!(!device.user_code().chars().any(|c| c.is_control() || "<>&\"'\\`$".contains(c)));
                prop_assert!(device.interval() >= Duration::from_secs(1));
                prop_assert!(device.lifetime() >= Duration::from_secs(1));
                prop_assert!(device.lifetime() <= Duration::from_secs(24 * 3600));
            }
        }

        #[test]
        fn whatever_bytes_come_nothing_panics(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(body);
        }
    }
}
