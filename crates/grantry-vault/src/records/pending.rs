//! Something that waits for a person, as it is kept.

use std::fmt;

use grantry_core::StoreTime;
use zeroize::Zeroizing;

use super::{Content, Reader, Writer};
use crate::backend::RecordKind;

/// Bytes of whoever began, for as long as they are good.
pub(crate) struct PendingRecord {
    /// On the store's clock, which every replica has.
    pub(crate) expires: StoreTime,
    pub(crate) content: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for PendingRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingRecord").field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl Content for PendingRecord {
    const KIND: RecordKind = RecordKind::Pending;
    const FORMAT: u8 = 1;

    fn room(&self) -> usize {
        self.content.len() + 16
    }

    fn write(&self, to: &mut Writer) {
        to.store_time(self.expires);
        to.bytes(&self.content);
    }

    fn read(_format: u8, from: &mut Reader<'_>) -> Option<Self> {
        Some(Self { expires: from.store_time()?, content: Zeroizing::new(from.bytes()?.to_vec()) })
    }
}
