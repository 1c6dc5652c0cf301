//! The deployment's own keys: the one record that nothing else could seal.
//!
//! It is written in clear, for there is nothing secret in it but what a provider wrapped, and authenticated under the
//! newest of the keys that it holds: whoever changes it needs that key.

use crate::backend::SealedRecord;
use crate::crypto::{BYTES_32, Failed, equal, hkdf_sha256, hmac_sha256};
use crate::keyring::KeySet;
use crate::keys::{Deployment, TenantKey};
use crate::records::{Content, Reader, Writer};
use crate::sealing::RefusedRecord;
use zeroize::Zeroizing;

const MAGIC: &[u8; 3] = b"GRK";
const FORMAT: u8 = 1;

/// The record, read but not yet checked: its keys have to be unwrapped first.
#[derive(Debug)]
pub(super) struct Unchecked {
    pub(super) deployment: String,
    pub(super) version: u64,
    pub(super) set: KeySet,
    body: Vec<u8>,
    tag: [u8; BYTES_32],
}

/// Writes the record, authenticated under `active`, the key of the set's active epoch.
pub(super) fn write(
    deployment: &Deployment,
    version: u64,
    set: &KeySet,
    active: &TenantKey,
) -> Result<SealedRecord, Failed> {
    let mut writer = Writer::with_room(set.room() + 128);
    MAGIC.iter().for_each(|byte| writer.byte(*byte));
    writer.byte(FORMAT);
    writer.text(deployment.as_str());
    writer.number(version);
    writer.byte(KeySet::FORMAT);
    set.write(&mut writer);
    let mut bytes = writer.as_bytes().to_vec();
    let tag = tag_of(&bytes, active)?;
    bytes.extend_from_slice(&tag);
    Ok(SealedRecord::new(bytes))
}

/// Reads the record.
pub(super) fn read(sealed: &SealedRecord) -> Result<Unchecked, RefusedRecord> {
    let (body, tag) = sealed.as_bytes().split_last_chunk::<BYTES_32>().ok_or(RefusedRecord::NotARecord)?;
    let fields = body.strip_prefix(MAGIC).ok_or(RefusedRecord::NotARecord)?;
    let mut reader = Reader::new(fields);
    let format = reader.byte().ok_or(RefusedRecord::NotARecord)?;
    if format > FORMAT {
        return Err(RefusedRecord::NewerFormat { format });
    }
    let mut parts = || {
        let (deployment, version) = (reader.text()?.to_owned(), reader.number()?);
        let set = reader.byte().filter(|format| *format <= KeySet::FORMAT)?;
        let set = KeySet::read(set, &mut reader)?;
        reader.is_at_end().then_some((deployment, version, set))
    };
    let (deployment, version, set) = parts().ok_or(RefusedRecord::Unreadable)?;
    Ok(Unchecked { deployment, version, set, body: body.to_vec(), tag: *tag })
}

impl Unchecked {
    /// Whether whoever wrote it had the key of the active epoch.
    pub(super) fn is_by(&self, active: &TenantKey) -> bool {
        tag_of(&self.body, active).is_ok_and(|tag| equal(&tag, &self.tag))
    }
}

fn tag_of(body: &[u8], active: &TenantKey) -> Result<[u8; BYTES_32], Failed> {
    let mut key = Zeroizing::new([0; BYTES_32]);
    hkdf_sha256(active.expose(), &[], &[b"grantry/v1 root record"], key.as_mut_slice())?;
    Ok(hmac_sha256(key.as_slice(), &[body]))
}
