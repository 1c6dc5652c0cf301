//! Opening a sealed record.

use std::fmt;

use zeroize::Zeroizing;

use super::header::SUITE;
use super::padding::content_length;
use super::{Header, Place, RefusedRecord, Stamp};
use crate::backend::SealedRecord;
use crate::crypto::equal;
use crate::keys::{SingleUseKey, TenantKey};

/// A record that was opened.
#[non_exhaustive]
pub struct Opened {
    /// Which of the records that stood in its place it is.
    pub stamp: Stamp,
    /// What is in it, zeroized when dropped.
    pub content: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("stamp", &self.stamp).finish_non_exhaustive()
    }
}

/// Opens a record at its place, in one allocation. `key` is that of the epoch that its head names.
///
/// The commitment is compared, in constant time, before anything is decrypted: a record that two keys could open
/// does not get that far.
///
/// # Errors
/// [`RefusedRecord`] says what is wrong with it.
pub fn open(key: &TenantKey, place: Place<'_>, sealed: &SealedRecord) -> Result<Opened, RefusedRecord> {
    let (header, encrypted) = Header::read(sealed.as_bytes())?;
    let mut canonical = place.canonical(SUITE);
    let write_key = SingleUseKey::derive(key.expose(), &header.salt, canonical.as_bytes())
        .map_err(|_| RefusedRecord::Misplaced)?;
    if !equal(write_key.commitment(), &header.commitment) {
        return Err(RefusedRecord::Misplaced);
    }
    header.stamp.bind(&mut canonical);
    let mut content = Zeroizing::new(encrypted.to_vec());
    let padded = write_key.open(canonical.as_bytes(), &mut content).map_err(|_| RefusedRecord::Altered)?;
    content.truncate(padded);
    let length = content_length(&content).ok_or(RefusedRecord::Altered)?;
    content.truncate(length);
    Ok(Opened { stamp: header.stamp, content })
}
