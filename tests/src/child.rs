//! A test that runs itself again, in a child process with another environment.

use std::ffi::OsStr;
use std::process::Command;

use crate::Fallible;

/// Runs the test of that name, as in `cargo test -- --exact`, in a child process that has these variables besides.
///
/// # Errors
/// It failed; the text is what it printed.
pub(crate) fn run_again<V: AsRef<OsStr>>(
    test: &str,
    variables: impl IntoIterator<Item = (&'static str, V)>,
) -> Fallible<()> {
    let mut child = Command::new(std::env::current_exe()?);
    child.args([test, "--exact", "--nocapture", "--test-threads=1"]).envs(variables);
    let output = child.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    // Without a test of that name the child succeeds and has run nothing.
    if output.status.success() && text.contains("1 passed") {
        return Ok(());
    }
    Err(format!("{test} in its child process:\n{text}{}", String::from_utf8_lossy(&output.stderr)).into())
}
