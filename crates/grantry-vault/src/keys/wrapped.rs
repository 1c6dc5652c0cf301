//! A tenant key as it is stored: wrapped.

use std::fmt;
use std::sync::Arc;

/// The name of a version of a provider's key, in the provider's own words. Not a secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Arc<str>);

impl KeyId {
    /// The most bytes that a name has; of a longer one the first are kept.
    pub const MOST_BYTES: usize = 512;

    /// Takes the name over.
    pub fn new(id: impl AsRef<str>) -> Self {
        let id = id.as_ref();
        let mut end = id.len().min(Self::MOST_BYTES);
        while !id.is_char_boundary(end) {
            end -= 1;
        }
        Self(id.get(..end).unwrap_or_default().into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({:?})", &*self.0)
    }
}

/// A tenant key that a provider wrapped, with the name of the key that did.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey {
    key_id: KeyId,
    bytes: Vec<u8>,
}

impl WrappedKey {
    /// The most bytes that a provider may make of a key: 8 KiB.
    pub const MOST_BYTES: usize = 8 * 1024;

    /// What a provider made of a key.
    pub fn new(key_id: KeyId, bytes: Vec<u8>) -> Self {
        Self { key_id, bytes }
    }

    /// The key that wrapped it.
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// The wrapped bytes, in the provider's own form.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrappedKey({:?}, [{} bytes])", self.key_id, self.bytes.len())
    }
}
