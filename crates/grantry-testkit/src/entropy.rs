//! Random bytes that come again with the same seed.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use grantry_core::{Entropy, SystemEntropy};

/// Random bytes from a seed (SplitMix64): the same seed gives the same bytes. For tests only, never for keys.
///
/// Clones draw from one stream. `Debug` shows the seed, so that a failed run can be repeated.
///
/// ```
/// use grantry_core::Entropy;
/// use grantry_testkit::SeededEntropy;
///
/// let (mut a, mut b) = ([0; 16], [0; 16]);
/// SeededEntropy::new(7).fill(&mut a);
/// SeededEntropy::new(7).fill(&mut b);
/// assert_eq!(a, b);
/// ```
#[derive(Clone)]
pub struct SeededEntropy {
    seed: u64,
    state: Arc<AtomicU64>,
}

/// What SplitMix64 adds for each number.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl SeededEntropy {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed, state: Arc::new(AtomicU64::new(seed)) }
    }

    /// The stream of a seed that the operating system chose; [`seed`](Self::seed) tells which.
    pub fn from_system() -> Self {
        let mut seed = [0; 8];
        SystemEntropy.fill(&mut seed);
        Self::new(u64::from_le_bytes(seed))
    }

    /// What repeats the stream.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The next number of the stream.
    pub fn next_u64(&self) -> u64 {
        let mut z = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let next = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&next[..chunk.len()]);
        }
    }
}

impl fmt::Debug for SeededEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SeededEntropy(seed {})", self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one_of_splitmix64() {
        let entropy = SeededEntropy::new(1_234_567);
        let numbers = [entropy.next_u64(), entropy.next_u64(), entropy.next_u64()];
        assert_eq!(
            numbers,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn odd_lengths_are_filled_wholly_and_debug_shows_the_seed() {
        let mut bytes = [0; 13];
        let entropy = SeededEntropy::new(3);
        entropy.fill(&mut bytes);
        assert_ne!(bytes[8..], [0; 5]);
        assert_eq!(format!("{entropy:?}"), "SeededEntropy(seed 3)");
        assert_ne!(SeededEntropy::from_system().seed(), SeededEntropy::from_system().seed());
    }
}
