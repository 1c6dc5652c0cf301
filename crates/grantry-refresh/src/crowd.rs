//! Whether a source is in a crowd: whether threads that do not own its tally ask it often now.

use std::sync::atomic::{AtomicU64, Ordering};

/// How often foreign threads ask within about a second before the source grows shards.
const CONTENDED: u64 = 1_000;
/// How many steps of about a second later it may still grow them: somebody has to come who may allocate.
const REMEMBERED: u64 = 8;
/// There are shards.
const SHARED: u64 = u64::MAX;

/// Counts the hits of foreign threads within a step of about a second, and says where there are shards.
///
/// In one word, the step above and the count below, because every hit reads it: of a source that one thread asks,
/// nobody writes it; of one with shards neither.
#[derive(Debug, Default)]
pub(crate) struct Crowd(AtomicU64);

impl Crowd {
    /// Whether there are shards.
    #[inline]
    pub(crate) fn is_shared(&self) -> bool {
        self.0.load(Ordering::Acquire) == SHARED
    }

    /// Counts a hit of a foreign thread; `false` once there are so many that the source wants shards.
    pub(crate) fn count(&self, monotonic: u64) -> bool {
        let step = step_of(monotonic);
        let before = self.0.load(Ordering::Relaxed);
        let count = if before >> 32 == step { before & u64::from(u32::MAX) } else { 0 };
        if before == SHARED || count + 1 >= CONTENDED {
            return before == SHARED;
        }
        // One that another thread overtakes is not counted, and makes the crowd no smaller.
        let _ =
            self.0.compare_exchange(before, (step << 32) | (count + 1), Ordering::Relaxed, Ordering::Relaxed);
        true
    }

    /// Whether shards are wanted.
    #[inline]
    pub(crate) fn wants_shards(&self, monotonic: impl FnOnce() -> u64) -> bool {
        let word = self.0.load(Ordering::Relaxed);
        word != SHARED
            && word & u64::from(u32::MAX) >= CONTENDED - 1
            && step_of(monotonic()).wrapping_sub(word >> 32) <= REMEMBERED
    }

    /// There are shards from now on. To be called under the source's lock.
    pub(crate) fn share(&self) {
        self.0.store(SHARED, Ordering::Release);
    }

    /// There are none any more, and the count begins anew. To be called under the source's lock.
    pub(crate) fn disperse(&self) {
        self.0.store(0, Ordering::Release);
    }
}

/// Steps of 2^30 ns; 31 bits of them are a lifetime.
fn step_of(monotonic: u64) -> u64 {
    (monotonic >> 30) & (u64::from(u32::MAX) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(crowd: &Crowd, times: u64, second: u64) -> u64 {
        (0..times).filter(|_| crowd.count(second << 30)).count() as u64
    }

    #[test]
    fn a_source_that_is_asked_by_many_wants_shards() {
        let crowd = Crowd::default();
        assert_eq!(ask(&crowd, CONTENDED - 1, 5), CONTENDED - 1);
        assert!(crowd.wants_shards(|| 5 << 30) && !crowd.is_shared());
        assert_eq!(ask(&crowd, 100, 5), 0, "these are to go and grow them");
        assert!(crowd.wants_shards(|| 7 << 30), "a little later they still may");
        assert!(!crowd.wants_shards(|| 50 << 30), "but not when the crowd has gone");
        crowd.share();
        assert!(crowd.is_shared() && !crowd.wants_shards(|| 5 << 30));
        assert_eq!(ask(&crowd, 10, 5), 10, "one that came too late to find it unshared");
        crowd.disperse();
        assert!(!crowd.is_shared() && !crowd.wants_shards(|| 5 << 30));
    }

    #[test]
    fn a_source_that_other_threads_ask_now_and_then_never_does() {
        let crowd = Crowd::default();
        for second in 1..10_000 {
            assert_eq!(ask(&crowd, 100, second), 100);
            assert!(!crowd.wants_shards(|| second << 30));
        }
    }
}
