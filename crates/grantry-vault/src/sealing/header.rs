//! The head of a sealed record, in clear.

use super::{Canonical, LineageId, RefusedRecord, Stamp};
use crate::crypto::BYTES_32;

/// What each record begins with.
const MAGIC: [u8; 3] = *b"GRV";
/// The newest format that is read, and the one that is written.
pub(super) const FORMAT: u8 = 1;
/// HKDF-SHA-256 to a single-use AES-256-GCM key and a commitment to it.
pub(super) const SUITE: u8 = 1;

/// The head: what has to be known before a record can be opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) stamp: Stamp,
    pub(crate) salt: [u8; BYTES_32],
    pub(crate) commitment: [u8; BYTES_32],
}

impl Header {
    /// How many bytes it has.
    pub(crate) const BYTES: usize = 3 + 1 + 1 + 4 + 16 + 8 + 8 + BYTES_32 + BYTES_32;

    pub(super) fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&MAGIC);
        to.extend_from_slice(&[FORMAT, SUITE]);
        to.extend_from_slice(&self.stamp.epoch.to_be_bytes());
        to.extend_from_slice(self.stamp.lineage.as_bytes());
        to.extend_from_slice(&self.stamp.generation.to_be_bytes());
        to.extend_from_slice(&self.stamp.version.to_be_bytes());
        to.extend_from_slice(&self.salt);
        to.extend_from_slice(&self.commitment);
    }

    /// Reads the head and returns what comes after it.
    pub(crate) fn read(bytes: &[u8]) -> Result<(Self, &[u8]), RefusedRecord> {
        let mut rest = bytes;
        if take(&mut rest)? != MAGIC {
            return Err(RefusedRecord::NotARecord);
        }
        let [format, suite] = take(&mut rest)?;
        if format > FORMAT || suite > SUITE {
            return Err(RefusedRecord::NewerFormat { format: format.max(suite) });
        }
        if format != FORMAT || suite != SUITE {
            return Err(RefusedRecord::NotARecord);
        }
        let stamp = Stamp {
            epoch: u32::from_be_bytes(take(&mut rest)?),
            lineage: LineageId::from_bytes(take(&mut rest)?),
            generation: u64::from_be_bytes(take(&mut rest)?),
            version: u64::from_be_bytes(take(&mut rest)?),
        };
        let header = Self { stamp, salt: take(&mut rest)?, commitment: take(&mut rest)? };
        Ok((header, rest))
    }
}

impl Stamp {
    /// Goes on with a place's canonical bytes, so that they bind the whole head.
    pub(super) fn bind(&self, canonical: &mut Canonical) {
        canonical.raw(self.lineage.as_bytes());
        canonical.raw(&self.generation.to_be_bytes());
        canonical.raw(&self.version.to_be_bytes());
        canonical.raw(&self.epoch.to_be_bytes());
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], RefusedRecord> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(RefusedRecord::NotARecord)?;
    *rest = tail;
    Ok(*head)
}
