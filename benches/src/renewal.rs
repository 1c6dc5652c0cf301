//! Renewals under load: a herd on a cold source, and callers who never wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use grantry_core::{SystemClock, TokenSource};
use grantry_refresh::{ManagedSource, RefreshPolicy, Scheduler};

use crate::figure::Report;
use crate::grants::{MadeUp, key, profile};

/// 1,000 and 100,000 tasks at once on a source that holds nothing.
pub(crate) fn herd(report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for tasks in [1_000, 100_000] {
        let clock = Arc::new(SystemClock::new());
        let grant = MadeUp::new(clock, Duration::from_secs(3600), Duration::from_millis(200));
        let profile = profile(&Scheduler::new(), RefreshPolicy::default());
        let source = ManagedSource::new(key(0), grant.clone(), &profile);
        runtime.block_on(async {
            let all: Vec<_> = (0..tasks)
                .map(|_| {
                    let source = Arc::clone(&source);
                    tokio::spawn(async move { source.token().await.unwrap() })
                })
                .collect();
            for task in all {
                task.await.unwrap();
            }
        });
        let asked = grant.asked.load(Ordering::Relaxed) as f64;
        report.add(format!("{tasks} tasks on a cold source: requests"), asked, "", None, "1", asked == 1.0);
    }
}

/// 64 tasks that call steadily across a renewal which takes 200 ms.
pub(crate) fn steady(report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let clock = Arc::new(SystemClock::new());
    let grant = MadeUp::new(clock, Duration::from_secs(4), Duration::from_millis(200));
    let policy = RefreshPolicy::builder().buffer(Duration::from_secs(2)).build().unwrap();
    let profile = profile(&Scheduler::new(), policy);
    let source = ManagedSource::new(key(0), grant.clone(), &profile);
    let mut waits: Vec<u64> = runtime.block_on(async {
        source.token().await.unwrap();
        let until = Instant::now() + Duration::from_secs(6);
        let tasks: Vec<_> =
            (0..64).map(|_| tokio::spawn(call_steadily(Arc::clone(&source), until))).collect();
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        all
    });
    waits.sort_unstable();
    let renewals = grant.asked.load(Ordering::Relaxed) - 1;
    assert!(renewals >= 2, "the calls went across {renewals} renewals");
    let slow = waits.iter().filter(|nanos| **nanos > 50_000_000).count() as f64;
    let p999 = waits[waits.len() * 999 / 1_000] as f64 / 1_000.0;
    let calls = waits.len();
    report.add(
        format!("{calls} calls across {renewals} renewals: over 50 ms"),
        slow,
        "",
        None,
        "0",
        slow == 0.0,
    );
    report.add("the same: p99.9", p999, "us", None, "<= 10", p999 <= 10.0);
    let longest = waits[waits.len() - 1] as f64 / 1_000.0;
    report.add("the same: the longest", longest, "us", None, "-", true);
}

async fn call_steadily(source: Arc<ManagedSource>, until: Instant) -> Vec<u64> {
    let mut waits = Vec::with_capacity(100_000);
    while Instant::now() < until {
        for _ in 0..20 {
            let start = Instant::now();
            let token = match source.ready() {
                Some(token) => token,
                None => source.token().await.unwrap(),
            };
            waits.push(start.elapsed().as_nanos() as u64);
            assert!(!token.is_past_expiry());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    waits
}
