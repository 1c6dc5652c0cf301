//! The command `grantry`: OAuth 2.0 credentials in an encrypted vault, from the shell.
//!
//! ```text
//! grantry auth set --service crm --client-id $CLIENT_ID --client-secret-stdin --token-url https://as.example.com/token
//! grantry auth token --service crm
//! grantry auth rotate --service crm --client-secret-stdin
//! grantry auth login --service calendar --client-id $CLIENT_ID --public --issuer https://as.example.com
//! grantry auth list
//! grantry auth remove --service crm
//! ```
//!
//! # Where things are
//!
//! The vault is a folder: `--vault`, else `GRANTRY_VAULT`, else `grantry` in the user's data folder (`XDG_DATA_HOME`, or
//! `~/.local/share`). It holds `grantry.db`, `grantry.key` (or what `--key-file` and `GRANTRY_KEY_FILE` name) and
//! `lifeboats`. `grantry vault init` makes it; so does the first `grantry auth set`, which says where. With `--keychain` the key is
//! in the keychain of the operating system (feature `keychain`), and `grantry.keychain` says in which entry.
//!
//! With `--config`, or `GRANTRY_CONFIG` with colons between, the services of configuration files are used beside those in the
//! vault; a secret in both is refused with both places. Vault, keys and audit trail are those of the configuration unless
//! `--vault` names another one. Its roles are for programs: whoever can read the key may do everything with the vault.
//!
//! # Exit codes
//!
//! | code | it means |
//! |---|---|
//! | 0 | done |
//! | 1 | failed; `doctor` found something broken |
//! | 2 | usage, or a configuration that cannot be used |
//! | 3 | not found |
//! | 4 | a person has to authorize again |
//! | 5 | the server or the network |
//! | 6 | the vault or its key |
//! | 130 | interrupted |
//!
//! # Scripts
//!
//! Data goes to stdout, messages to stderr. `--json` prints one object whose `version` is 1 for as long as no field
//! changes its meaning; errors too, to stderr. What `auth login` has to tell while it waits is an object on a line of stderr
//! then: `open_url` with `url`, or `enter_code` with `verification_uri` and `user_code`. Nothing asks for anything where there is no terminal.
//!
//! # Invariants
//!
//! * No secret is on stdout but the token that `auth token` and `credential-process` print, and none on stderr.
//! * A secret that was given as an argument is out of the process's command line before anything else is done.
//! * Nothing that a server or another person wrote reaches a terminal with its control characters.
//! * A crash leaves no memory behind in a core file.
//! * A pipe that is closed is no error.

mod arguments;
mod commands;
mod console;
mod core_files;
mod escaped;
mod failed;
mod json;
mod place;
mod secret;
mod session;
mod settings;
mod spoken;
mod table;

use std::process::ExitCode;

use clap::error::ErrorKind as ClapKind;
use clap::{CommandFactory, Parser};

use arguments::Arguments;
use console::Console;
use failed::{Failed, INTERRUPTED};
use place::Place;
use session::Session;

/// Does what the command line asks for.
pub fn main() -> ExitCode {
    core_files::forbid();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let is_asked = matches!(error.kind(), ClapKind::DisplayHelp | ClapKind::DisplayVersion);
            if !is_asked && asks_for_json(std::env::args_os()) {
                Console::new(true).failed(&misused(&error.render().to_string()));
                return ExitCode::from(2);
            }
            // Help and version are no errors. Where nobody reads it, nobody misses it.
            let _ = error.print();
            return if is_asked { ExitCode::SUCCESS } else { ExitCode::from(2) };
        }
    };
    let console = Console::new(arguments.json);
    match run(&console, arguments) {
        Ok(code) => code,
        Err(failed) => {
            console.failed(&failed);
            ExitCode::from(failed.code)
        }
    }
}

/// Whether errors are to be objects, in a command line that could not be read.
fn asks_for_json(arguments: impl Iterator<Item = std::ffi::OsString>) -> bool {
    arguments.take_while(|argument| argument != "--").any(|argument| argument == "--json")
}

/// What clap says, in its parts: the mistake, then how it would be right.
fn misused(text: &str) -> Failed {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let (mistake, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let words: Vec<&str> = mistake.split_whitespace().collect();
    let mut failed = Failed::usage(words.join(" "));
    failed.details = rest.trim().to_owned();
    failed
}

fn run(console: &Console, arguments: Arguments) -> Result<ExitCode, Failed> {
    secret::hide_argument(console, &arguments.command)?;
    let tenant = arguments.tenant;
    let Some(prepared) = commands::prepare(console, arguments.command, &Arguments::command)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let files = settings::files(&arguments.config);
    let config = match &files[..] {
        [] => None,
        // It tells the mistakes among everything else.
        files if prepared.is_doctor() => settings::load(files).ok(),
        files => Some(settings::load(files)?),
    };
    let key_file = arguments.key_file.as_deref();
    let mut place = Place::new(arguments.vault.as_deref(), key_file, config.as_ref())?;
    if prepared.wants_keychain() {
        place.keep_key_in_keychain(key_file.is_some())?;
    }
    let session = Session::new(place, tenant, config, files);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failed::new(1, format!("no runtime can be started: {error}")))?;
    let ended = runtime.block_on(async {
        tokio::select! {
            biased;
            signal = interrupted() => {
                signal?;
                // Whoever insists does not wait for what was sent.
                tokio::select! {
                    biased;
                    _ = interrupted() => {}
                    closed = session.close() => closed?,
                }
                Ok(ExitCode::from(INTERRUPTED))
            }
            done = commands::run(console, &session, prepared) => {
                let closed = session.close().await;
                let after = done?;
                closed?;
                after.go()
            }
        }
    });
    // A thread that still reads from a terminal is not waited for.
    runtime.shutdown_background();
    ended
}

/// Resolves when somebody wants the program to end.
async fn interrupted() -> Result<(), Failed> {
    use tokio::signal::unix::{SignalKind, signal};
    let no_handler = |error| Failed::new(1, format!("signals cannot be waited for: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(no_handler)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_handler)?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}
