//! Whatever is done to the bytes in the store: it is refused, with the right error, and nothing of it is used.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::error::Error as _;
use std::future::Future;

use grantry_core::{Error, ErrorKind};
use grantry_vault::access::Principal;
use grantry_vault::{
    MemoryVault, Precondition, RecordKey, RefusedRecord, SealedRecord, SealedVault, TenantVault, Vault,
};
use proptest::prelude::*;
use support::{builder, everything, grant, key, me, read_token};

const GRANT: &str = "acme/grant/crm/user-17";

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn parsed(text: &str) -> RecordKey {
    RecordKey::parse(text).unwrap()
}

/// A store with grants that a tampering hand could mix up.
async fn store() -> MemoryVault {
    let store = MemoryVault::new();
    let vault = support::opened(store.clone(), &["acme", "globex"]).await;
    for tenant in ["acme", "globex"] {
        let tenant = vault.tenant(tenant).unwrap();
        for (service, account) in [("crm", "user-17"), ("crm", "user-18"), ("mail", "user-17")] {
            tenant.create_grant(service, account, grant("canary")).await.unwrap();
        }
        tenant.store_client("crm", grantry_vault::ClientRecord::new("id"), None).await.unwrap();
    }
    store
}

/// The vault as a process that has seen nothing yet.
async fn fresh(store: &MemoryVault) -> Result<TenantVault, Error> {
    let vault = builder(store.clone(), key(1)).open().await?;
    Ok(vault.as_principal(Principal::system_renewal()).tenant("acme").unwrap())
}

/// Puts other bytes in a record's place, as somebody with the store in their hands.
async fn overwrite(store: &MemoryVault, key: &RecordKey, bytes: Vec<u8>) {
    let when = match store.load(key).await.unwrap() {
        Some(stored) => Precondition::Matches(stored.revision),
        None => Precondition::Absent,
    };
    store.store(key, SealedRecord::new(bytes), when).await.unwrap();
}

async fn bytes_of(store: &MemoryVault, key: &RecordKey) -> Vec<u8> {
    store.load(key).await.unwrap().unwrap().sealed.as_bytes().to_vec()
}

/// Why a grant is refused by a process that has seen nothing yet.
async fn refusal(store: &MemoryVault, account: &str) -> RefusedRecord {
    let read = match fresh(store).await {
        Ok(tenant) => read_token(&tenant, "crm", account).await,
        Err(error) => Err(error),
    };
    cause(&read.expect_err("the record is not refused"))
}

fn cause(error: &Error) -> RefusedRecord {
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error:?}");
    assert!(!format!("{error:?} {error}").contains("canary"));
    *error.source().unwrap().downcast_ref::<RefusedRecord>().unwrap_or_else(|| panic!("{error:?}"))
}

#[test]
fn every_bit_of_a_record_counts() {
    block_on(async {
        let store = store().await;
        let (key, vault) = (parsed(GRANT), fresh(&store).await.unwrap());
        let whole = bytes_of(&store, &key).await;
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            overwrite(&store, &key, flipped).await;
            let why = cause(&read_token(&vault, "crm", "user-17").await.expect_err("it opened"));
            let is_right = match bit / 8 {
                0..3 => why == RefusedRecord::NotARecord,
                3..5 => matches!(why, RefusedRecord::NotARecord | RefusedRecord::NewerFormat { .. }),
                5..9 => matches!(why, RefusedRecord::UnknownEpoch { .. }),
                // Lineage, generation and version are in clear; they are authenticated with the content.
                9..41 => why == RefusedRecord::Altered,
                // Salt and commitment.
                41..105 => why == RefusedRecord::Misplaced,
                _ => why == RefusedRecord::Altered,
            };
            assert!(is_right, "bit {bit}: {why:?}");
        }
        overwrite(&store, &key, whole).await;
        assert_eq!(read_token(&vault, "crm", "user-17").await.unwrap().unwrap(), "canary");
    });
}

#[test]
fn every_length_but_the_right_one_is_refused() {
    block_on(async {
        let store = store().await;
        let (key, vault) = (parsed(GRANT), fresh(&store).await.unwrap());
        let whole = bytes_of(&store, &key).await;
        for length in (0..whole.len()).chain([whole.len() + 1, whole.len() + 256]) {
            let mut bytes = whole.clone();
            bytes.resize(length, 0);
            overwrite(&store, &key, bytes).await;
            let why = cause(&read_token(&vault, "crm", "user-17").await.expect_err("it opened"));
            assert!(matches!(why, RefusedRecord::NotARecord | RefusedRecord::Altered), "{length}: {why:?}");
        }
    });
}

#[test]
fn a_record_opens_in_no_other_place() {
    block_on(async {
        let store = store().await;
        let all = everything(&store).await;
        let sealed = all.iter().filter(|(key, _)| key.as_str() != "-/keys/-/-");
        for (from, stored) in sealed.clone() {
            for (to, _) in sealed.clone().filter(|(to, _)| to != from) {
                let before = bytes_of(&store, to).await;
                overwrite(&store, to, stored.sealed.as_bytes().to_vec()).await;
                let vault = builder(store.clone(), key(1)).open().await;
                let refused = match vault {
                    Err(error) => cause(&error),
                    Ok(vault) => read_anything(&vault, to).await,
                };
                let is_right =
                    matches!(refused, RefusedRecord::Misplaced | RefusedRecord::UnknownEpoch { .. });
                assert!(is_right, "{from} in the place of {to}: {refused:?}");
                overwrite(&store, to, before).await;
            }
        }
    });
}

/// Reads whatever belongs in a place, and says why that is refused.
async fn read_anything(vault: &SealedVault, place: &RecordKey) -> RefusedRecord {
    let name = place.tenant().unwrap_or(place.account());
    let tenant = vault.as_principal(me()).tenant(name).unwrap();
    let error = match (place.kind().as_str(), place.service()) {
        ("client", Some(service)) => tenant.client(service).await.map(drop),
        ("grant", Some(service)) => tenant.grant(service, place.account()).await.map(drop),
        _ => tenant.grant("crm", "user-17").await.map(drop),
    };
    cause(&error.expect_err(place.as_str()))
}

#[test]
fn an_older_record_is_refused_by_whoever_saw_a_newer_one() {
    block_on(async {
        let store = store().await;
        let vault = support::opened(store.clone(), &[]).await;
        let acme = vault.tenant("acme").unwrap();
        let older = bytes_of(&store, &parsed(GRANT)).await;
        let standing = acme.grant("crm", "user-17").await.unwrap().unwrap();
        acme.replace_grant("crm", "user-17", grant("newer"), Some(&standing.version)).await.unwrap();
        overwrite(&store, &parsed(GRANT), older).await;
        let error = acme.grant("crm", "user-17").await.expect_err("it went back");
        assert!(matches!(cause(&error), RefusedRecord::RolledBack { .. }));
    });
}

#[test]
fn a_record_that_was_taken_out_is_missed_and_one_that_was_deleted_is_not() {
    block_on(async {
        let store = store().await;
        let vault = support::opened(store.clone(), &[]).await;
        let acme = vault.tenant("acme").unwrap();
        acme.grant("crm", "user-17").await.unwrap().unwrap();
        let revision = store.load(&parsed(GRANT)).await.unwrap().unwrap().revision;
        store.remove(&parsed(GRANT), &revision).await.unwrap();
        let error = acme.grant("crm", "user-17").await.expect_err("it is gone");
        assert!(matches!(cause(&error), RefusedRecord::Vanished { .. }));

        let other = acme.grant("crm", "user-18").await.unwrap().unwrap();
        support_revoker(&vault, &other.version).await;
        assert!(acme.grant("crm", "user-18").await.unwrap().is_none());
        let again = acme.create_grant("crm", "user-18", grant("again")).await.unwrap();
        assert!(again.number() > other.version.number(), "versions go on over a tombstone");
    });
}

async fn support_revoker(vault: &grantry_vault::PrincipalVault, version: &grantry_vault::RecordVersion) {
    vault.tenant("acme").unwrap().remove_grant("crm", "user-18", version).await.unwrap();
}

#[test]
fn every_byte_of_the_root_record_counts() {
    block_on(async {
        let store = store().await;
        let root = parsed("-/keys/-/-");
        let whole = bytes_of(&store, &root).await;
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x40;
            overwrite(&store, &root, changed).await;
            let error = builder(store.clone(), key(1)).open().await.expect_err("it opened");
            let kinds = [ErrorKind::Damaged, ErrorKind::Configuration, ErrorKind::KeyUnavailable];
            assert!(kinds.contains(&error.kind()), "byte {at}: {error:?}");
        }
        overwrite(&store, &root, whole).await;
        builder(store, key(1)).open().await.unwrap();
    });
}

#[test]
fn a_vault_opens_under_its_own_key_and_name_only() {
    block_on(async {
        let store = store().await;
        let before = everything(&store).await;
        let other_key = builder(store.clone(), key(2)).open().await.unwrap_err();
        assert_eq!(other_key.kind(), ErrorKind::KeyUnavailable);
        assert!(other_key.source().unwrap().to_string().contains("local/1/"), "{other_key:?}");
        let other_name = builder(store.clone(), key(1)).deployment("staging").open().await.unwrap_err();
        assert_eq!(other_name.kind(), ErrorKind::Configuration);
        assert!(other_name.to_string().contains("\"default\""), "{other_name}");
        let after = everything(&store).await;
        let same = before.iter().zip(&after).all(|(b, a)| b.0 == a.0 && b.1.sealed == a.1.sealed);
        assert!(same && before.len() == after.len(), "nothing was overwritten");
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn bytes_that_somebody_made_up_never_open(mut bytes in proptest::collection::vec(any::<u8>(), 0..700), keep in 0usize..110) {
        block_on(async {
            let store = store().await;
            let whole = bytes_of(&store, &parsed(GRANT)).await;
            let keep = keep.min(bytes.len());
            bytes[..keep].copy_from_slice(&whole[..keep]);
            prop_assume!(bytes != whole);
            overwrite(&store, &parsed(GRANT), bytes).await;
            refusal(&store, "user-17").await;
            Ok(())
        })?;
    }
}
