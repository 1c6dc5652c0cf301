//! Completions and manual pages.

use std::path::Path;

use clap_complete::Shell;
use serde_json::json;

use crate::console::Console;
use crate::failed::Failed;

pub(super) fn completions(
    console: &Console,
    shell: Shell,
    command: &mut clap::Command,
) -> Result<(), Failed> {
    if console.json {
        return Err(Failed::usage("a completion script is no JSON").with_remedy("leave out --json"));
    }
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "grantry", &mut script);
    console.data(&String::from_utf8_lossy(&script))
}

pub(super) fn manual(console: &Console, folder: &Path, command: clap::Command) -> Result<(), Failed> {
    let written = clap_mangen::generate_to(command, folder);
    written.map_err(|error| {
        Failed::new(1, format!("the manual pages cannot be written to {}: {error}", folder.display()))
    })?;
    if console.json {
        return console.object(json!({ "folder": folder.display().to_string() }));
    }
    console.note(&format!("the manual pages are in {}", folder.display()));
    Ok(())
}
