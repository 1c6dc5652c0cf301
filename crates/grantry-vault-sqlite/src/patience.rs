//! Waiting for a lock that another process holds.

use std::time::Duration;

use crate::failure::is_busy;

/// How long a call waits for a lock. SQLite's own waiting goes up to a tenth of a second between two tries, which
/// a lock that is held for one `fsync` does not deserve.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience(pub(crate) Duration);

const FIRST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(2);

impl Patience {
    /// Tries until it is not told that somebody else is at it, or until the pauses add up to the patience.
    pub(crate) fn until_free<T>(self, mut step: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let (mut slept, mut pause) = (Duration::ZERO, FIRST_PAUSE);
        loop {
            match step() {
                Err(error) if is_busy(&error) && slept < self.0 => {
                    let now = pause.min(self.0 - slept);
                    std::thread::sleep(now);
                    slept += now;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                other => return other,
            }
        }
    }
}
