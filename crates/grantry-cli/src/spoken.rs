//! Times and lengths in words.

use std::time::Duration;

use grantry::Timestamp;

/// `2026-11-25T21:42:28Z`.
pub(crate) fn utc(at: Timestamp) -> String {
    let seconds = at.as_unix_seconds();
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// `in 54 min`, `3 days ago`, `now`.
pub(crate) fn relative(at: Timestamp, now: Timestamp) -> String {
    if at > now {
        format!("in {}", length(at.since(now)))
    } else {
        match now.since(at) {
            short if short < Duration::from_secs(1) => "now".to_owned(),
            past => format!("{} ago", length(past)),
        }
    }
}

/// The largest unit that fits, rounded down.
pub(crate) fn length(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// The date of a day, counted from 1970-01-01 (Gregorian, also before it was).
fn civil(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the leap day is the last of one.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_rfc_3339_has_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_795_642_948, "2026-11-25T21:42:28Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(Timestamp::from_unix_seconds(seconds)), text);
        }
    }

    #[test]
    fn lengths_are_told_in_the_unit_that_fits() {
        let now = Timestamp::from_unix_seconds(1_000_000);
        let at = |seconds: i64| relative(Timestamp::from_unix_seconds(1_000_000 + seconds), now);
        assert_eq!([at(0), at(30), at(3300), at(-7300)], ["now", "in 30 s", "in 55 min", "2 h ago"]);
        assert_eq!(at(-900_000), "10 days ago");
    }
}
