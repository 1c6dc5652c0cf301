//! How often a process looks for what dead processes left.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use grantry_core::{Instant, Rotation};
use tokio::sync::Notify;

const USUAL: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// A look at all tenants reads every record of the vault. Where it takes a second, the next one comes after a hundred, so that
/// a vault of any size is looked at as often as can be, and a hundredth of the time is spent on it.
const SHARE: u32 = 100;

/// As often as the application says, else as often as the servers that are known of make it necessary.
#[derive(Debug)]
pub(crate) struct Looking {
    every: Option<Duration>,
    /// The shortest window that is known of, in milliseconds.
    shortest_window: AtomicU64,
    /// Somebody opened one that cannot wait for so long.
    sooner: Arc<Notify>,
    /// Whether the next look is at all tenants.
    at_all: AtomicBool,
    /// When the last look at all tenants was over, and how long it took.
    last_at_all: Mutex<Option<(Instant, Duration)>>,
}

impl Looking {
    pub(crate) fn every(every: Option<Duration>) -> Self {
        let every = every.map(|every| every.max(SHORTEST));
        Self {
            every,
            shortest_window: AtomicU64::new(u64::MAX),
            sooner: Arc::default(),
            at_all: AtomicBool::new(false),
            last_at_all: Mutex::default(),
        }
    }

    /// There may be grants of a server that does this with used refresh tokens. What an owner that died had sent can be asked for
    /// again inside the window only, so somebody has to look in time.
    pub(crate) fn note(&self, rotation: Rotation) {
        let Rotation::Grace { window, .. } = rotation else { return };
        let window = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        let before = self.shortest_window.fetch_min(window, Ordering::Relaxed);
        if self.every.is_none() && window < before {
            self.sooner.notify_one();
        }
    }

    /// The longest pause between two looks: a third of the shortest window, for the lease of the one that died takes a
    /// third too.
    pub(crate) fn pause(&self) -> Duration {
        let third = Duration::from_millis(self.shortest_window.load(Ordering::Relaxed) / 3);
        self.every.unwrap_or_else(|| third.clamp(SHORTEST, USUAL))
    }

    /// Has the next look be at all tenants, and soon.
    pub(crate) fn look_at_all(&self) {
        self.owe_all();
        self.sooner.notify_one();
    }

    /// Has the next look be at all tenants.
    pub(crate) fn owe_all(&self) {
        self.at_all.store(true, Ordering::Release);
    }

    /// Whether a look at all tenants waits to be made.
    pub(crate) fn waits_for_all(&self) -> bool {
        self.at_all.load(Ordering::Acquire)
    }

    /// Whether this look is at all tenants: where it was asked for, and as often as looks at open grants if that takes no more
    /// than a hundredth of the time; else as much later, and each hour at least.
    pub(crate) fn is_at_all(&self, now: Instant) -> bool {
        let last = *self.last_at_all.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = last.is_none_or(|(over, took)| now.since(over) >= (took * SHARE).min(HOUR));
        self.at_all.swap(false, Ordering::AcqRel) || is_time
    }

    /// All tenants have been looked at since then.
    pub(crate) fn was_at_all(&self, since: Instant, now: Instant) {
        *self.last_at_all.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, now.since(since)));
    }

    /// The longest pause where no window is running out.
    pub(crate) fn unhurried(&self) -> Duration {
        self.every.unwrap_or(USUAL)
    }

    pub(crate) fn sooner(&self) -> Arc<Notify> {
        Arc::clone(&self.sooner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_tenants_are_looked_at_for_a_hundredth_of_the_time_and_when_it_is_asked_for() {
        let at = |millis| Instant::ZERO.after(Duration::from_millis(millis));
        let looking = Looking::every(None);
        assert!(looking.is_at_all(at(0)), "nobody has looked yet");
        looking.was_at_all(at(0), at(100));
        assert!(!looking.is_at_all(at(10_099)) && looking.is_at_all(at(10_100)));
        looking.look_at_all();
        assert!(looking.waits_for_all());
        assert!(looking.is_at_all(at(200)) && !looking.is_at_all(at(201)));
        // A vault that takes ten minutes.
        looking.was_at_all(at(0), at(600_000));
        assert!(!looking.is_at_all(at(4_199_999)) && looking.is_at_all(at(4_200_000)));
    }

    #[test]
    fn the_shortest_window_says_how_often_unless_the_application_does() {
        let grace = |seconds| Rotation::Grace { window: Duration::from_secs(seconds), same: false };
        let looking = Looking::every(None);
        for (rotation, seconds) in
            [(Rotation::UNKNOWN, 60), (grace(600), 60), (grace(30), 10), (grace(90), 10), (grace(2), 1)]
        {
            looking.note(rotation);
            assert_eq!(looking.pause(), Duration::from_secs(seconds), "{rotation:?}");
            assert_eq!(looking.unhurried(), USUAL);
        }
        let asked = Looking::every(Some(Duration::from_secs(20)));
        asked.note(grace(30));
        assert_eq!(asked.pause(), Duration::from_secs(20));
    }
}
