//! What a call costs while the token is cached: one thread, two threads, allocations.

use std::error::Error;
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::unconstrained;

use super::{AN_HOUR, Effort, endpoint, median, runtime};
use crate::allocations;
use crate::figure::Figure;
use crate::peer::{Failed, Peer};

pub(super) const ONE_THREAD: &str = "hit_one_thread";
pub(super) const TWO_THREADS: &str = "hit_two_threads_ratio";
pub(super) const ALLOCATIONS: &str = "hit_allocations";

/// Calls between two looks at the stop flag.
const BATCH: u64 = 64;

/// A run in which a thread waited for a core for longer than this share of the time does not count as undisturbed.
const CROWDED: f64 = 0.03;

/// One run of each kind, one after the other.
struct Pair {
    one: Rate,
    two: Rate,
}

impl Pair {
    fn queued(&self) -> f64 {
        self.one.queued.max(self.two.queued)
    }
}

pub(super) fn measure<P: Peer>(effort: Effort) -> Result<Vec<Figure>, Box<dyn Error>> {
    let (runs, length) =
        if effort.quick { (5, Duration::from_millis(50)) } else { (15, Duration::from_millis(100)) };
    let runtime = runtime()?;
    let endpoint = endpoint(AN_HOUR)?;
    let peer = runtime.block_on(P::build(&endpoint))?;
    rate(&runtime, &peer, 1, length)?;
    let allocated = allocations_per_hit(&runtime, &peer)?;
    let mut pairs = Vec::new();
    let mut undisturbed = 0;
    while undisturbed < runs && pairs.len() < 8 * runs {
        let pair = Pair { one: rate(&runtime, &peer, 1, length)?, two: rate(&runtime, &peer, 2, length)? };
        undisturbed += usize::from(pair.queued() <= CROWDED);
        pairs.push(pair);
    }
    pairs.sort_by(|a, b| a.queued().total_cmp(&b.queued()));
    pairs.truncate(runs);
    let alone: Vec<f64> = pairs.iter().map(|pair| 1e9 / pair.one.calls_a_second).collect();
    let ratios: Vec<f64> =
        pairs.iter().map(|pair| pair.two.calls_a_second / pair.one.calls_a_second).collect();
    if endpoint.requests() != 1 {
        return Err(format!("{} token requests during the hits", endpoint.requests()).into());
    }
    let busy = if undisturbed < runs {
        format!("; THE MACHINE WAS BUSY: only {undisturbed} of these were undisturbed")
    } else {
        String::new()
    };
    let spread = |values: &[f64]| {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(0.0, f64::max);
        format!("median of {runs} runs from {low:.2} to {high:.2}{busy}")
    };
    let path = format!("{}; {}", P::PATH, spread(&alone));
    let ratio = format!("calls a second of two threads by those of one; {}", spread(&ratios));
    Ok(vec![
        Figure::new::<P>(ONE_THREAD, median(alone), "ns", path),
        Figure::new::<P>(TWO_THREADS, median(ratios), "x", ratio),
        Figure::new::<P>(ALLOCATIONS, allocated, "allocations", "mean of 10,000 hits"),
    ])
}

/// What threads achieved that did nothing else.
#[derive(Clone, Copy, Default)]
struct Rate {
    /// Of all threads together.
    calls_a_second: f64,
    /// The largest share of the time in which one of them was ready to run and had no core.
    queued: f64,
}

fn rate<P: Peer>(runtime: &Runtime, peer: &P, threads: usize, length: Duration) -> Result<Rate, Failed> {
    let stop = AtomicBool::new(false);
    let start = Barrier::new(threads + 1);
    thread::scope(|scope| {
        let callers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    // Unconstrained: a task in real life makes few calls between two yields, this one makes millions.
                    runtime.block_on(unconstrained(call_until(peer, &stop)))
                })
            })
            .collect();
        start.wait();
        thread::sleep(length);
        stop.store(true, Ordering::Relaxed);
        let mut all = Rate::default();
        for caller in callers {
            let one = caller.join().map_err(|_| Failed::because("the peer panicked"))??;
            all.calls_a_second += one.calls_a_second;
            all.queued = all.queued.max(one.queued);
        }
        Ok(all)
    })
}

async fn call_until<P: Peer>(peer: &P, stop: &AtomicBool) -> Result<Rate, Failed> {
    let queued = queued();
    let begun = Instant::now();
    let mut calls = 0;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..BATCH {
            black_box(peer.header().await?);
        }
        calls += BATCH;
    }
    let elapsed = begun.elapsed().as_secs_f64();
    let queued = self::queued().saturating_sub(queued).as_secs_f64();
    Ok(Rate { calls_a_second: calls as f64 / elapsed, queued: queued / elapsed })
}

/// How long this thread has waited for a core so far; nothing where the system does not tell.
fn queued() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = told.split(' ').nth(1).and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

fn allocations_per_hit<P: Peer>(runtime: &Runtime, peer: &P) -> Result<f64, Failed> {
    const HITS: u64 = 10_000;
    runtime.block_on(unconstrained(async {
        let before = allocations::on_this_thread();
        for _ in 0..HITS {
            black_box(peer.header().await?);
        }
        Ok((allocations::on_this_thread() - before) as f64 / HITS as f64)
    }))
}
