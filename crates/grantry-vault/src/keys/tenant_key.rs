//! The key that a tenant's records are encrypted under.

use std::fmt;

use grantry_core::Entropy;
use zeroize::Zeroizing;

/// A tenant key: 32 random bytes, zeroized when dropped.
///
/// `Debug` prints `[redacted]`; there is no `Clone`, `Display` or `PartialEq`. The bytes lie in one place on the heap
/// for their whole life, so that moving the key leaves no copy behind.
pub struct TenantKey(Box<Zeroizing<[u8; TenantKey::BYTES]>>);

impl TenantKey {
    /// How many bytes a key has.
    pub const BYTES: usize = 32;

    /// A new key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut key = Self(Box::new(Zeroizing::new([0; Self::BYTES])));
        entropy.fill(key.0.as_mut_slice());
        key
    }

    /// A key from bytes that were unwrapped; `None` where they are not 32. The caller zeroizes its own.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Self(Box::new(Zeroizing::new([0; Self::BYTES])));
        (bytes.len() == Self::BYTES).then(|| {
            key.0.copy_from_slice(bytes);
            key
        })
    }

    /// The bytes, for a provider that wraps them.
    pub fn expose(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TenantKey([redacted])")
    }
}
