//! Thirty-two secret bytes.

use std::fmt;

use grantry_core::Entropy;
use zeroize::Zeroizing;

/// Thirty-two secret bytes in one place on the heap for their whole life, so that moving them leaves no copy behind;
/// zeroized when dropped.
pub(crate) struct Secret32(Box<Zeroizing<[u8; Secret32::BYTES]>>);

impl Secret32 {
    pub(crate) const BYTES: usize = 32;

    pub(crate) fn generate(entropy: &dyn Entropy) -> Self {
        let mut secret = Self(Box::new(Zeroizing::new([0; Self::BYTES])));
        entropy.fill(secret.0.as_mut_slice());
        secret
    }

    /// `None` where they are not 32. The caller zeroizes its own.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut secret = Self(Box::new(Zeroizing::new([0; Self::BYTES])));
        (bytes.len() == Self::BYTES).then(|| {
            secret.0.copy_from_slice(bytes);
            secret
        })
    }

    pub(crate) fn expose(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for Secret32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
