//! How far the authorization server's clock is from ours, by the `Date` of its answers.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use grantry_core::{ClockSkew, Event, Timestamp};
use http::header::DATE;
use http::{HeaderMap, HeaderValue};

/// Less than this is no skew: `Date` counts whole seconds, and answers take time.
const TOLERATED_SECONDS: i64 = 10;
/// More than this is believed of nobody: an assertion must not be good for years because of one header.
const BELIEVED_SECONDS: i64 = 24 * 3600;

/// The server's clock as far as it is known. Lifetimes never depend on it, only assertions do.
#[derive(Debug, Default)]
pub(crate) struct ServerClock {
    /// Seconds that the server is ahead of us.
    ahead: AtomicI64,
    /// Whether a refusal was put down to the skew since the server last accepted the client.
    excused: AtomicBool,
}

/// A skew that was measured, and was another one before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Changed {
    ahead: i64,
}

impl Changed {
    /// What there is to tell; nothing where the skew is gone.
    pub(crate) fn event(self, server: &str) -> Option<Event> {
        let by = Duration::from_secs(self.ahead.unsigned_abs());
        (self.ahead != 0).then(|| Event::clock_skew(server.to_owned(), by, self.ahead < 0))
    }
}

impl ServerClock {
    /// Now, by the server's clock; by ours where they hardly differ.
    pub(crate) fn now(&self, ours: Timestamp) -> Timestamp {
        let ahead = self.ahead.load(Ordering::Relaxed);
        let by = Duration::from_secs(ahead.unsigned_abs());
        if ahead < 0 { ours.before(by) } else { ours.after(by) }
    }

    /// How far ours is off it, as it was measured last; nothing where they hardly differ.
    pub(crate) fn skew(&self) -> Option<ClockSkew> {
        let ahead = self.ahead.load(Ordering::Relaxed);
        let by = Duration::from_secs(ahead.unsigned_abs());
        (ahead != 0).then_some(ClockSkew { by, ours_is_ahead: ahead < 0 })
    }

    /// Measures with an answer that came just now. Says so when the skew changed. A `Date` that is more than a day
    /// off says nothing.
    pub(crate) fn measure(&self, headers: &HeaderMap, ours: Timestamp) -> Option<Changed> {
        self.measure_date(headers.get(DATE)?, ours)
    }

    /// The same with the `Date` alone.
    pub(crate) fn measure_date(&self, date: &HeaderValue, ours: Timestamp) -> Option<Changed> {
        let measured = seconds(date)?.saturating_sub(ours.as_unix_seconds());
        if measured.unsigned_abs() > BELIEVED_SECONDS.unsigned_abs() {
            return None;
        }
        let ahead = if measured.abs() < TOLERATED_SECONDS { 0 } else { measured };
        let before = self.ahead.swap(ahead, Ordering::Relaxed);
        (ahead.abs_diff(before) >= TOLERATED_SECONDS.unsigned_abs()).then_some(Changed { ahead })
    }

    /// Whether a refusal may be put down to the skew: once until the client is accepted, or a server whose clock
    /// jumps would be asked without end.
    pub(crate) fn excuses(&self) -> bool {
        !self.excused.swap(true, Ordering::Relaxed)
    }

    /// The server accepted the client.
    pub(crate) fn accepted(&self) {
        self.excused.store(false, Ordering::Relaxed);
    }
}

/// The answer's `Date` in seconds since 1970.
pub(crate) fn date(headers: &HeaderMap) -> Option<i64> {
    seconds(headers.get(DATE)?)
}

fn seconds(date: &HeaderValue) -> Option<i64> {
    let since = httpdate::parse_http_date(date.to_str().ok()?).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Timestamp = Timestamp::from_unix_seconds(784_111_777);

    fn measure(clock: &ServerClock, date: &str) -> Option<Changed> {
        clock.measure(&HeaderMap::from_iter([(DATE, date.parse().unwrap())]), OURS)
    }

    #[test]
    fn req_c09_the_skew_is_measured_told_once_and_taken_back() {
        let clock = ServerClock::default();
        assert!(measure(&clock, "Sun, 06 Nov 1994 08:49:40 GMT").is_none());
        assert_eq!(clock.now(OURS), OURS);
        for (date, ours_is_ahead) in
            [("Sun, 06 Nov 1994 08:59:37 GMT", false), ("Sun, 06 Nov 1994 08:39:37 GMT", true)]
        {
            let told = measure(&clock, date).unwrap().event("as.example.com").unwrap();
            let Event::ClockSkew { by, ours_is_ahead: ahead, .. } = told else { panic!("{told:?}") };
            assert_eq!((by, ahead), (Duration::from_secs(600), ours_is_ahead));
        }
        assert!(measure(&clock, "Sun, 06 Nov 1994 08:39:39 GMT").is_none());
        assert_eq!(clock.now(OURS).as_unix_seconds(), 784_111_777 - 598);
        assert!(measure(&clock, "yesterday").is_none());
        let gone = measure(&clock, "Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert!(gone.event("as.example.com").is_none());
        assert_eq!(clock.now(OURS), OURS);
    }

    #[test]
    fn a_date_more_than_a_day_off_is_believed_of_nobody() {
        let clock = ServerClock::default();
        assert!(measure(&clock, "Mon, 07 Nov 1994 08:49:37 GMT").is_some());
        for date in [
            "Mon, 07 Nov 1994 08:49:38 GMT",
            "Sat, 05 Nov 1994 08:49:36 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Thu, 01 Jan 1970 00:00:00 GMT",
        ] {
            assert!(measure(&clock, date).is_none(), "{date}");
        }
        assert_eq!(clock.now(OURS), OURS.after(Duration::from_secs(24 * 3600)));
    }

    #[test]
    fn the_skew_excuses_one_refusal_until_the_client_is_accepted() {
        let clock = ServerClock::default();
        assert!(clock.excuses() && !clock.excuses());
        clock.accepted();
        assert!(clock.excuses());
    }
}
