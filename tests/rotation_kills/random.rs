//! Moments to kill at.

use std::time::{SystemTime, UNIX_EPOCH};

/// SplitMix64: small, and the same for a seed on every machine.
pub(crate) struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    /// From `GRANTRY_SEED`, or from the clock.
    #[allow(clippy::disallowed_methods, reason = "a seed that differs from run to run, and is printed")]
    pub(crate) fn seeded() -> Self {
        let given = std::env::var("GRANTRY_SEED").ok().and_then(|seed| seed.parse().ok());
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos().into();
        let seed = given.unwrap_or_else(clock);
        Self { seed, state: seed }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// From 0 up to 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64
    }
}
