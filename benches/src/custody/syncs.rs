//! How many syncs a caller waits for, counted where they happen: in the system calls of a process of its own.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Attempt, Clock, Grant, Rotation, StoreTime, SystemClock};
use grantry_vault::Vault;
use grantry_vault_sqlite::SqliteVault;

use super::authority::Authority;
use super::stand;
use crate::figure::Report;

const RENEWALS: usize = 100;
/// What the process says before it asks, and when it has the token.
const MARKS: (&str, &str) = ("ASKS", "HAS IT");

/// Counts with `strace`, where it is installed.
pub(crate) fn run(report: &mut Report) {
    let folder = tempfile::tempdir_in("target").unwrap();
    let log = folder.path().join("calls");
    let traced = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=fsync,fdatasync,sync_file_range,msync,syncfs,sync,write", "-o"])
        .arg(&log)
        .arg(std::env::current_exe().unwrap())
        .args(["--renewals-in"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .status();
    let Ok(status) = traced else {
        println!("  strace is not installed: the syncs are counted by the test in tests/counts alone");
        return;
    };
    assert!(status.success(), "strace, or the process under it: {status}");
    let counted = count(&std::fs::read_to_string(log).unwrap());
    assert_eq!(counted.len(), RENEWALS);
    let mut sorted = counted.clone();
    sorted.sort_unstable();
    let median = sorted[RENEWALS / 2] as f64;
    report.add(
        "custody: syncs before the caller has the token, median",
        median,
        "",
        Some(4.0),
        "<= 4",
        median <= 4.0,
    );
    // Now and then SQLite moves its log into the file, behind an answer, and the next write waits for that.
    let more = counted.iter().filter(|syncs| **syncs > 4).count() as f64;
    report.add("custody: renewals of a hundred that met a checkpoint", more, "", None, "-", true);
}

/// The syncs that ended between the marks of each renewal. One that has begun and not ended, as that of the outcome, is
/// not waited for.
fn count(calls: &str) -> Vec<usize> {
    let (mut counted, mut since) = (Vec::new(), None);
    for line in calls.lines() {
        if line.contains(MARKS.0) {
            since = Some(0);
        } else if line.contains(MARKS.1) {
            counted.extend(since.take());
        } else if let Some(since) = &mut since
            && line.contains("sync")
            && line.ends_with("= 0")
        {
            *since += 1;
        }
    }
    counted
}

/// What the process under `strace` does: renewals, one after the other, in a SQLite file.
pub(crate) fn renew_in(folder: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let backend = SqliteVault::open(folder.join("custody.db")).await.unwrap();
        let now: StoreTime = backend.now().await.unwrap();
        let vault = stand::vault(backend.clone(), Arc::clone(&clock)).await;
        let authority = Authority::new(Arc::clone(&clock), Duration::from_secs(3600), Duration::ZERO, |_| {
            Rotation::Strict { revokes_family: true }
        });
        stand::fill(&vault, &authority, 1, (clock.as_ref(), now), |_| now).await;
        let custody = stand::custody(&vault, stand::lifeboat(folder), clock).await;
        let grant = stand::open(&custody, &authority, 0);
        let mut held = grant.obtain(Attempt::first()).await.unwrap();
        for _ in 0..RENEWALS {
            // The outcome of the one before is written, so that what is counted belongs to this one.
            tokio::time::sleep(Duration::from_millis(20)).await;
            say(MARKS.0);
            held = grant.obtain(Attempt::replace(&held)).await.unwrap();
            say(MARKS.1);
        }
        custody.close().await;
        vault.close().await.unwrap();
    });
}

fn say(mark: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{mark}").unwrap();
    out.flush().unwrap();
}
