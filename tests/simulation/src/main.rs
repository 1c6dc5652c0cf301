//! Runs custody in worlds made of seeds: `simulate --seeds N --from S`.
//!
//! Each world has a clock, a network, disks, a store and processes of its own, and everything that goes wrong in it comes
//! of its seed. The same seed gives the same world, to the last step. A seed that fails is printed, and `--from` it with
//! `--seeds 1` shows what happened.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

mod caller;
mod dice;
mod ear;
mod keys;
mod life;
mod lifeboat;
mod link;
mod lobby;
mod look;
mod network;
mod people;
mod plan;
mod process;
mod records;
mod store;
#[cfg(test)]
mod tests;
mod trace;
mod watchtower;
mod world;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use grantry_core::Error;
use plan::Plan;
use world::Outcome;

fn main() -> ExitCode {
    let Some((from, seeds)) = arguments() else {
        eprintln!("usage: simulate [--seeds N] [--from S]");
        return ExitCode::from(2);
    };
    let (outcomes, took) = timed(|| run_all(from, seeds));
    outcomes.iter().flat_map(|outcome| &outcome.story).for_each(|line| println!("{line}"));
    if let [outcome] = outcomes.as_slice() {
        println!("{:#?}\ntrace {:016x}", Plan::of(outcome.seed), outcome.hash);
    }
    summary(&outcomes);
    println!("{:.0} seeds a minute", outcomes.len() as f64 * 60.0 / took.as_secs_f64());
    let failed: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.broken.is_empty()).collect();
    for outcome in &failed {
        println!("seed {}: {}", outcome.seed, outcome.broken.join("; "));
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn arguments() -> Option<(u64, u64)> {
    let (mut from, mut seeds) = (0, 100);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let number = words.next()?.parse().ok()?;
        match word.as_str() {
            "--from" => from = number,
            "--seeds" => seeds = number,
            _ => return None,
        }
    }
    Some((from, seeds))
}

#[allow(clippy::disallowed_methods, reason = "how long it takes is of this world, not of those")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = std::time::Instant::now();
    (work(), began.elapsed())
}

thread_local! {
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

/// Has panics counted by the thread that they happen on: the runtime keeps those of tasks to itself.
fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            before(panic);
        }));
    });
}

/// What becomes of a world. One in which anything panics is broken.
fn outcome_of(seed: u64, world: impl FnOnce() -> Result<Outcome, Error>) -> Outcome {
    let before = PANICS.get();
    let mut outcome = match std::panic::catch_unwind(AssertUnwindSafe(world)) {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Outcome::not_made(seed, &error.to_string()),
        Err(_) => Outcome::not_made(seed, "it panicked"),
    };
    let panics = PANICS.get() - before;
    if panics > 0 {
        outcome.broken.push(format!("{panics} panics"));
    }
    outcome
}

/// Runs all seeds, on every core. One alone tells its story.
fn run_all(from: u64, seeds: u64) -> Vec<Outcome> {
    count_panics();
    let next = AtomicU64::new(from);
    let work = || {
        let mut outcomes = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from.saturating_add(seeds) {
                return outcomes;
            }
            outcomes.push(outcome_of(seed, || world::run(Plan::of(seed), seeds == 1)));
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        ended.flat_map(|outcomes| outcomes.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    outcomes.sort_by_key(|outcome| outcome.seed);
    outcomes
}

/// Counts of several worlds in one.
fn added_up<'o>(
    counts: impl Iterator<Item = &'o BTreeMap<&'static str, u64>>,
) -> BTreeMap<&'static str, u64> {
    let mut sums = BTreeMap::new();
    for (kind, count) in counts.flatten() {
        *sums.entry(*kind).or_default() += count;
    }
    sums
}

fn summary(outcomes: &[Outcome]) {
    let sum = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    println!(
        "{} seeds, {} steps, {} token requests, {} logins",
        outcomes.len(),
        sum(|o| o.steps),
        sum(|o| o.requests),
        sum(|o| o.codes)
    );
    for (kind, count) in added_up(outcomes.iter().map(|outcome| &outcome.faults)) {
        println!("{count:8} {kind}");
    }
    for (point, count) in added_up(outcomes.iter().map(|outcome| &outcome.crashes)) {
        println!("{count:16} crashes at: {point}");
    }
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for reason in outcomes.iter().flat_map(|outcome| &outcome.unavoidable) {
        let kind = reason.split_once(": ").map_or(reason.as_str(), |(_, reason)| reason);
        *reasons.entry(kind.split(", with").next().unwrap_or(kind)).or_default() += 1;
    }
    println!("{} grants; lost as cannot be avoided:", sum(|o| o.grants as u64));
    for (reason, count) in reasons {
        println!("{count:8} {reason}");
    }
}
