//! A minute of the torture: kills, lost answers and a database that is restarted, on two stores and two servers.
//! `cargo xtask torture` is the whole of it.

use std::process::{Command, ExitCode};

fn main() -> std::io::Result<ExitCode> {
    let status = Command::new(env!("CARGO_BIN_EXE_races")).args(["torture", "--quick"]).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
