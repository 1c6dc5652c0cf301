//! Times in words, for people.

use std::time::Duration;

use grantry_core::Timestamp;

/// A moment as `2026-11-25 12:03:10 UTC`.
pub(crate) fn utc(at: Timestamp) -> String {
    let seconds = at.as_unix_seconds();
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Year, month and day of the Gregorian calendar, so many days after 1970-01-01.
fn date(days: i64) -> (i64, i64, i64) {
    // Years that begin with March, so that the leap day is their last.
    let days = days + 719_468;
    let (cycle, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (cycle * 400 + year + next, month, day_of_month)
}

/// A length of time in its largest whole unit: `41 days`, `1 hour`.
pub(crate) fn length(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let (unit, name) = units.into_iter().find(|(unit, _)| seconds >= *unit).unwrap_or((1, "second"));
    let count = seconds / unit;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_in_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_735_689_599, "2024-12-31 23:59:59 UTC"),
            (1_795_694_590, "2026-11-26 12:03:10 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (-1, "1969-12-31 23:59:59 UTC"),
        ] {
            assert_eq!(utc(Timestamp::from_unix_seconds(seconds)), text, "{seconds}");
        }
    }

    #[test]
    fn lengths_are_in_their_largest_whole_unit() {
        for (seconds, text) in
            [(0, "0 seconds"), (1, "1 second"), (90, "1 minute"), (7_200, "2 hours"), (3_542_400, "41 days")]
        {
            assert_eq!(length(Duration::from_secs(seconds)), text);
        }
    }
}
