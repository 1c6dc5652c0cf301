//! How often a process looks for what dead processes left.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use grantry_core::Rotation;
use tokio::sync::Notify;

const USUAL: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// As often as the application says, else as often as the servers of the open grants make it necessary.
#[derive(Debug)]
pub(crate) struct Looking {
    every: Option<Duration>,
    /// The shortest window of a grant that was opened, in milliseconds.
    shortest_window: AtomicU64,
    /// Somebody opened one that cannot wait for so long.
    sooner: Arc<Notify>,
    /// Whether the next look is at all tenants.
    at_all: AtomicBool,
}

impl Looking {
    pub(crate) fn every(every: Option<Duration>) -> Self {
        let every = every.map(|every| every.max(SHORTEST));
        Self {
            every,
            shortest_window: AtomicU64::new(u64::MAX),
            sooner: Arc::default(),
            at_all: AtomicBool::new(false),
        }
    }

    /// A grant was opened whose server does this with used refresh tokens. What an owner that died had sent can be asked for
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

    /// Whether this look is at all tenants: where it was asked for, and each hour or so.
    pub(crate) fn is_at_all(&self, look: u32) -> bool {
        self.at_all.swap(false, Ordering::AcqRel) || look.is_multiple_of(self.looks_an_hour())
    }

    fn looks_an_hour(&self) -> u32 {
        u32::try_from(HOUR.as_millis() / self.pause().as_millis().max(1)).unwrap_or(u32::MAX).max(1)
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
    fn all_tenants_are_looked_at_first_when_it_is_asked_for_and_each_hour() {
        let looking = Looking::every(None);
        let all: Vec<u32> = (0..130).filter(|look| looking.is_at_all(*look)).collect();
        assert_eq!(all, [0, 60, 120]);
        looking.look_at_all();
        assert!(looking.waits_for_all());
        assert!(looking.is_at_all(131) && !looking.is_at_all(132));
        looking.note(Rotation::Grace { window: Duration::from_secs(30), same: false });
        assert!(looking.is_at_all(360) && !looking.is_at_all(300));
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
