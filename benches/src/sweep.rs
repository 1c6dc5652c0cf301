//! The sweep: a hundred thousand records in a SQLite file are listed and sealed anew.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use grantry_core::{RefreshToken, Timestamp};
use grantry_vault::access::{AccessPolicy, Principal};
use grantry_vault::audit::{AuditError, AuditLine, AuditSink};
use grantry_vault::{GrantRecord, LocalKey, RotationPhase, RotationPolicy, SealedVault, TenantVault};
use grantry_vault_sqlite::SqliteVault;
use zeroize::Zeroizing;

use crate::figure::Report;

pub(crate) const RECORDS: usize = 100_000;
const MIB: f64 = 1024.0 * 1024.0;

/// Takes the trail and forgets it: this is about the sweep.
#[derive(Debug)]
pub(crate) struct Forgets;

#[async_trait]
impl AuditSink for Forgets {
    fn is_durable(&self) -> bool {
        true
    }
    async fn append(&self, _batch: &[AuditLine]) -> Result<(), AuditError> {
        Ok(())
    }
}

pub(crate) fn run(report: &mut Report) {
    let folder = tempfile::tempdir_in("target").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = SqliteVault::open(folder.path().join("vault.db")).await.unwrap();
        let me = Principal::workload("bench").unwrap();
        let key = LocalKey::from_bytes(Zeroizing::new([7; 32]));
        let vault = SealedVault::builder(store.clone(), key, AccessPolicy::sole(&me))
            .audit_elsewhere()
            .audit_sink(Forgets)
            .open()
            .await
            .unwrap();
        let mine = vault.as_principal(me);
        mine.create_tenant("acme").await.unwrap();
        populate(&mine.tenant("acme").unwrap()).await;

        let before = resident();
        let (most, told) = (Mutex::new(before), Mutex::new(0_u64));
        let policy = RotationPolicy::default().every(Duration::ZERO).records_per_second(1_000_000);
        let began = Instant::now();
        let done = mine
            .rotate(&policy, |progress| {
                if progress.phase == RotationPhase::Records {
                    *told.lock().unwrap() += 1;
                }
                let mut most = most.lock().unwrap();
                *most = most.max(resident());
            })
            .await
            .unwrap();
        let (took, grown) = (began.elapsed().as_secs_f64(), (*most.lock().unwrap() - before).max(0.0) / MIB);
        assert!(done.resealed >= RECORDS as u64, "{done:?}");
        report.add(
            "memory over start to seal 100,000 records anew",
            grown,
            "MiB",
            None,
            "<= 64",
            grown <= 64.0,
        );
        let told = *told.lock().unwrap() as f64;
        report.add("progress told in that time", told, "times", None, ">= 100", told >= 100.0);
        report.add("records sealed anew in a second", done.resealed as f64 / took, "/s", None, "-", true);
        store.close().await;
    });
}

/// Puts the records in.
pub(crate) async fn populate(acme: &TenantVault) {
    let consented = Timestamp::from_unix_seconds(1_790_000_000);
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let acme = acme.clone();
            tokio::spawn(async move {
                for nth in (task..RECORDS).step_by(64) {
                    let token = RefreshToken::new("r".repeat(200));
                    let grant = GrantRecord::new(consented).with_refresh_token(token, consented);
                    acme.create_grant("crm", format!("user-{nth:06}"), grant).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// The resident memory of this process, in bytes.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as f64
}
