//! Starts other programs.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Fallible;

/// A cargo command in `root`: the cargo that runs this task, if it said which it is.
pub fn cargo(root: &Path, arguments: &[&str]) -> Command {
    in_root(Command::new(program()), root, arguments)
}

/// The same, for what runs beside others: the processor is theirs whenever they want it.
pub fn patient_cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut nice = Command::new("nice");
    nice.arg(program());
    in_root(nice, root, arguments)
}

fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"))
}

fn in_root(mut command: Command, root: &Path, arguments: &[&str]) -> Command {
    command.current_dir(root).args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_this_run(name)) {
        command.env_remove(name);
    }
    command
}

/// Whether cargo says this of the package that it runs. There are build scripts that look at it, and then everything that needs
/// them would be built again for whoever calls cargo by hand in between.
fn is_of_this_run(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.starts_with(start))
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

/// Runs two commands beside each other, both to their ends. What the first prints goes where ours goes; what the second
/// prints follows after it.
///
/// # Errors
/// One of them could not be started, or failed.
pub fn run_beside(first: &mut Command, second: &mut Command) -> Fallible {
    let (mut printed, prints) = std::io::pipe()?;
    let shown = shown(second);
    second.stdout(prints.try_clone()?).stderr(prints);
    let mut running = second.spawn().map_err(|error| format!("`{shown}` could not be started: {error}"))?;
    // Else the pipe would have a writer for as long as this program lives.
    second.stdout(Stdio::null()).stderr(Stdio::null());
    let reading = std::thread::spawn(move || {
        let mut text = Vec::new();
        printed.read_to_end(&mut text).map(|_| text)
    });
    let first = run(first);
    let status = running.wait()?;
    let text = reading.join().map_err(|_| "what the second printed could not be read")??;
    std::io::stdout().write_all(&text)?;
    first?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_says_of_this_package_is_not_passed_on() {
        for (name, is) in
            [("CARGO_PKG_NAME", true), ("CARGO_MANIFEST_DIR", true), ("CARGO_TARGET_DIR", false)]
        {
            assert_eq!(is_of_this_run(OsStr::new(name)), is, "{name}");
        }
        let told = output(&mut in_root(Command::new("env"), Path::new("."), &[])).unwrap();
        assert!(told.contains("PATH=") && !told.contains("CARGO_PKG_NAME"), "{told}");
    }

    #[test]
    fn two_beside_each_other_both_end_and_the_failure_of_either_is_said() {
        let shell = |line: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", line]);
            command
        };
        let folder = tempfile::tempdir().unwrap();
        let met = |mine: &str, other: &str| {
            // Each waits for the other: one after the other they would never end.
            let line = format!("touch {mine}; while ! test -e {other}; do sleep 0.01; done; echo met");
            let mut command = shell(&line);
            command.current_dir(folder.path());
            command
        };
        run_beside(&mut met("a", "b"), &mut met("b", "a")).unwrap();
        for (first, second) in [("exit 3", "exit 0"), ("exit 0", "exit 3")] {
            let error = run_beside(&mut shell(first), &mut shell(second)).unwrap_err();
            assert!(error.to_string().contains("`sh -c exit 3` ended with"), "{error}");
        }
    }
}
