//! Copies of a token for a source that several threads ask at once.
//!
//! A reference count that threads share is what makes them wait for each other, not a lock. So each shard holds
//! the same token in bytes of its own, with a tally of its own. Shards belong to the source: they are emptied
//! when the token is refused and refilled when one is published, so no copy outlives its token.

use arc_swap::ArcSwapOption;
use grantry_core::Token;

use crate::tally::Tally;

/// The most shards a source grows.
const MOST: usize = 32;

#[derive(Debug)]
pub(crate) struct Shards(Box<[Shard]>);

/// Kept apart by two cache lines, because processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    token: ArcSwapOption<Token>,
    tally: Tally,
}

impl Shards {
    /// As many shards as the machine runs threads at once, each with a copy of `token`.
    pub(crate) fn new(token: Option<&Token>) -> Self {
        let threads = std::thread::available_parallelism().map_or(4, usize::from);
        let count = threads.next_power_of_two().clamp(2, MOST);
        let shards = Self((0..count).map(|_| Shard::default()).collect());
        shards.fill(token);
        shards
    }

    /// Puts copies of `token` in the place of what was there.
    pub(crate) fn fill(&self, token: Option<&Token>) {
        for shard in &self.0 {
            shard.token.store(token.map(|t| t.apart().into()));
        }
    }

    /// The copy of the calling thread's shard, counted.
    pub(crate) fn serve(&self, thread: u32, monotonic: u64) -> Option<Token> {
        let shard = self.0.get(thread as usize & (self.0.len() - 1))?;
        let token = shard.token.load().as_deref().cloned()?;
        if !shard.tally.count_own(thread, monotonic) {
            shard.tally.count_other(monotonic);
        }
        Some(token)
    }

    /// The tallies of all shards.
    pub(crate) fn tallies(&self) -> impl Iterator<Item = &Tally> {
        self.0.iter().map(|shard| &shard.tally)
    }
}
