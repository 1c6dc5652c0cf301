//! Renewals in a second through PostgreSQL, beside `pgbench` that updates one row of the same size.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use grantry_core::{Attempt, Clock, Grant, Rotation, SystemClock};
use grantry_custody::CustodyGrant;
use grantry_tests::postgres::{Postgres, Settings};
use grantry_vault::Vault;

use super::authority::Authority;
use super::stages::{Staged, StagedBoat, Stages};
use super::stand;
use crate::figure::Report;
use crate::postgres::{ROUND, UPDATE, make_bare, open, pgbench, side_by_side};

const IN_FLIGHT: usize = 64;

pub(crate) fn run(report: &mut Report) {
    let folder = tempfile::tempdir_in("target").unwrap();
    let server = Postgres::launch(Settings::default()).unwrap();
    // As many threads as pgbench has.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let stages = Arc::new(Stages::default());
    let backend = Staged(open(&server, &runtime, IN_FLIGHT), Arc::clone(&stages));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let authority = Authority::new(Arc::clone(&clock), Duration::from_secs(3600), Duration::ZERO, |_| {
        Rotation::Strict { revokes_family: true }
    });
    let (vault, custody, grants) = runtime.block_on(async {
        let now = backend.now().await.unwrap();
        let vault = stand::vault(backend, Arc::clone(&clock)).await;
        stand::fill(&vault, &authority, IN_FLIGHT as u64, (clock.as_ref(), now), |_| now).await;
        let boat = StagedBoat(stand::lifeboat(folder.path()), Arc::clone(&stages));
        let custody = stand::custody(&vault, boat, clock).await;
        let grants: Vec<_> =
            (0..IN_FLIGHT).map(|nth| Arc::new(stand::open(&custody, &authority, nth as u64))).collect();
        (vault, custody, grants)
    });
    make_bare(&server, IN_FLIGHT);

    stages.clear();
    let asked = authority.asked();
    let renewals = || renewals_per_second(&runtime, &grants);
    let (ours, limit) = side_by_side(renewals, || pgbench(&server, UPDATE, IN_FLIGHT));
    report.add(
        "custody: renewals with PostgreSQL, 64 in flight",
        ours,
        "/s",
        Some(limit),
        ">= 0.25",
        ours >= 0.25 * limit,
    );
    stages.report(report, (authority.asked() - asked) as f64);
    assert_eq!(authority.refused(), 0, "no refresh token is used twice");
    runtime.block_on(async {
        custody.close().await;
        vault.close().await.unwrap();
    });
}

/// Renewals per second of one task for each grant, each after the other.
fn renewals_per_second(runtime: &tokio::runtime::Runtime, grants: &[Arc<CustodyGrant>]) -> f64 {
    let (ended, renewals) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    runtime.block_on(async {
        let start = Instant::now();
        let tasks: Vec<_> = grants
            .iter()
            .map(|grant| {
                let grant = Arc::clone(grant);
                let (ended, renewals) = (Arc::clone(&ended), Arc::clone(&renewals));
                tokio::spawn(async move {
                    let mut held = grant.obtain(Attempt::first()).await.unwrap();
                    while !ended.load(Ordering::Relaxed) {
                        held = grant.obtain(Attempt::replace(&held)).await.unwrap();
                        renewals.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        tokio::time::sleep(ROUND).await;
        ended.store(true, Ordering::Relaxed);
        for task in tasks {
            task.await.unwrap();
        }
        renewals.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
    })
}
