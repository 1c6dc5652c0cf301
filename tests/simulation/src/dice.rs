//! Chance, from a seed.

use grantry_testkit::SeededEntropy;

/// Numbers that come again with the same seed.
#[derive(Debug, Clone)]
pub(crate) struct Dice(SeededEntropy);

impl Dice {
    /// The dice of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed))
    }

    /// A number below `n`.
    pub(crate) fn below(&self, n: u64) -> u64 {
        self.0.next_u64() % n.max(1)
    }

    /// An index below `n`.
    pub(crate) fn index(&self, n: usize) -> usize {
        usize::try_from(self.below(n as u64)).unwrap_or(0)
    }

    /// Whether something happens that happens so often in a thousand times.
    pub(crate) fn per_mille(&self, often: u64) -> bool {
        self.below(1000) < often
    }

    /// Randomness of its own for a part of the world.
    pub(crate) fn entropy(&self) -> SeededEntropy {
        SeededEntropy::new(self.0.next_u64())
    }
}
