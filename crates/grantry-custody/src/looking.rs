//! How often a process looks for what dead processes left.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use grantry_core::Rotation;
use tokio::sync::Notify;

const USUAL: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_secs(1);

/// As often as the application says, else as often as the servers of the open grants make it necessary.
#[derive(Debug)]
pub(crate) struct Looking {
    every: Option<Duration>,
    /// The shortest window of a grant that was opened, in milliseconds.
    shortest_window: AtomicU64,
    /// Somebody opened one that cannot wait for so long.
    sooner: Arc<Notify>,
}

impl Looking {
    pub(crate) fn every(every: Option<Duration>) -> Self {
        let every = every.map(|every| every.max(SHORTEST));
        Self { every, shortest_window: AtomicU64::new(u64::MAX), sooner: Arc::default() }
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
