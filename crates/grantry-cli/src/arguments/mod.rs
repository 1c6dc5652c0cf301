//! The command line.

mod auth;
mod config;
mod vault;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use auth::{
    AuthCommand, CredentialProcess, Described, Diagnose, Format, List, Login, Of, Output, Registered, Remove,
    Revoke, Rotate, Run, SecretGiven, Set, Show, Status, SubjectGiven,
};
pub(crate) use config::{Check, ConfigCommand};
pub(crate) use vault::{
    AuditCommand, AuditShow, AuditVerify, Migrate, RotateKeys, ShredTenant, VaultCommand,
};

/// OAuth 2.0 credentials in an encrypted vault: obtained, renewed, rotated, revoked.
///
/// Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 not found, 4 a person has to authorize again, 5 server or
/// network, 6 vault or key, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "grantry", version, propagate_version = true, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    /// The folder of the vault [default: grantry in the user's data folder]
    #[arg(
        long,
        global = true,
        help_heading = "Everywhere",
        env = "GRANTRY_VAULT",
        hide_env_values = true,
        value_name = "FOLDER"
    )]
    pub(crate) vault: Option<PathBuf>,
    /// The vault's key file [default: grantry.key in the vault's folder]
    #[arg(
        long,
        global = true,
        help_heading = "Everywhere",
        env = "GRANTRY_KEY_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub(crate) key_file: Option<PathBuf>,
    /// The tenant whose credentials are meant
    #[arg(
        long,
        global = true,
        help_heading = "Everywhere",
        env = "GRANTRY_TENANT",
        hide_env_values = true,
        value_name = "NAME",
        default_value = "default"
    )]
    pub(crate) tenant: String,
    /// A configuration file, whose services are used besides those in the vault, and whose vault is used unless another is
    /// named; several are layers, the later over the earlier [env: GRANTRY_CONFIG, with colons between]
    #[arg(long, global = true, help_heading = "Everywhere", value_name = "FILE")]
    pub(crate) config: Vec<PathBuf>,
    /// Print JSON, in a form that stays
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Credentials: store, list, use, rotate, remove
    #[command(subcommand)]
    Auth(AuthCommand),
    /// The vault: make it, look at it, rotate its keys, erase a tenant
    #[command(subcommand)]
    Vault(VaultCommand),
    /// The audit trail: who did what, and whether anybody changed it
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Configurations: check one, print their schema
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look for what is broken, risky or unused, and say what to do
    Doctor(Doctor),
    /// What is known of OAuth providers
    #[command(subcommand)]
    Providers(ProvidersCommand),
    /// Run a command with a token in its environment
    Run(Run),
    /// Print a token for a program that asks for credentials
    CredentialProcess(CredentialProcess),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the manual pages into a folder
    Man {
        /// The folder, which has to be there
        folder: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Ask no server
    #[arg(long)]
    pub(crate) offline: bool,
    /// Look at the services and grants of all tenants
    #[arg(long)]
    pub(crate) all_tenants: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProvidersCommand {
    /// List the providers that are known
    List,
    /// Show what is known of a provider
    Show {
        /// Its name, as `providers list` has it
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    /// The tests of the whole command find every command in its help.
    #[test]
    fn no_command_is_hidden_and_the_tree_is_sound() {
        fn shown(command: &clap::Command) {
            assert!(!command.is_hide_set(), "{}", command.get_name());
            command.get_subcommands().for_each(shown);
        }
        let whole = super::Arguments::command();
        shown(&whole);
        whole.debug_assert();
    }
}
