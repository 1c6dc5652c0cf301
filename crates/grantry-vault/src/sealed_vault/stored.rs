//! What was read, with what the next write has to name.

use std::fmt;
use std::ops::Deref;

use grantry_core::StoreTime;

use crate::sealing::LineageId;
use crate::store::Standing;

/// The state of a record that a write replaces: whoever names an older one gets a conflict, and nothing is written.
#[derive(Clone)]
pub struct RecordVersion(pub(super) Standing);

impl RecordVersion {
    /// One more for each write of the record: never less than before, also when it was deleted in between.
    pub fn number(&self) -> u64 {
        self.0.stamp.version
    }

    /// Its line of descent.
    pub fn lineage(&self) -> LineageId {
        self.0.stamp.lineage
    }

    /// How many renewals lie behind it.
    pub fn generation(&self) -> u64 {
        self.0.stamp.generation
    }

    /// The store's clock when it was read or written: leases and expiries in the record are judged by it.
    pub fn read_at(&self) -> StoreTime {
        self.0.read_at
    }
}

impl fmt::Debug for RecordVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordVersion")
            .field("number", &self.number())
            .field("lineage", &self.lineage())
            .field("generation", &self.generation())
            .finish()
    }
}

/// A value that was read, with the version that it is of.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Stored<T> {
    /// The value.
    pub value: T,
    /// What the next write names.
    pub version: RecordVersion,
}

impl<T> Stored<T> {
    pub(super) fn new(value: T, standing: Standing) -> Self {
        Self { value, version: RecordVersion(standing) }
    }

    /// Another value of the same version.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Stored<U> {
        Stored { value: change(self.value), version: self.version }
    }
}

impl<T> Deref for Stored<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
