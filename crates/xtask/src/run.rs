//! Starts other programs.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Fallible;

/// A cargo command in `root`: the cargo that runs this task, if it said which it is.
pub fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(root).args(arguments).stdin(Stdio::null());
    command
}

/// Runs a command to its end; what it prints goes where ours goes.
///
/// # Errors
/// It could not be started, or it failed.
pub fn run(command: &mut Command) -> Fallible {
    let shown = shown(command);
    let status = command.status().map_err(|error| format!("`{shown}` could not be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` ended with {status}").into()) }
}

/// Whether a command succeeds; nobody sees what it prints.
pub fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// What a command prints on its standard output.
///
/// # Errors
/// It could not be started, it failed, or it printed something else than UTF-8.
pub fn output(command: &mut Command) -> Fallible<String> {
    let shown = shown(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("`{shown}` could not be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{shown}` ended with {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// What a cargo command prints on its standard output.
///
/// # Errors
/// As [`output`].
pub fn cargo_output(root: &Path, arguments: &[&str]) -> Fallible<String> {
    output(&mut cargo(root, arguments))
}

/// The command as a person would type it.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    std::iter::once(program)
        .chain(command.get_args())
        .map(|part| part.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
