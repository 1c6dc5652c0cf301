//! The token endpoint answers 503 while the token is still valid.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use grantry_core::{SystemClock, TokenSource};
use grantry_refresh::{ManagedSource, RefreshPolicy, Scheduler};

use crate::figure::Report;
use crate::grants::{MadeUp, key, profile};

pub(crate) fn run(report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let grant = MadeUp::new(Arc::new(SystemClock::new()), Duration::from_secs(10), Duration::from_millis(5));
    let policy = RefreshPolicy::builder()
        .buffer(Duration::from_secs(5))
        .retry_delay(Duration::from_millis(100))
        .build()
        .unwrap();
    let profile = profile(&Scheduler::new(), policy);
    let source = ManagedSource::new(key(0), grant.clone(), &profile);
    let (served, called) = runtime.block_on(async {
        source.token().await.unwrap();
        grant.down.store(true, Ordering::Relaxed);
        let until = Instant::now() + Duration::from_millis(9_500);
        let (mut served, mut called) = (0_u64, 0_u64);
        while Instant::now() < until {
            called += 1;
            let fit = match source.ready() {
                Some(_) => true,
                None => source.token().await.is_ok_and(|token| !token.is_past_expiry()),
            };
            served += u64::from(fit);
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        (served, called)
    });
    let percent = served as f64 / called as f64 * 100.0;
    report.add(format!("outage: of {called} calls served"), percent, "%", None, "100", served == called);
    let asked = grant.asked.load(Ordering::Relaxed) - 1;
    report.add(
        "outage: requests in the one episode",
        asked as f64,
        "",
        None,
        "<= 4",
        asked > 0 && asked <= 4,
    );
}
