//! The commands about configurations.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check a configuration, and say what is chosen and what is missing
    Check(Check),
    /// Print the JSON Schema of configurations
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The file; several are layers, the later over the earlier
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Refuse services that lack something for use
    #[arg(long)]
    pub(crate) complete: bool,
}
