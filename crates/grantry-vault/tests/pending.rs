//! What waits for a person: kept sealed, taken once, gone in time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use grantry_core::ErrorKind;
use grantry_vault::access::{AccessPolicy, Principal};
use grantry_vault::audit::MemorySink;
use grantry_vault::{MemoryVault, RotationPolicy, SealedVault};
use support::{HandClock, builder, everything, key, me, opened};
use zeroize::Zeroizing;

const MINUTES: Duration = Duration::from_secs(600);

fn bytes(text: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.as_bytes().to_vec())
}

#[tokio::test]
async fn it_is_taken_once_on_any_replica_and_leaves_nothing_behind() {
    let backend = Arc::new(MemoryVault::new());
    let here = opened(Arc::clone(&backend), &["acme", "globex"]).await;
    let there = builder(Arc::clone(&backend), key(1)).open().await.unwrap().as_principal(me());
    let before = everything(&*backend).await.len();
    here.tenant("acme").unwrap().keep_pending("n4me", bytes("verifier"), MINUTES).await.unwrap();
    let stored = everything(&*backend).await;
    let holds = |sealed: &[u8], text: &str| sealed.windows(text.len()).any(|piece| piece == text.as_bytes());
    assert!(stored.iter().all(|(_, record)| !holds(record.sealed.as_bytes(), "verifier")));
    // Another tenant, and another name, find nothing and take nothing away.
    assert_eq!(there.tenant("globex").unwrap().take_pending("n4me").await.unwrap(), None);
    assert_eq!(there.tenant("acme").unwrap().take_pending("other").await.unwrap(), None);
    let taken = there.tenant("acme").unwrap().take_pending("n4me").await.unwrap();
    assert_eq!(taken.unwrap().as_slice(), b"verifier");
    for vault in [&here, &there] {
        assert_eq!(vault.tenant("acme").unwrap().take_pending("n4me").await.unwrap(), None);
    }
    assert_eq!(everything(&*backend).await.len(), before);
}

#[tokio::test]
async fn of_many_that_take_it_at_once_one_does() {
    let backend = Arc::new(MemoryVault::new());
    let here = opened(Arc::clone(&backend), &["acme"]).await;
    for round in 0..20 {
        let id = format!("name-{round}");
        here.tenant("acme").unwrap().keep_pending(&id, bytes("x"), MINUTES).await.unwrap();
        let mut tasks = Vec::new();
        for _ in 0..8 {
            let replica = builder(Arc::clone(&backend), key(1)).open().await.unwrap().as_principal(me());
            let id = id.clone();
            tasks.push(tokio::spawn(async move {
                replica.tenant("acme").unwrap().take_pending(&id).await.unwrap().is_some()
            }));
        }
        let mut taken = 0;
        for task in tasks {
            taken += usize::from(task.await.unwrap());
        }
        assert_eq!(taken, 1);
    }
}

#[tokio::test]
async fn it_can_be_put_back_and_taken_again() {
    let here = opened(MemoryVault::new(), &["acme"]).await;
    let acme = here.tenant("acme").unwrap();
    for text in ["first", "second"] {
        acme.keep_pending("n4me", bytes("overwritten"), MINUTES).await.unwrap();
        acme.keep_pending("n4me", bytes(text), MINUTES).await.unwrap();
        assert_eq!(acme.take_pending("n4me").await.unwrap().unwrap().as_slice(), text.as_bytes());
    }
}

#[tokio::test]
async fn what_expired_is_given_to_nobody_and_swept_out() {
    let clock = HandClock::new();
    let backend = Arc::new(MemoryVault::with_clock(clock.clone()));
    let vault = builder(Arc::clone(&backend), key(1)).clock(Arc::new(clock.clone())).open().await.unwrap();
    let mine = vault.as_principal(me());
    mine.create_tenant("acme").await.unwrap();
    let acme = mine.tenant("acme").unwrap();
    let before = everything(&*backend).await.len();
    for n in 0..600 {
        let lifetime = if n % 2 == 0 { MINUTES } else { 2 * MINUTES };
        acme.keep_pending(format!("name-{n}"), bytes("x"), lifetime).await.unwrap();
    }
    assert_eq!(acme.sweep_pending().await.unwrap(), 0);
    clock.advance(MINUTES);
    assert_eq!(acme.take_pending("name-0").await.unwrap(), None);
    assert_eq!(acme.sweep_pending().await.unwrap(), 299);
    assert_eq!(everything(&*backend).await.len(), before + 300);
    assert!(acme.take_pending("name-1").await.unwrap().is_some());
    // A rotation sweeps, too.
    clock.advance(MINUTES);
    mine.rotate(&RotationPolicy::default(), |_| {}).await.unwrap();
    assert_eq!(acme.sweep_pending().await.unwrap(), 0);
    assert!(everything(&*backend).await.iter().all(|(key, _)| !key.as_str().contains("/pending/")));
}

#[tokio::test]
async fn who_may_not_create_grants_may_keep_and_take_nothing() {
    let stranger = Principal::workload("stranger").unwrap();
    let vault = SealedVault::builder(MemoryVault::new(), key(1), AccessPolicy::sole(&me()))
        .audit_elsewhere()
        .audit_sink(MemorySink::as_if_durable())
        .open()
        .await
        .unwrap();
    vault.as_principal(me()).create_tenant("acme").await.unwrap();
    let acme = vault.as_principal(stranger).tenant("acme").unwrap();
    let error = acme.keep_pending("n4me", bytes("x"), MINUTES).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied);
    assert_eq!(acme.take_pending("n4me").await.unwrap_err().kind(), ErrorKind::AccessDenied);
    assert_eq!(acme.sweep_pending().await.unwrap_err().kind(), ErrorKind::AccessDenied);
}
