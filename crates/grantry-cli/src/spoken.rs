//! Times and lengths in words.

use std::time::Duration;

use grantry::Timestamp;

/// `2026-11-25T21:42:28Z`.
pub(crate) fn utc(at: Timestamp) -> String {
    at.to_string()
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

/// `1 grant`, `2 grants`.
pub(crate) fn count(number: impl TryInto<u64>, one: &str, more: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {}", if number == 1 { one } else { more })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_in_the_unit_that_fits() {
        let now = Timestamp::from_unix_seconds(1_000_000);
        let at = |seconds: i64| relative(Timestamp::from_unix_seconds(1_000_000 + seconds), now);
        assert_eq!([at(0), at(30), at(3300), at(-7300)], ["now", "in 30 s", "in 55 min", "2 h ago"]);
        assert_eq!(at(-900_000), "10 days ago");
        let (first, last) = (Timestamp::from_unix_seconds(i64::MIN), Timestamp::from_unix_seconds(i64::MAX));
        assert_eq!(
            (relative(first, last), relative(last, first)),
            ("213503 days ago".into(), "in 213503 days".into())
        );
    }
}
