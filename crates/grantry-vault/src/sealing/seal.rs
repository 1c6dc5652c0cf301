//! Sealing: a single-use key for each write.

use grantry_core::Entropy;
use zeroize::Zeroizing;

use super::header::SUITE;
use super::padding::{pad, padded_length};
use super::{Header, Place, Stamp};
use crate::backend::SealedRecord;
use crate::crypto::{BYTES_32, Failed, TAG_BYTES};
use crate::keys::{SingleUseKey, TenantKey};

/// Content that could not be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the content is longer than a record may be, which is 1 MiB when sealed")]
#[non_exhaustive]
pub struct NotSealed;

impl From<Failed> for NotSealed {
    /// The cipher refuses nothing but what is too long.
    fn from(_: Failed) -> Self {
        Self
    }
}

/// Seals `content` for its place, in one allocation.
///
/// # Errors
/// [`NotSealed`] for content that is longer than a record may be.
pub fn seal(
    key: &TenantKey,
    place: Place<'_>,
    stamp: Stamp,
    content: &[u8],
    entropy: &dyn Entropy,
) -> Result<SealedRecord, NotSealed> {
    let total = Header::BYTES + padded_length(content.len()) + TAG_BYTES;
    if total > SealedRecord::MOST_BYTES {
        return Err(NotSealed);
    }
    let mut salt = [0; BYTES_32];
    entropy.fill(&mut salt);
    let mut canonical = place.canonical(SUITE);
    let write_key = SingleUseKey::derive(key.expose(), &salt, canonical.as_bytes())?;
    stamp.bind(&mut canonical);

    // Zeroized unless it was encrypted.
    let mut bytes = Zeroizing::new(Vec::with_capacity(total));
    Header { stamp, salt, commitment: *write_key.commitment() }.write(&mut bytes);
    bytes.extend_from_slice(content);
    pad(&mut bytes, Header::BYTES);
    let in_place = bytes.get_mut(Header::BYTES..).ok_or(NotSealed)?;
    let tag = write_key.seal(canonical.as_bytes(), in_place)?;
    bytes.extend_from_slice(&tag);
    Ok(SealedRecord::new(std::mem::take(&mut *bytes)))
}
