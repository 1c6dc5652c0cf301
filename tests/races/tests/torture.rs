//! A minute of the torture: eight processes in peace, then kills, lost answers and databases that are restarted, on each store
//! and on four kinds of servers.
//! `cargo xtask torture` is the whole of it.

use std::process::{Command, ExitCode};

fn main() -> std::io::Result<ExitCode> {
    let status = Command::new(env!("CARGO_BIN_EXE_races")).args(["torture", "--quick"]).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
