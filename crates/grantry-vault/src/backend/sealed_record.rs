//! The bytes that a backend keeps.

use std::fmt;

use bytes::Bytes;

/// A sealed record: what a backend keeps, unread and unchanged.
///
/// Cloning shares the bytes. They hold nothing secret in clear; `Debug` shows their number only, because a log
/// need not have them either.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedRecord(Bytes);

impl SealedRecord {
    /// The most bytes that a record has, and a backend must take: 1 MiB.
    pub const MOST_BYTES: usize = 1024 * 1024;

    /// Takes over the bytes that a store returned.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, for a store that takes them over.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl fmt::Debug for SealedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedRecord([{} bytes])", self.0.len())
    }
}
