//! Why bytes are not the record that they should be.

/// Why a sealed record is refused. Nothing of it was used, and nothing overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefusedRecord {
    /// The bytes are no sealed record: cut off, or something else altogether.
    #[error("the bytes are no sealed record")]
    NotARecord,
    /// A newer version of this library wrote it.
    #[error("the record is of format {format}, and this version reads up to {known}: upgrade", known = super::header::FORMAT)]
    #[non_exhaustive]
    NewerFormat {
        /// The record's format.
        format: u8,
    },
    /// It names an epoch of the tenant's key that the tenant does not have.
    #[error("the record is sealed under epoch {epoch} of the tenant's key, which is not there")]
    #[non_exhaustive]
    UnknownEpoch {
        /// The epoch.
        epoch: u32,
    },
    /// It was sealed under another key or for another place: moved between tenants, services, accounts, kinds or
    /// deployments, or its head was changed.
    #[error("the record was sealed under another key or for another place")]
    Misplaced,
    /// It was changed after it was sealed.
    #[error("the record was changed after it was sealed")]
    Altered,
    /// It is older than one that this process has seen in its place.
    #[error("the record has version {found}, and version {seen} was seen in its place: the store went back")]
    #[non_exhaustive]
    RolledBack {
        /// The version that was seen.
        seen: u64,
        /// The version that is there.
        found: u64,
    },
    /// It is gone, though this process has seen it and no tombstone was left.
    #[error("the record is gone, though version {seen} was seen and nothing says that it was deleted")]
    #[non_exhaustive]
    Vanished {
        /// The version that was seen.
        seen: u64,
    },
    /// It opened, but what is inside is not what is kept in such a place.
    #[error("the record opened, but holds something else than is kept in its place")]
    Unreadable,
}
