//! Sealing and opening a record of 2 KiB, beside the least that `ring` can do for it.

use std::hint::black_box;

use grantry_core::{Entropy, SystemEntropy};
use grantry_vault::sealing::{LineageId, Place, Stamp, open, seal};
use grantry_vault::{Deployment, RecordKey, SealedRecord, TenantKey};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};

use crate::figure::Report;
use crate::timing::side_by_side;

const CONTENT_BYTES: usize = 2_048;

/// One epoch's key, one place.
pub(crate) struct Sealing {
    tenant_key: TenantKey,
    deployment: Deployment,
}

impl Sealing {
    pub(crate) fn new() -> Self {
        Self {
            tenant_key: TenantKey::generate(&SystemEntropy),
            deployment: Deployment::new("bench").unwrap(),
        }
    }

    pub(crate) fn seal(&self, key: &RecordKey, content: &[u8]) -> SealedRecord {
        let stamp = Stamp { epoch: 1, lineage: LineageId::from_bytes([7; 16]), generation: 3, version: 4 };
        seal(&self.tenant_key, Place::new(&self.deployment, key), stamp, content, &SystemEntropy).unwrap()
    }

    pub(crate) fn open(&self, key: &RecordKey, sealed: &SealedRecord) -> usize {
        open(&self.tenant_key, Place::new(&self.deployment, key), sealed).unwrap().content.len()
    }
}

/// What cannot be left out: a salt, HKDF to one key, that key's schedule, and the bytes.
pub(crate) struct Limit;

struct Bytes32;

impl KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}

impl Limit {
    fn key(salt: &[u8]) -> LessSafeKey {
        let mut key = [0; 32];
        let prk = Salt::new(HKDF_SHA256, salt).extract(&[9; 32]);
        prk.expand(&[b"info"], Bytes32).unwrap().fill(&mut key).unwrap();
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap())
    }

    pub(crate) fn seal(content: &[u8]) -> Vec<u8> {
        let mut salt = [0; 32];
        SystemEntropy.fill(&mut salt);
        let mut bytes = Vec::with_capacity(32 + content.len() + 16);
        bytes.extend_from_slice(&salt);
        bytes.extend_from_slice(content);
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let tag = Self::key(&salt).seal_in_place_separate_tag(nonce, Aad::empty(), &mut bytes[32..]).unwrap();
        bytes.extend_from_slice(tag.as_ref());
        bytes
    }

    pub(crate) fn open(sealed: &[u8]) -> usize {
        let mut bytes = sealed[32..].to_vec();
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        Self::key(&sealed[..32]).open_in_place(nonce, Aad::empty(), &mut bytes).unwrap().len()
    }
}

pub(crate) fn run(report: &mut Report) {
    let (sealing, content) = (Sealing::new(), vec![0x5a; CONTENT_BYTES]);
    let key = RecordKey::parse("acme/grant/crm/user-17").unwrap();
    let both = || {
        let sealed = black_box(sealing.seal(&key, &content));
        assert_eq!(sealing.open(&key, &sealed), CONTENT_BYTES);
    };
    let allocations = allocation_counter::measure(both).count_total as f64;
    report.add("allocations to seal and open 2 KiB", allocations, "", None, "<= 2", allocations <= 2.0);

    let limit = || assert_eq!(Limit::open(&black_box(Limit::seal(&content))), CONTENT_BYTES);
    let (ours, least) = side_by_side(20_000, |_| both(), |_| limit());
    let (ours, least) = (ours / 1_000.0, least / 1_000.0);
    report.add("sealing and opening 2 KiB", ours, "us", Some(least), "<= 3", ours <= 3.0 * least);
}
