//! `cargo xtask`: runs a task and says how it went.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to a person")]

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use xtask::commands::{Command, usage};
use xtask::install::install;
use xtask::run::{cargo, run};
use xtask::stages::{STAGES, Stage};
use xtask::{Fallible, root};

/// The exit code for words that mean nothing.
const MISUNDERSTOOD: u8 = 2;

/// Where the figures of the peers go, below the root.
const PEERS_JSON: &str = "target/bench-peers.json";

/// The workers of the peers, below the root.
const RACE_PEERS: &str = "benches/peers/target/release/race-worker";

/// What came of each race so far.
const RACE_RESULTS: &str = "target/races.jsonl";

fn main() -> ExitCode {
    let root = root();
    let done = match Command::parse(std::env::args().skip(1)) {
        Ok(Command::Test(stages)) => test(&root, stages),
        Ok(Command::Format) => run(&mut cargo(&root, &["fmt", "--all"])),
        Ok(Command::Manual) => {
            xtask::manual::write(&root).map(|said| said.iter().for_each(|line| println!("{line}")))
        }
        Ok(Command::Bench { peers, arguments }) => bench(&root, peers, &arguments),
        Ok(Command::Torture(arguments)) => torture(&root, &arguments),
        Ok(Command::Races(arguments)) => races(&root, &arguments),
        Ok(Command::Simulate(arguments)) => {
            let words = ["run", "--locked", "--package", "grantry-simulation", "--bin", "simulate", "--"];
            run(cargo(&root, &words).args(arguments))
        }
        Ok(Command::Help) => {
            println!("{}", usage());
            Ok(())
        }
        Err(misunderstood) => {
            eprintln!("{misunderstood}\n\n{}", usage());
            return ExitCode::from(MISUNDERSTOOD);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the stages one after the other, also past a failure, and ends with a table of seconds. What only compiles for itself
/// runs beside those after it, which mostly wait.
fn test(root: &Path, mut stages: Vec<&Stage>) -> Fallible {
    if stages.iter().any(|stage| stage.meets_servers()) && stages.iter().all(|stage| stage.name != "install")
    {
        stages.splice(0..0, STAGES.iter().filter(|stage| stage.name == "install"));
    }
    let in_turn = |stages: &[&Stage]| stages.iter().map(|stage| row(root, stage)).collect::<Vec<_>>();
    let first = stages.iter().position(|stage| stage.runs_beside()).unwrap_or(stages.len());
    let (rows, took) = timed(|| {
        let mut rows = vec![in_turn(&stages[..first])];
        let (beside, rest): (Vec<&Stage>, Vec<&Stage>) =
            stages[first..].iter().partition(|stage| stage.runs_beside());
        rows.extend(std::thread::scope(|scope| {
            let running = [rest, beside].map(|stages| scope.spawn(move || in_turn(&stages)));
            running.map(|stages| stages.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        }));
        rows.concat()
    });
    println!("\n{:<12} {:>8}", "stage", "seconds");
    for (name, took, passed) in &rows {
        println!("{name:<12} {:>8.1}  {}", took.as_secs_f64(), if *passed { "passed" } else { "FAILED" });
    }
    let failed = rows.iter().filter(|(_, _, passed)| !passed).count();
    println!("{:<12} {:>8.1}", "total", took.as_secs_f64());
    println!("\nstages: {} passed, {failed} failed", rows.len() - failed);
    if failed == 0 { Ok(()) } else { Err("not every stage passed".into()) }
}

/// Runs a stage: its name, how long it took, and whether it passed.
fn row(root: &Path, stage: &Stage) -> (&'static str, Duration, bool) {
    println!("\n== {}: {}", stage.name, stage.what);
    let (outcome, took) = timed(|| stage.run(root));
    match &outcome {
        Ok(said) => said.iter().for_each(|line| println!("{line}")),
        Err(error) => eprintln!("{}: {error}", stage.name),
    }
    (stage.name, took, outcome.is_ok())
}

/// Measures. The programs do the work and write the files; the peers have a graph and a lock of their own.
fn bench(root: &Path, peers: bool, arguments: &[String]) -> Fallible {
    let words = ["run", "--profile", "bench", "--locked", "--package", "grantry-benches", "--"];
    let mut own = cargo(root, &words);
    if peers {
        let manifest = "benches/peers/Cargo.toml";
        let mut theirs = cargo(root, &["run", "--release", "--locked", "--manifest-path", manifest, "--"]);
        run(theirs.args(["--out", PEERS_JSON]))?;
        own.args(["--peers-json", PEERS_JSON]);
    }
    run(own.args(arguments))
}

/// Builds the races and has them torture our own contestants.
fn torture(root: &Path, arguments: &[String]) -> Fallible {
    install(root)?;
    let mut races = cargo(root, &["run", "--locked", "--package", "grantry-races", "--bin", "races", "--"]);
    run(races.arg("torture").args(arguments))
}

/// Has everybody race, in release builds, and writes the tables into the page.
fn races(root: &Path, arguments: &[String]) -> Fallible {
    install(root)?;
    let peers = ["build", "--release", "--locked", "--package", "grantry-race-peers"];
    run(cargo(root, &peers).args(["--manifest-path", "benches/peers/Cargo.toml"]))?;
    let words =
        ["run", "--release", "--locked", "--package", "grantry-races", "--bin", "races", "--", "page"];
    let places = ["--peers", RACE_PEERS, "--into", "docs/races.md", "--results", RACE_RESULTS];
    run(cargo(root, &words).args(places).args(arguments))
}

#[allow(clippy::disallowed_methods, reason = "nobody hands a clock to a program that runs others")]
fn timed<T>(task: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    (task(), start.elapsed())
}
