//! How far the authorization server's clock is from ours, by the `Date` of its answers.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use grantry_core::{Event, Observer, Timestamp};
use http::HeaderMap;
use http::header::DATE;

/// Less than this is no skew: `Date` counts whole seconds, and answers take time.
const TOLERATED_SECONDS: i64 = 10;

/// The server's clock as far as it is known. Lifetimes never depend on it, only assertions do.
#[derive(Debug, Default)]
pub(crate) struct ServerClock {
    /// Seconds that the server is ahead of us.
    ahead: AtomicI64,
}

impl ServerClock {
    /// Now, by the server's clock; by ours where they hardly differ.
    pub(crate) fn now(&self, ours: Timestamp) -> Timestamp {
        let ahead = self.ahead.load(Ordering::Relaxed);
        let by = Duration::from_secs(ahead.unsigned_abs());
        if ahead < 0 { ours.before(by) } else { ours.after(by) }
    }

    /// Measures with an answer that came just now. Says so when the skew changed, and gives whether it did.
    pub(crate) fn measure(
        &self,
        headers: &HeaderMap,
        ours: Timestamp,
        server: &str,
        observer: &dyn Observer,
    ) -> bool {
        let Some(theirs) = date(headers) else { return false };
        let measured = theirs.saturating_sub(ours.as_unix_seconds());
        let ahead = if measured.abs() < TOLERATED_SECONDS { 0 } else { measured };
        let before = self.ahead.swap(ahead, Ordering::Relaxed);
        if ahead.abs_diff(before) < TOLERATED_SECONDS.unsigned_abs() {
            return false;
        }
        if ahead != 0 {
            let by = Duration::from_secs(ahead.unsigned_abs());
            observer.on(&Event::clock_skew(server.to_owned(), by, ahead < 0));
        }
        true
    }
}

/// The answer's `Date` in seconds since 1970.
pub(crate) fn date(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(DATE)?.to_str().ok()?;
    let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Debug, Default)]
    struct Seen(Mutex<Vec<(Duration, bool)>>);

    impl Observer for Seen {
        fn on(&self, event: &Event) {
            if let Event::ClockSkew { by, ours_is_ahead, .. } = event {
                self.0.lock().unwrap().push((*by, *ours_is_ahead));
            }
        }
    }

    fn at(date: &str) -> HeaderMap {
        HeaderMap::from_iter([(DATE, date.parse().unwrap())])
    }

    #[test]
    fn req_c09_the_skew_is_measured_told_once_and_taken_back() {
        let (clock, seen) = (ServerClock::default(), Seen::default());
        let ours = Timestamp::from_unix_seconds(784_111_777);
        let measure = |date: &str| clock.measure(&at(date), ours, "as.example.com", &seen);
        assert!(!measure("Sun, 06 Nov 1994 08:49:40 GMT"));
        assert_eq!(clock.now(ours), ours);
        assert!(measure("Sun, 06 Nov 1994 08:59:37 GMT"));
        assert!(!measure("Sun, 06 Nov 1994 08:59:39 GMT"));
        assert_eq!(clock.now(ours).as_unix_seconds(), 784_111_777 + 602);
        assert!(measure("Sun, 06 Nov 1994 08:39:37 GMT"));
        assert_eq!(clock.now(ours).as_unix_seconds(), 784_111_777 - 600);
        assert!(!measure("yesterday"));
        assert!(measure("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(clock.now(ours), ours);
        let told = [(Duration::from_secs(600), false), (Duration::from_secs(600), true)];
        assert_eq!(*seen.0.lock().unwrap(), told);
    }
}
