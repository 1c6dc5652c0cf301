//! The bytes of a seat: its length, a checksum, the record's key, the sealed answer.
//!
//! The checksum finds a write that a crash tore; that nobody changed the bytes is for the seal to say.

use grantry_vault::{RecordKey, SealedRecord};

use super::Cargo;

const HEAD: usize = 12;

/// What stands at the beginning of the file.
pub(super) const MAGIC: &[u8; 20] = b"grantry lifeboat 1\n\0";

/// The bytes of an entry.
pub(super) fn write(cargo: &Cargo) -> Vec<u8> {
    let key = cargo.record.as_str();
    let mut bytes = vec![0; HEAD];
    // A record's key has a few hundred bytes at most, and an answer that is read at all some hundred thousand.
    bytes.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_be_bytes());
    bytes.extend_from_slice(key.as_bytes());
    bytes.extend_from_slice(cargo.sealed.as_bytes());
    let (head, body) = bytes.split_at_mut(HEAD);
    let (length_at, sum_at) = head.split_at_mut(4);
    length_at.copy_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    sum_at.copy_from_slice(&checksum(body).to_be_bytes());
    bytes
}

/// The entry that a seat holds: `None` for a seat that is empty, or was torn before anybody was told that it is kept.
pub(super) fn read(seat: &[u8]) -> Option<Cargo> {
    let (length, rest) = seat.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let body = rest.get(..length).filter(|body| !body.is_empty())?;
    if checksum(body) != u64::from_be_bytes(*sum) {
        return None;
    }
    let (key_length, body) = body.split_first_chunk::<2>()?;
    let (key, sealed) = body.split_at_checked(usize::from(u16::from_be_bytes(*key_length)))?;
    let record = RecordKey::parse(std::str::from_utf8(key).ok()?).ok()?;
    Some(Cargo::new(record, SealedRecord::new(sealed.to_vec())))
}

/// The head of an empty seat.
pub(super) const EMPTY: [u8; 4] = [0; 4];

/// FNV-1a, 64 bits.
fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_comes_back_and_one_that_was_torn_anywhere_does_not() {
        let record = RecordKey::parse("acme/grant/crm/user-17").unwrap();
        let cargo = Cargo::new(record.clone(), SealedRecord::new(vec![7; 100]));
        let bytes = write(&cargo);
        let read_back = read(&bytes).unwrap();
        assert_eq!((read_back.record, read_back.sealed), (record, cargo.sealed.clone()));
        for kept in 0..bytes.len() {
            let mut torn = bytes[..kept].to_vec();
            torn.resize(bytes.len(), 0);
            assert!(read(&torn).is_none(), "{kept}");
        }
        assert!(read(&[0; 64]).is_none(), "an empty seat");
    }
}
