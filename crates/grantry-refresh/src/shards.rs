//! Copies of a token for a source that several threads ask at once.
//!
//! A reference count that threads share is what makes them wait for each other, not a lock. So each shard holds
//! the same token in bytes of its own, with a tally of its own. Shards live as long as their token, and no longer: they
//! go when it is refused or another is published, so no copy outlives its token; a source that is still contended then
//! grows others within some thousand hits of its other threads.

use std::sync::{OnceLock, Weak};

use grantry_core::Token;

use crate::ManagedSource;
use crate::tally::Tally;

/// The most shards a source grows.
const MOST: usize = 32;

#[derive(Debug)]
pub(crate) struct Shards {
    shards: Box<[Shard]>,
    /// Whose shards they are, to count their hits as its own when the last look has ended.
    source: Weak<ManagedSource>,
}

/// Kept apart by two cache lines, because processors fetch them in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    token: Token,
    tally: Tally,
}

impl Shards {
    /// As many shards as the machine runs threads at once, each with a copy of `token`.
    pub(crate) fn new(token: &Token, source: Weak<ManagedSource>) -> Self {
        // Asking the system takes a look into files, and a source that is contended grows shards for each of its tokens.
        static COUNT: OnceLock<usize> = OnceLock::new();
        let count = *COUNT.get_or_init(|| {
            let threads = std::thread::available_parallelism().map_or(4, usize::from);
            threads.next_power_of_two().clamp(2, MOST)
        });
        let shard = || Shard { token: token.apart(), tally: Tally::default() };
        Self { shards: (0..count).map(|_| shard()).collect(), source }
    }

    /// The copy of the calling thread's shard, counted.
    pub(crate) fn serve(&self, thread: u32, monotonic: u64) -> Option<Token> {
        let shard = self.shards.get(thread as usize & (self.shards.len() - 1))?;
        let token = shard.token.clone();
        if !shard.tally.count_own(thread, monotonic) {
            shard.tally.count_other(monotonic);
        }
        Some(token)
    }

    /// The tallies of all shards.
    pub(crate) fn tallies(&self) -> impl Iterator<Item = &Tally> {
        self.shards.iter().map(|shard| &shard.tally)
    }
}

impl Drop for Shards {
    fn drop(&mut self) {
        // Only now does nobody count here any more.
        if let Some(source) = self.source.upgrade() {
            self.tallies().for_each(|tally| source.take_over(tally));
        }
    }
}
