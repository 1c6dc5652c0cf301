//! A million managed sources in one process: memory, load and its spread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as Watch};

use grantry_core::{Clock, CoarseReading, Instant, Timestamp, TokenSource};
use grantry_refresh::{Directory, ManagedSource, Profile, Scheduler};

use crate::figure::Report;
use crate::grants::{MadeUp, TOKEN_BYTES, key};

const SOURCES: usize = 1_000_000;
const LIFE: Duration = Duration::from_secs(3600);
/// How much virtual time passes at a step.
const STEP: Duration = Duration::from_secs(1);

/// A clock that the benchmark moves, so that hours pass in seconds.
#[derive(Debug, Default)]
struct Virtual(AtomicU64);

impl Clock for Virtual {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.load(Ordering::Relaxed))
    }
    fn wall(&self) -> Timestamp {
        Timestamp::from_unix_nanos(i64::try_from(self.0.load(Ordering::Relaxed)).unwrap())
    }
    fn coarse(&self) -> CoarseReading {
        CoarseReading { monotonic: self.0.load(Ordering::Relaxed), wall: self.wall() }
    }
}

pub(crate) fn run(report: &mut Report) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let clock = Arc::new(Virtual::default());
    clock.0.store(1_000_000_000_000, Ordering::Relaxed);
    let grant = MadeUp::new(clock.clone(), LIFE, Duration::ZERO);
    let scheduler = Scheduler::builder().clock(clock.clone()).concurrent_renewals(256).build();
    let profile = Profile::builder("https://as.test/token", "benchmark", &scheduler).build();
    let directory = Directory::new();

    let resident = resident_bytes();
    let mut sources = Vec::with_capacity(SOURCES);
    let memory = allocation_counter::measure(|| {
        runtime.block_on(async {
            for nth in 0..SOURCES {
                let source = ManagedSource::new(key(nth), grant.clone(), &profile);
                source.token().await.unwrap();
                sources.push(source);
            }
        });
    });
    let each = |bytes: i64| bytes as f64 / SOURCES as f64;
    let own = (TOKEN_BYTES + "Bearer ".len()) as f64;
    let beside = each(memory.bytes_current) - own;
    report.add(
        "a million sources: bytes each beside the token, key included",
        beside,
        "B",
        None,
        "<= 300",
        beside <= 300.0,
    );
    let resident = (resident_bytes() - resident) as f64 / SOURCES as f64 - own;
    report.add("the same as the system sees it, with the allocator's share", resident, "B", None, "-", true);
    let table = allocation_counter::measure(|| {
        for source in sources.drain(..) {
            directory.insert(source);
        }
    });
    report.add("a directory of them: bytes each more", each(table.bytes_current), "B", None, "-", true);

    spread(report, &runtime, &clock, &grant, &directory);
}

/// Lets three hours pass and watches how many renewals each minute brings and what they cost.
fn spread(
    report: &mut Report,
    runtime: &tokio::runtime::Runtime,
    clock: &Virtual,
    grant: &MadeUp,
    directory: &Directory,
) {
    let mut minutes = Vec::new();
    let mut spent = Duration::ZERO;
    runtime.block_on(async {
        for _ in 0..180 {
            let before = grant.asked.load(Ordering::Relaxed);
            for _ in 0..60 {
                let now = clock.0.load(Ordering::Relaxed);
                clock.0.store(now + u64::try_from(STEP.as_nanos()).unwrap(), Ordering::Relaxed);
                let start = Watch::now();
                // Tokio's time stands still but for this, so nothing here waits: what passes is work.
                tokio::time::advance(STEP).await;
                settle(grant).await;
                spent += start.elapsed();
            }
            minutes.push(grant.asked.load(Ordering::Relaxed) - before);
        }
    });
    let first = minutes.iter().position(|renewals| *renewals > 0).unwrap_or_default();
    let busy = &minutes[first..];
    let mean = busy.iter().sum::<u64>() as f64 / busy.len() as f64;
    let peak = *busy.iter().max().unwrap() as f64;
    report.add(
        "renewals in the fullest minute, beside the mean",
        peak,
        "",
        Some(mean),
        "<= 1.5",
        peak <= 1.5 * mean,
    );
    let share = spent.as_secs_f64() / (180.0 * 60.0) * 100.0;
    report.add("share of a core for hourly renewals of a million", share, "%", None, "<= 1.5", share <= 1.5);
    let stale = directory
        .sources()
        .iter()
        .filter(|source| source.health().fit_for.unwrap_or_default().is_zero())
        .count() as f64;
    report.add("sources whose token had expired at the end", stale, "", None, "0", stale == 0.0);
}

/// Lets the scheduler look, and what it starts run to its end.
async fn settle(grant: &MadeUp) {
    let mut before = u64::MAX;
    loop {
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
        let asked = grant.asked.load(Ordering::Relaxed);
        if asked == before {
            return;
        }
        before = asked;
    }
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = statm.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or_default();
    pages * rustix::param::page_size()
}
