//! `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date.

use std::time::{Duration, UNIX_EPOCH};

use grantry_core::Timestamp;
use http::HeaderMap;
use http::header::RETRY_AFTER;

use crate::server_clock::date;

/// Nobody is made to wait longer than a day.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// How long to wait. A date counts from the answer's own `Date`, else from our wall clock `now`; one in the past
/// is no wait, and what is neither form says nothing.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(text.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST));
    }
    let until = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let from = date(headers).unwrap_or(now.as_unix_seconds());
    let from = Duration::from_secs(u64::try_from(from).ok()?);
    Some(until.saturating_sub(from).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_nonsense_is_passed_over() {
        let now = Timestamp::from_unix_seconds(784_111_777);
        let read = |text: &str| {
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]), now)
                .map(|d| d.as_secs())
        };
        for (written, meant) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("99999999999999999999999", Some(86_400)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(86_400)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(read(written), meant, "{written:?}");
        }
        let both = HeaderMap::from_iter([
            (RETRY_AFTER, "Sun, 06 Nov 1994 09:49:47 GMT".parse().unwrap()),
            (http::header::DATE, "Sun, 06 Nov 1994 09:49:37 GMT".parse().unwrap()),
        ]);
        assert_eq!(retry_after(&both, now), Some(Duration::from_secs(10)), "the server's clock counts");
    }
}
