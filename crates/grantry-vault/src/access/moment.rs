//! Moments as text: `2026-12-31T23:59:59Z` (RFC 3339), in UTC alone.

use grantry_core::Timestamp;

use super::error::PolicyError;

const NANOS: i128 = 1_000_000_000;
const DAY: i64 = 86_400;

/// The text of a moment; a fraction of a second only where there is one.
pub(super) fn to_text(moment: Timestamp) -> String {
    let seconds = moment.as_unix_seconds();
    let nanos = moment.as_unix_nanos().rem_euclid(1_000_000_000);
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let of_day = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let fraction = if nanos == 0 { String::new() } else { format!(".{nanos:09}") };
    let fraction = fraction.trim_end_matches('0');
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Reads what [`to_text`] writes.
pub(super) fn parse(text: &str) -> Result<Timestamp, PolicyError> {
    let refused = || {
        PolicyError::invalid(
            "moment",
            text,
            "it has to be in UTC, as in 2026-12-31T23:59:59Z, from 1678 to 2261",
        )
    };
    read(text).ok_or_else(refused)
}

fn read(text: &str) -> Option<Timestamp> {
    let (text, fraction) = match text.strip_suffix('Z')?.split_once('.') {
        Some((text, fraction)) => (text, fraction),
        None => (text.strip_suffix('Z')?, "0"),
    };
    let bytes: &[u8; 19] = text.as_bytes().try_into().ok()?;
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !marks.into_iter().all(|(at, mark)| bytes.get(at) == Some(&mark)) {
        return None;
    }
    let number = |from, to| digits(text.get(from..to)?);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let days = days(year, month, day);
    if date(days) != (year, month, day)
        || hour > 23
        || minute > 59
        || second > 59
        || !(1..=9).contains(&fraction.len())
    {
        return None;
    }
    let nanos = digits(&format!("{fraction:0<9}"))?;
    let seconds = days * DAY + hour * 3600 + minute * 60 + second;
    let nanos = i128::from(seconds) * NANOS + i128::from(nanos);
    i64::try_from(nanos).ok().map(Timestamp::from_unix_nanos)
}

/// A number of digits alone, without a sign.
fn digits(text: &str) -> Option<i64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted from March on, so that the leap day is
/// the last of them.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let month = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 153 days are the five months from March to July, and again from August to December.
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

/// The date so many days after 1970-01-01.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (year * 365 + year / 4 - year / 100);
    let month = (day * 5 + 2) / 153;
    let day = day - (month * 153 + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments_have_their_text() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
            (1_798_761_599_500_000_000, "2026-12-31T23:59:59.5Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
        ] {
            let moment = Timestamp::from_unix_nanos(nanos);
            assert_eq!(to_text(moment), text);
            assert_eq!(parse(text), Ok(moment));
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "Z",
            "2026-12-31",
            "2026-12-31T23:59:59",
            "2026-12-31T23:59:59+00:00",
            "2026-12-31t23:59:59z",
            "2026-12-31 23:59:59Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-32T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-12-31T23:59:60Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1234567890Z",
            "2026-01-01T00:00:00.+1Z",
            "+026-01-01T00:00:00Z",
            "2026-01-01T00:00:0\u{661}Z",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "2262-04-11T23:47:16.854775808Z",
            "1677-09-21T00:12:43.145224191Z",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_is_parsed_back(nanos in any::<i64>()) {
            let moment = Timestamp::from_unix_nanos(nanos);
            prop_assert_eq!(parse(&to_text(moment)), Ok(moment));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9TZ:.-]{0,32}|.{0,32}") {
            if let Ok(moment) = parse(&text) {
                prop_assert_eq!(parse(&to_text(moment)), Ok(moment));
            }
        }
    }
}
