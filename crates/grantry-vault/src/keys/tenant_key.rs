//! The key that a tenant's records are encrypted under.

use grantry_core::Entropy;

use super::Secret32;

/// A tenant key: 32 random bytes, zeroized when dropped.
///
/// `Debug` prints `[redacted]`; there is no `Clone`, `Display` or `PartialEq`. The bytes lie in one place on the heap
/// for their whole life, so that moving the key leaves no copy behind.
#[derive(Debug)]
pub struct TenantKey(Secret32);

impl TenantKey {
    /// How many bytes a key has.
    pub const BYTES: usize = Secret32::BYTES;

    /// A new key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(Secret32::generate(entropy))
    }

    /// A key from bytes that were unwrapped; `None` where they are not 32. The caller zeroizes its own.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Secret32::from_slice(bytes).map(Self)
    }

    /// The bytes, for a provider that wraps them.
    pub fn expose(&self) -> &[u8; Self::BYTES] {
        self.0.expose()
    }
}
