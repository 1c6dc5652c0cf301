//! Numbers of seconds as servers write them.

use std::time::Duration;

use super::Member;

/// Longer lifetimes are taken for this: ten years.
const LONGEST: u64 = 10 * 366 * 24 * 3600;

/// Whole seconds from an integer, a float or a string of one; `None` for what is absent, negative or no number.
pub(crate) fn seconds(member: &Member<'_>) -> Option<u64> {
    let text = member.text_or_number()?;
    let text = text.trim();
    // Not "inf" and "nan", which are numbers to the standard library.
    if text.is_empty()
        || !text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
    {
        return None;
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(text.parse().unwrap_or(LONGEST).min(LONGEST));
    }
    let number: f64 = text.parse().ok()?;
    if number < 0.0 {
        return None;
    }
    Some(Duration::try_from_secs_f64(number).map_or(LONGEST, |d| d.as_secs()).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Members;

    #[test]
    fn req_d02_every_spelling_of_a_lifetime_is_read_or_passed_over() {
        let huge = "9".repeat(400);
        let table = [
            ("3600", Some(3600)),
            ("\"3600\"", Some(3600)),
            ("\" 3600 \"", Some(3600)),
            ("3600.5", Some(3600)),
            ("3.6e3", Some(3600)),
            ("1", Some(1)),
            ("0", Some(0)),
            ("0.4", Some(0)),
            ("-1", None),
            ("\"-1\"", None),
            ("9223372036854775808", Some(LONGEST)),
            ("1e300", Some(LONGEST)),
            (huge.as_str(), Some(LONGEST)),
            ("null", None),
            ("true", None),
            ("\"soon\"", None),
            ("\"inf\"", None),
            ("\"NaN\"", None),
            ("\"\"", None),
            ("[]", None),
            ("{}", None),
        ];
        for (written, meant) in table {
            let body = format!("{{\"expires_in\":{written}}}");
            let members = Members::parse(body.as_bytes()).unwrap();
            assert_eq!(seconds(&members.expires_in), meant, "{written}");
        }
    }
}
