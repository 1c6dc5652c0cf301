//! The project's own tasks, run as `cargo xtask`.
//!
//! # Invariants
//!
//! * No crate of the house depends on this one, and this one on none of the house.
//! * A rule of [`tidy`] has no list of files that need not obey, other than one that says why on each line.
//! * A stage of [`stages`] that lacks what it needs fails; none is ever skipped.

pub mod commands;
pub mod install;
pub mod manual;
pub mod run;
pub mod stages;
pub mod tidy;

use std::path::PathBuf;

/// What a task returns: whatever went wrong, for a person to read.
pub type Fallible<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// The root of the workspace.
pub fn root() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).map_or_else(|| own.clone(), PathBuf::from)
}
