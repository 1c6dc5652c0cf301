//! The benchmarks of grantry.
//!
//! Each figure is a ratio to a limit that is measured in the same run: the least work that a faultless program
//! could do for the same result. `cargo xtask bench` runs them beside the peers; `--only NAME` runs one. An aim that is missed is
//! said at the end, and with `--strict` the exit code is 1 then.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the machine's clock itself")]
#![allow(clippy::cast_possible_truncation, reason = "what is measured is small")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that cannot go on stops")]

mod command;
mod configuration;
mod custody;
mod figure;
mod grants;
mod hits;
mod keyed;
mod logins;
mod million;
mod outage;
mod postgres;
mod proof;
mod renewal;
mod sealing;
mod sqlite;
mod sweep;
mod timing;

use std::process::ExitCode;

use figure::Report;

/// Measures something and adds its figures.
type Suite = fn(&mut Report);

fn main() -> ExitCode {
    if let Some(code) = command::stand_in() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |flag: &str| arguments.iter().position(|a| a == flag).and_then(|at| arguments.get(at + 1));
    let only = after("--only").map(String::as_str);
    let out = after("--out").map_or("target/bench.json", String::as_str);
    let peers = after("--peers-json").map(String::as_str);

    if let Some(folder) = after("--renewals-in") {
        custody::syncs::renew_in(folder.as_ref());
        return ExitCode::SUCCESS;
    }

    let mut report = Report::default();
    let suites: [(&str, Suite); 19] = [
        ("hits", hits::run),
        ("million", million::run),
        ("keyed", keyed::run),
        ("herd", renewal::herd),
        ("renewal", renewal::steady),
        ("outage", outage::run),
        ("configuration", configuration::run),
        ("command", command::run),
        ("proof", proof::run),
        ("logins", logins::run),
        ("sealing", sealing::run),
        ("sqlite", sqlite::run),
        ("postgres", postgres::run),
        ("sweep", sweep::run),
        ("custody", custody::renewal::run),
        ("custody-syncs", custody::syncs::run),
        ("custody-postgres", custody::postgres::run),
        ("custody-restart", custody::restart::run),
        ("custody-minute", custody::minute::run),
    ];
    for (name, run) in suites {
        if only.is_none_or(|only| only == name) {
            println!("measuring {name} ...");
            run(&mut report);
        }
    }
    let missed = report.finish(out, peers);
    // A busy machine misses aims that nobody broke: whoever wants to fail by that says so.
    let is_strict = arguments.iter().any(|argument| argument == "--strict");
    ExitCode::from(u8::from(is_strict && missed > 0))
}
