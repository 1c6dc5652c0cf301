//! The races from the command line; the library's documentation says how.

mod command_line;
mod contestants;
mod page;
mod programme;
mod results;
mod staging;
mod torture;

use std::io::Write;
use std::process::ExitCode;

use grantry_core::{Entropy, SystemEntropy};
use grantry_races::{Fallible, Report, SCENARIOS, Scenario, race};

use crate::command_line::{Command, Options};
use crate::contestants::contestants;

#[tokio::main]
async fn main() -> ExitCode {
    match act().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without anybody to read it the status has to do.
            let _ = writeln!(std::io::stderr(), "races: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn act() -> Fallible<()> {
    let mut words = std::env::args().skip(1);
    let first = words.next().unwrap_or_default();
    if let Some(worker) = first.strip_prefix(contestants::WORKER) {
        return contestants::work(worker, words).await;
    }
    match Command::parse(&first, words)? {
        Command::Scenarios => print(&(SCENARIOS.join("\n") + "\n")),
        Command::Run { options, json } => {
            let (contestants, seed) = (contestants(&options)?, seed(&options));
            let scenarios = scenarios(&options, &SCENARIOS[..1])?;
            for (contestant, scenario) in
                scenarios.iter().flat_map(|scenario| contestants.iter().map(move |c| (c, scenario)))
            {
                let report = race(contestant, scenario, seed).await?;
                if json {
                    print(&(serde_json::to_string(&report)? + "\n"))?;
                } else {
                    print(&format!(
                        "{}, seed {seed}\n\n{}",
                        report.scenario,
                        Report::table(std::slice::from_ref(&report))
                    ))?;
                    tell_oddities(&report)?;
                    for loss in &report.losses {
                        print(&format!("* {loss}\n"))?;
                    }
                }
            }
            Ok(())
        }
        Command::Torture(options) => torture::torture(&options, options.seed.unwrap_or_else(new_seed)).await,
        Command::Table(options) => {
            let contestants = contestants(&options)?;
            for scenario in scenarios(&options, &SCENARIOS)? {
                print(&page::compare(&contestants, &scenario, &[seed(&options)]).await?)?;
            }
            Ok(())
        }
        Command::Page(page) => page::write(&page).await,
    }
}

fn scenarios(options: &Options, otherwise: &[&str]) -> Fallible<Vec<Scenario>> {
    let named = options.scenarios.iter().map(String::as_str);
    let named: Vec<&str> = if options.scenarios.is_empty() { otherwise.to_vec() } else { named.collect() };
    Ok(named.into_iter().map(str::parse).collect::<Result<_, _>>()?)
}

/// A new one each time unless it is given; reports show it.
fn seed(options: &Options) -> u64 {
    options.seed.unwrap_or_else(new_seed)
}

fn new_seed() -> u64 {
    let mut bytes = [0; 4];
    SystemEntropy.fill(&mut bytes);
    u32::from_le_bytes(bytes).into()
}

/// What the table has no room for, on standard error.
fn tell_oddities(report: &Report) -> Fallible<()> {
    let mut out = std::io::stderr().lock();
    if report.misbehaved > 0 {
        writeln!(
            out,
            "{}: {} workers ended by themselves or not at all",
            report.contestant, report.misbehaved
        )?;
    }
    for error in &report.errors {
        writeln!(out, "{}: {error}", report.contestant)?;
    }
    Ok(())
}

fn print(text: &str) -> Fallible<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
