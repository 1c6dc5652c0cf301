//! Counting what was handed out, without a locked instruction where one thread does the asking.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The next thread's number; 0 stands for no thread.
static NEXT_THREAD: AtomicU32 = AtomicU32::new(1);

thread_local! {
    static THREAD: Cell<u32> = const { Cell::new(0) };
}

/// A small number for the calling thread, never 0.
#[inline]
pub(crate) fn thread_number() -> u32 {
    THREAD.with(|number| {
        let mut mine = number.get();
        if mine == 0 {
            mine = NEXT_THREAD.fetch_add(1, Ordering::Relaxed).max(1);
            number.set(mine);
        }
        mine
    })
}

/// Counts hits and notes the last. The first thread that comes owns it and adds without a locked instruction; all
/// others add to a counter of their own.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    owner: AtomicU32,
    /// The coarse monotonic clock in steps of 2^30 ns, about a second; 0 for never.
    last: AtomicU32,
    own: AtomicU64,
    others: AtomicU64,
}

impl Tally {
    /// Counts a hit if `thread` owns this tally, or nobody did until now.
    #[inline]
    pub(crate) fn count_own(&self, thread: u32, monotonic: u64) -> bool {
        if self.owner.load(Ordering::Relaxed) != thread && !self.adopt(thread) {
            return false;
        }
        // Only the owner writes, so a load and a store are enough.
        self.own.store(self.own.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        self.note(monotonic);
        true
    }

    /// Counts a hit of a thread that does not own this tally.
    pub(crate) fn count_other(&self, monotonic: u64) {
        self.note(monotonic);
        self.others.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the hits of `other`, in which nobody counts any more, as its own.
    pub(crate) fn take_over(&self, other: &Self) {
        self.others.fetch_add(other.hits(), Ordering::Relaxed);
        self.last.fetch_max(other.last.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// How many hits were counted.
    pub(crate) fn hits(&self) -> u64 {
        self.own.load(Ordering::Relaxed).wrapping_add(self.others.load(Ordering::Relaxed))
    }

    /// The coarse monotonic reading of the last hit, rounded down to about a second; `None` before the first.
    pub(crate) fn last(&self) -> Option<u64> {
        match self.last.load(Ordering::Relaxed) {
            0 => None,
            steps => Some(u64::from(steps) << 30),
        }
    }

    #[inline]
    fn note(&self, monotonic: u64) {
        #[allow(clippy::cast_possible_truncation, reason = "2^62 ns are more than a century")]
        let steps = ((monotonic >> 30) as u32).max(1);
        if self.last.load(Ordering::Relaxed) != steps {
            self.last.store(steps, Ordering::Relaxed);
        }
    }

    #[cold]
    fn adopt(&self, thread: u32) -> bool {
        self.owner.compare_exchange(0, thread, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_hit_is_lost_between_threads() {
        let tally = Tally::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let me = thread_number();
                    for _ in 0..10_000 {
                        if !tally.count_own(me, 5 << 30) {
                            tally.count_other(5 << 30);
                        }
                    }
                });
            }
        });
        assert_eq!(tally.hits(), 40_000);
        assert_eq!(tally.last(), Some(5 << 30));
    }
}
