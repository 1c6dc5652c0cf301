//! What is kept: the vault, its audit trail, and the grants in custody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{
    AccessToken, Attempt, Clock, Failure, Grant, GrantKey, RefreshToken, SystemClock, TokenSet,
};
use grantry_custody::{AdoptedId, Adoption, Cargo, Custody, Lifeboat, LifeboatError, Seat};
use grantry_testkit::ManualClock;
use grantry_vault::access::{AccessPolicy, Principal};
use grantry_vault::audit::{AuditError, AuditLine, AuditSink, MemorySink, Traced};
use grantry_vault::{GrantRecord, LocalKey, MemoryVault, RotationPolicy, SealedVault, SealedVaultBuilder};
use zeroize::Zeroizing;

use crate::ear::{Ear, Told, told};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Stands in every token here.
const CANARY: &str = "c4n4ry5f0c1d9e7b";

fn me() -> Principal {
    Principal::workload("me").unwrap()
}

fn builder(store: MemoryVault) -> SealedVaultBuilder {
    let key = LocalKey::from_bytes(Zeroizing::new([7; 32]));
    SealedVault::builder(store, key, AccessPolicy::sole(&me()))
        .audit_elsewhere()
        .audit_sink(MemorySink::as_if_durable())
}

/// A sink that fails once.
#[derive(Debug, Default)]
struct FailsOnce(AtomicBool);

#[async_trait]
impl AuditSink for FailsOnce {
    fn is_durable(&self) -> bool {
        false
    }
    async fn append(&self, _: &[AuditLine]) -> Result<(), AuditError> {
        if self.0.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        Err(AuditError::unavailable("it rests"))
    }
}

#[tokio::test(start_paused = true)]
async fn the_events_of_the_audit_trail_have_the_fields_that_the_manual_names() {
    let (ear, _listening) = Ear::listen();
    let vault = builder(MemoryVault::new()).audit_sink(FailsOnce::default()).audit_sink(Traced::new());
    let mine = vault.open().await.unwrap().as_principal(me());
    mine.create_tenant("acme").await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (lines, others): (Vec<Told>, Vec<Told>) =
        ear.told().into_iter().partition(|(_, what, _)| what == "a line of the audit trail");
    let fails = [
        ("grantry.audit.sink", "1"),
        ("exception.message", "the audit log cannot be written in time: it rests"),
    ];
    assert_eq!(
        others,
        [
            told("WARN", "the audit sink fails; its lines are kept and tried again", fails),
            told("INFO", "the audit sink takes lines again", [("grantry.audit.sink", "1")]),
        ]
    );
    assert!(lines.len() >= 3, "the beginning, an intent and its outcome: {lines:?}");
    for (nth, (level, _, fields)) in lines.iter().enumerate() {
        let names: Vec<_> = fields.keys().copied().collect();
        let all = ["line", "seq", "stage", "writer"].map(|name| format!("grantry.audit.{name}"));
        assert_eq!((level.as_str(), names), ("INFO", all.iter().map(String::as_str).collect()));
        assert_eq!(fields["grantry.audit.seq"], nth.to_string());
        let line: serde_json::Value = serde_json::from_str(&fields["grantry.audit.line"]).unwrap();
        assert_eq!(line["seq"], nth);
    }
}

#[tokio::test]
async fn a_key_that_is_due_is_told_with_the_fields_that_the_manual_names() {
    let clock = ManualClock::new();
    let store = MemoryVault::with_clock(clock.clone());
    let vault = builder(store).clock(Arc::new(clock.clone())).open().await.unwrap();
    vault.as_principal(me()).create_tenant("acme").await.unwrap();
    clock.advance(DAY * 86);
    let (ear, _listening) = Ear::listen();
    let task = vault.keep_rotating(RotationPolicy::default()).unwrap();
    let mut came = Vec::new();
    while came.len() < 2 {
        tokio::task::yield_now().await;
        came.extend(ear.told());
    }
    task.stop().await;
    let due = [("grantry.age_days", "86"), ("grantry.overdue", "false")];
    let of_acme = [("grantry.tenant", "acme"), due[0], due[1]];
    let what = "a key is to be rotated";
    assert_eq!(came, [told("WARN", what, due), told("WARN", what, of_acme)]);
}

/// A lifeboat with seats, whose disk is full when something is to be put into one, and fails after the first look at it.
#[derive(Debug, Default)]
struct NoRoomAboard(AtomicBool);

#[async_trait]
impl Lifeboat for NoRoomAboard {
    async fn reserve(&self) -> Result<Seat, LifeboatError> {
        Ok(Seat::new(0))
    }
    async fn board(&self, _: &Seat, _: &Cargo) -> Result<(), LifeboatError> {
        Err(LifeboatError::NoRoom("no space is left on the disk".to_owned()))
    }
    fn leave(&self, _: Seat) {}
    async fn adopt(&self) -> Result<Adoption, LifeboatError> {
        if self.0.swap(true, Ordering::Relaxed) {
            return Err(LifeboatError::Failed("the disk does not answer".to_owned()));
        }
        Ok(Adoption::default())
    }
    async fn bring_home(&self, _: &AdoptedId) -> Result<(), LifeboatError> {
        Ok(())
    }
    fn is_durable(&self) -> bool {
        true
    }
}

/// Gives a successor for every refresh token.
#[derive(Debug)]
struct Rotates;

#[async_trait]
impl Grant for Rotates {
    async fn obtain(&self, _: Attempt<'_>) -> Result<TokenSet, Failure> {
        let access = AccessToken::new(format!("access.{CANARY}"));
        let set = TokenSet::builder(access, SystemClock::new().now());
        Ok(set.refresh_token(RefreshToken::new(format!("second.{CANARY}"))).build().unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn the_events_of_a_grant_in_custody_name_it_and_show_no_token() {
    let (ear, _listening) = Ear::listen();
    let vault = builder(MemoryVault::new()).open().await.unwrap();
    let acme = vault.as_principal(me());
    acme.create_tenant("acme").await.unwrap();
    let wall = SystemClock::new().wall();
    let first = RefreshToken::new(format!("first.{CANARY}"));
    let record = GrantRecord::new(wall).with_refresh_token(first, wall);
    acme.tenant("acme").unwrap().create_grant("crm", "user-17", record).await.unwrap();
    let custody = Custody::builder(&vault, NoRoomAboard::default()).look_every(DAY).open().await.unwrap();
    let key = GrantKey::new("acme", "crm", "user-17").unwrap();
    let grant = custody.grant(key, Rotates).build().unwrap();
    grant.obtain(Attempt::first()).await.unwrap();
    let came = ear.told();
    let not_aboard = [
        ("grantry.tenant", "acme"),
        ("grantry.service", "crm"),
        ("grantry.account", "user-17"),
        ("exception.message", "the lifeboat has no room: no space is left on the disk"),
    ];
    assert_eq!(came, [told("WARN", "what was received is not in the lifeboat", not_aboard)]);
    assert!(!format!("{came:?}").contains(CANARY));

    tokio::time::sleep(DAY * 2).await;
    let not_looked_at = [
        ("error.type", "storage"),
        ("exception.message", "keeping the credential: the lifeboats cannot be looked at"),
    ];
    // Looks are spread around their day.
    let mut came = ear.told();
    came.dedup();
    assert_eq!(came, [told("WARN", "lifeboats cannot be looked at", not_looked_at)]);
    custody.close().await;
}
