//! The published test vectors: what they say is what is written and read.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;

use grantry_core::Entropy;

use super::{LineageId, Place, Stamp, open, seal};
use crate::backend::{RecordKey, SealedRecord};
use crate::keys::{Deployment, TenantKey};

/// Bytes that were chosen beforehand.
#[derive(Debug)]
struct Chosen(Mutex<Vec<u8>>);

impl Entropy for Chosen {
    fn fill(&self, bytes: &mut [u8]) {
        let mut left = self.0.lock().unwrap();
        bytes.iter_mut().for_each(|byte| *byte = left.remove(0));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_bytes().chunks(2).map(digits).collect()
}

/// A vector: everything that goes in.
struct Vector {
    tenant_key: Vec<u8>,
    salt: Vec<u8>,
    deployment: &'static str,
    key: &'static str,
    stamp: Stamp,
    content: Vec<u8>,
}

fn vectors() -> [Vector; 4] {
    let stamp = |epoch, generation, version| Stamp {
        epoch,
        lineage: LineageId::from_bytes([0x11; 16]),
        generation,
        version,
    };
    let vector = |nth: u8, deployment, key, stamp, content: &[u8]| Vector {
        tenant_key: (0..32).map(|byte| byte ^ nth).collect(),
        salt: (0..32).map(|byte| byte + 100 + nth).collect(),
        deployment,
        key,
        stamp,
        content: content.to_vec(),
    };
    [
        vector(1, "prod", "acme/grant/crm/user-17", stamp(1, 0, 1), b""),
        vector(2, "prod", "acme/client/crm/-", stamp(2, 3, 4), b"content"),
        vector(3, "default", "-/keys/-/acme", stamp(u32::MAX, u64::MAX, u64::MAX), &[0xa5; 252]),
        vector(4, "default", "a/grant/b/j\u{00f6}rg/\u{1f511}", stamp(7, 8, 1_790_000_000_000), &[0x5a; 253]),
    ]
}

fn written() -> String {
    let mut text = String::from("# Vectors for format 1, suite 1: see sealed-record.md. Bytes are in hex.\n");
    for vector in vectors() {
        let sealed = sealed_by(&vector);
        let Stamp { epoch, lineage, generation, version } = vector.stamp;
        write!(
            text,
            "\ntenant-key {}\nsalt {}\ndeployment {}\nrecord {}\nepoch {epoch}\nlineage {lineage}\ngeneration {generation}\nversion {version}\ncontent {}\nsealed {}\n",
            hex(&vector.tenant_key),
            hex(&vector.salt),
            vector.deployment,
            vector.key,
            hex(&vector.content),
            hex(sealed.as_bytes()),
        )
        .unwrap();
    }
    text
}

fn sealed_by(vector: &Vector) -> SealedRecord {
    let deployment = Deployment::new(vector.deployment).unwrap();
    let key = RecordKey::parse(vector.key).unwrap();
    let place = Place::new(&deployment, &key);
    let tenant_key = TenantKey::from_slice(&vector.tenant_key).unwrap();
    let entropy = Chosen(Mutex::new(vector.salt.clone()));
    seal(&tenant_key, place, vector.stamp, &vector.content, &entropy).unwrap()
}

#[test]
fn the_published_vectors_are_what_is_written_and_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sealed-record-vectors.txt");
    let published = std::fs::read_to_string(path).unwrap();
    assert_eq!(published, written(), "the format changed: records that are stored could no longer be read");
    let sealed = published.lines().filter_map(|line| line.strip_prefix("sealed "));
    for (vector, sealed) in vectors().iter().zip(sealed) {
        let deployment = Deployment::new(vector.deployment).unwrap();
        let key = RecordKey::parse(vector.key).unwrap();
        let tenant_key = TenantKey::from_slice(&vector.tenant_key).unwrap();
        let sealed = SealedRecord::new(from_hex(sealed));
        let opened = open(&tenant_key, Place::new(&deployment, &key), &sealed).unwrap();
        assert_eq!((opened.stamp, opened.content.as_slice()), (vector.stamp, vector.content.as_slice()));
    }
}
