//! Timing loops: warm, repeated, the median taken.

use std::time::Instant;

/// How often each figure is taken.
const ROUNDS: usize = 15;

/// Nanoseconds per call of both, the median of several rounds taken in turn, so that a change of the machine's speed meets both alike.
pub(crate) fn side_by_side(calls: u64, mut ours: impl FnMut(u64), mut limit: impl FnMut(u64)) -> (f64, f64) {
    let round = |work: &mut dyn FnMut(u64)| {
        let start = Instant::now();
        for nth in 0..calls {
            work(nth);
        }
        start.elapsed().as_nanos() as f64 / calls as f64
    };
    let both: Vec<(f64, f64)> = (0..=ROUNDS).map(|_| (round(&mut ours), round(&mut limit))).collect();
    (median(both.iter().map(|b| b.0)), median(both.iter().map(|b| b.1)))
}

/// Calls per second of `threads` threads that all do `work` for a while, the median of several rounds.
pub(crate) fn calls_per_second(threads: usize, calls: u64, work: impl Fn() + Sync) -> f64 {
    median((0..=ROUNDS).map(|_| {
        let barrier = std::sync::Barrier::new(threads + 1);
        std::thread::scope(|scope| {
            let handles: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        for _ in 0..calls {
                            work();
                        }
                    })
                })
                .collect();
            barrier.wait();
            let start = Instant::now();
            for handle in handles {
                handle.join().unwrap();
            }
            (threads as u64 * calls) as f64 / start.elapsed().as_secs_f64()
        })
    }))
}

/// The median, the first round left out as warm-up.
fn median(rounds: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = rounds.skip(1).collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
