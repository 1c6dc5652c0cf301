//! `grantry vault` and `grantry audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum VaultCommand {
    /// Make a vault, with a key of its own
    Init(Init),
    /// Show where the vault is, who is in it, and how old its keys are
    Status,
    /// Rotate the vault's keys now
    RotateKeys(RotateKeys),
    /// Move everything into another vault, under its keys
    Migrate(Migrate),
    /// Erase a tenant for good, by destroying its keys
    ShredTenant(ShredTenant),
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Keep its key in the keychain of the operating system, not in a file
    #[arg(long)]
    pub(crate) keychain: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RotateKeys {
    /// Only keys that are older than the configuration lets them become (`keys.rotation.every`) [default: 90 days]
    #[arg(long)]
    pub(crate) due: bool,
}

/// A vault is named by its folder, or by a configuration file that describes it.
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// The vault that is left; its records stay, and say that they were moved [default: the vault of this command]
    #[arg(long, value_name = "FOLDER|FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Its key file, where it is elsewhere
    #[arg(long, value_name = "FILE", requires = "from")]
    pub(crate) from_key_file: Option<PathBuf>,
    /// The vault to move to, which is made if there is none
    #[arg(long, value_name = "FOLDER|FILE")]
    pub(crate) to: PathBuf,
    /// Its key file, where it is elsewhere
    #[arg(long, value_name = "FILE")]
    pub(crate) to_key_file: Option<PathBuf>,
    /// Only say what would be moved, and what stands in the way
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShredTenant {
    /// The tenant's name
    #[arg(value_name = "TENANT")]
    pub(crate) name: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Print the audit trail of all tenants, the oldest first
    Show(AuditShow),
    /// Verify that nobody edited, deleted, inserted, reordered or cut anything
    Verify(AuditVerify),
}

#[derive(Debug, Args)]
pub(crate) struct AuditShow {
    /// Only the last so many entries
    #[arg(long, value_name = "ENTRIES")]
    pub(crate) last: Option<usize>,
    /// Only what was done with this service
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AuditVerify {
    /// Checkpoints that were kept elsewhere, a line of JSON each: the trail has to reach up to them; may be given again
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Vec<PathBuf>,
    /// Write the newest checkpoint of each process into this file, if nothing is broken: keep it where whoever runs the vault
    /// cannot write, and give it to --checkpoint later
    #[arg(long, value_name = "FILE")]
    pub(crate) write_checkpoint: Option<PathBuf>,
}
