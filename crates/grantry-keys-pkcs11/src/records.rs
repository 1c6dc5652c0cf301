//! What the token keeps beside its keys: which versions are finished, and which was promoted last.

use grantry_vault::KeyError;

use crate::connection::Live;
use crate::fault::Trouble;
use crate::token::Object;
use crate::versions::{ID_BYTES, VersionId};

/// The layout of records that this release writes, and their length.
const LAYOUT: u8 = 1;
const BYTES: usize = 1 + 8 + ID_BYTES;

/// A data object: that a version is finished (number 0), or that it was promoted (the highest number is active).
///
/// PKCS#11 has no way to change something only if nobody else did. So nothing is changed: a promotion adds a record, and
/// all that read see the same highest one. Of two promotions at the same moment both may get the same number; then the
/// higher id is active, for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: VersionId,
    pub(crate) number: u64,
}

impl Record {
    pub(crate) fn waiting(id: VersionId) -> Self {
        Self { id, number: 0 }
    }

    pub(crate) fn promoted(id: VersionId, number: u64) -> Self {
        Self { id, number }
    }

    /// In the order in which the highest is active; `None` where it says no promotion.
    pub(crate) fn promotion(self) -> Option<(u64, VersionId)> {
        (self.number > 0).then_some((self.number, self.id))
    }

    pub(crate) fn keep(self, live: &Live) -> Result<(), Trouble> {
        Ok(live.token.keep_record(&label(live), &self.to_bytes())?)
    }

    fn to_bytes(self) -> Vec<u8> {
        [&[LAYOUT], self.number.to_be_bytes().as_slice(), &self.id.0].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (layout, rest) = bytes.split_first()?;
        let (number, id) = rest.split_first_chunk::<8>()?;
        let record = Self { id: VersionId(id.try_into().ok()?), number: u64::from_be_bytes(*number) };
        (*layout == LAYOUT && bytes.len() == BYTES).then_some(record)
    }
}

/// All records. One that cannot be read is an error: to leave it out could make an old version the active one.
pub(crate) fn records(live: &Live) -> Result<Vec<(Object, Record)>, Trouble> {
    let mut records = Vec::new();
    for (object, bytes) in live.records(&label(live))? {
        let record = Record::from_bytes(&bytes).ok_or_else(|| {
            KeyError::unsupported(format!(
                "the token's data object {} was made by a newer release of this program, or is damaged",
                label(live)
            ))
        })?;
        records.push((object, record));
    }
    Ok(records)
}

fn label(live: &Live) -> String {
    format!("{}/versions", live.shared.prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_back_and_others_are_not() {
        let record = Record::promoted(VersionId([5; ID_BYTES]), 77);
        let bytes = record.to_bytes();
        assert_eq!(Record::from_bytes(&bytes), Some(record));
        assert_eq!(Record::from_bytes(&bytes[1..]), None);
        assert_eq!(Record::from_bytes(&[&bytes[..], &[0]].concat()), None);
        assert_eq!(Record::from_bytes(&[&[2], &bytes[1..]].concat()), None);
        assert_eq!(Record::from_bytes(&[]), None);
    }

    #[test]
    fn the_highest_number_is_active_and_then_the_highest_id() {
        let (low, high) = (VersionId([1; ID_BYTES]), VersionId([2; ID_BYTES]));
        assert!(Record::promoted(low, 2).promotion() > Record::promoted(high, 1).promotion());
        assert!(Record::promoted(high, 2).promotion() > Record::promoted(low, 2).promotion());
        assert_eq!(Record::waiting(high).promotion(), None);
    }
}
