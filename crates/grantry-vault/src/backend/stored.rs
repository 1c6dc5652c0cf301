//! What comes back from a store: a record, its revision, a page of them.

use std::fmt;
use std::sync::Arc;

use grantry_core::StoreTime;

use super::{RecordKey, SealedRecord};

/// A record as the store has it.
#[derive(Debug, Clone)]
#[allow(
    clippy::exhaustive_structs,
    reason = "backends build it; whatever a record grows is inside its bytes"
)]
pub struct StoredRecord {
    /// The sealed bytes.
    pub sealed: SealedRecord,
    /// What the next write has to name.
    pub revision: Revision,
    /// The store's clock when it was read: stored leases and expiries are judged by it.
    pub read_at: StoreTime,
}

/// The state of a record that a write replaces: chosen by the backend, compared for equality only, never repeated
/// for a key.
///
/// ```
/// use grantry_vault::Revision;
/// assert_eq!(Revision::number(7).as_number(), Some(7));
/// assert_ne!(Revision::number(7), Revision::text("7"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Revision(Inner);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Inner {
    Number(u64),
    Text(Arc<str>),
}

impl Revision {
    /// A revision that the store counts.
    pub const fn number(number: u64) -> Self {
        Self(Inner::Number(number))
    }

    /// A revision that the store names, such as an entity tag.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self(Inner::Text(text.as_ref().into()))
    }

    /// The number it was made from, if it was.
    pub fn as_number(&self) -> Option<u64> {
        match self.0 {
            Inner::Number(number) => Some(number),
            Inner::Text(_) => None,
        }
    }

    /// The text it was made from, if it was.
    pub fn as_text(&self) -> Option<&str> {
        match &self.0 {
            Inner::Number(_) => None,
            Inner::Text(text) => Some(text),
        }
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Number(number) => write!(f, "Revision({number})"),
            Inner::Text(text) => write!(f, "Revision({text:?})"),
        }
    }
}

/// What has to hold for a write. There is no blind overwrite.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a backend has to know every one of them")]
pub enum Precondition {
    /// There is no record under the key.
    Absent,
    /// The record has this revision.
    Matches(Revision),
}

/// Some of the records of a listing.
#[derive(Debug, Clone, Default)]
#[allow(clippy::exhaustive_structs, reason = "backends build it")]
pub struct Page {
    /// The records, in the order of their keys' bytes.
    pub records: Vec<(RecordKey, StoredRecord)>,
    /// Whether there may be more behind the last.
    pub more: bool,
}
