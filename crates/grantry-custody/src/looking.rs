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
/// a process spends a hundredth of its time on it; a vault that takes longer than half a minute is looked at each hour.
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
    /// The last look at all tenants.
    last_at_all: Mutex<AtAll>,
}

#[derive(Debug, Default)]
enum AtAll {
    #[default]
    Never,
    Looking,
    Looked {
        over: Instant,
        took: Duration,
    },
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

    /// Whether a look at all tenants begins now: where it was asked for, and as often as looks at open grants if that takes no more
    /// than a hundredth of the time; else as much later, and each hour at least. One at a time.
    pub(crate) fn begin_at_all(&self, now: Instant) -> bool {
        let mut at_all = self.last_at_all.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = match *at_all {
            AtAll::Never => true,
            AtAll::Looking => return false,
            AtAll::Looked { over, took } => now.since(over) >= took.saturating_mul(SHARE).min(HOUR),
        };
        let begins = self.at_all.swap(false, Ordering::AcqRel) || is_time;
        if begins {
            *at_all = AtAll::Looking;
        }
        begins
    }

    /// The look at all tenants that began then is over.
    pub(crate) fn was_at_all(&self, since: Instant, now: Instant) {
        let looked = AtAll::Looked { over: now, took: now.since(since) };
        *self.last_at_all.lock().unwrap_or_else(PoisonError::into_inner) = looked;
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
        assert!(looking.begin_at_all(at(0)), "nobody has looked yet");
        assert!(!looking.begin_at_all(at(90)), "somebody looks");
        looking.was_at_all(at(0), at(100));
        assert!(!looking.begin_at_all(at(10_099)) && looking.begin_at_all(at(10_100)));
        looking.look_at_all();
        assert!(
            !looking.begin_at_all(at(10_150)) && looking.waits_for_all(),
            "it is owed until that one is over"
        );
        looking.was_at_all(at(10_100), at(10_200));
        assert!(looking.begin_at_all(at(10_201)) && !looking.waits_for_all());
        // A vault that takes ten minutes.
        looking.was_at_all(at(0), at(600_000));
        assert!(!looking.begin_at_all(at(4_199_999)) && looking.begin_at_all(at(4_200_000)));
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
