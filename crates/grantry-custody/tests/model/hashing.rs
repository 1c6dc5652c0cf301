//! Worlds in 64 bits.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// The digest of a world, or of a part of one.
pub(crate) fn digest(part: &impl Hash) -> u64 {
    let mut mixer = Mixer::default();
    part.hash(&mut mixer);
    mixer.finish()
}

/// Digests that were seen. They are mixed already.
pub(crate) type Seen = HashSet<u64, BuildHasherDefault<AsItIs>>;

/// A multiplication for each number: a world is some hundred of them, and nobody chooses them to collide.
#[derive(Default)]
struct Mixer(u64);

impl Mixer {
    #[allow(clippy::cast_possible_truncation, reason = "the two halves of a product")]
    fn mix(&mut self, number: u64) {
        let product =
            u128::from(self.0.rotate_left(23) ^ number ^ 0x9e37_79b9_7f4a_7c15) * 0xa076_1d64_78bd_642f;
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut number = [0; 8];
            number[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(number));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.mix(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.mix(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }

    fn finish(&self) -> u64 {
        let mut last = Self(self.0);
        last.mix(0);
        last.0
    }
}

/// Takes a digest for its own hash.
#[derive(Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0 << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, digest: u64) {
        self.0 = digest;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
