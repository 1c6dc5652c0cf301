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
//! vault, and get from it what the files leave out; a secret in both is refused with both places. How many warnings the files
//! draw is said on stderr, in one line; `config check` has them all. Vault, keys and audit trail are those of the configuration unless
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
//! changes its meaning; the manual's page on the command has the names in each. Errors are objects then, too, on stderr. What
//! `auth login` has to tell while it waits is an object on a line of stderr: `open_url` with `url`, or `enter_code` with
//! `verification_uri` and `user_code`; so is a `warning`, with its `message`. Nothing asks for anything where there is no terminal.
//! Forms of others stay theirs: `config schema` is JSON Schema with and without `--json`, `credential-process --format kubernetes` is
//! Kubernetes', what `run` starts writes what it likes; and `completions` is no JSON, so that `--json` is refused there.
//!
//! # Invariants
//!
//! * No secret is on stdout but the token that `auth token` and `credential-process` print, and none on stderr.
//! * A secret that was given as an argument is out of the process's command line before anything else is done, or nothing is done.
//! * Nothing that a server or another person wrote reaches a terminal with its control characters.
//! * What `run` starts has a token in its environment, and neither the key of the vault nor a variable that a configuration takes
//!   a secret from.
//! * A crash leaves no memory behind in a core file.
//! * A pipe that is closed is no error.
//! * A terminal that was asked echoes again, however the program ends by a signal that it can see.

mod arguments;
mod bar;
mod commands;
mod console;
mod escaped;
mod failed;
mod interrupts;
mod json;
mod place;
mod secret;
mod session;
mod settings;
mod spoken;
mod stranded;
mod system;
mod table;
mod whereabouts;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind as ClapKind};
use clap::{CommandFactory, Parser};

use arguments::Arguments;
use commands::Prepared;
use console::Console;
use failed::{Failed, INTERRUPTED};
use grantry::TenantId;
use interrupts::Interrupts;
use place::Place;
use session::Session;
use whereabouts::Whereabouts;

/// Does what the command line asks for.
pub fn main() -> ExitCode {
    system::forbid_core_files();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let error = hushed(error);
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
            // Whoever interrupts knows it.
            if failed.code != INTERRUPTED {
                console.failed(&failed);
            }
            ExitCode::from(failed.code)
        }
    }
}

/// Without what stands where nothing is expected: it may be a secret that slipped there, as after `--client-secret-stdin`.
fn hushed(mut error: clap::Error) -> clap::Error {
    let kind = match error.kind() {
        ClapKind::UnknownArgument => ContextKind::InvalidArg,
        ClapKind::TooManyValues => ContextKind::InvalidValue,
        _ => return error,
    };
    let is_flag = |text: &str| kind == ContextKind::InvalidArg && text.starts_with('-');
    if matches!(error.get(kind), Some(ContextValue::String(text)) if !is_flag(text)) {
        error.insert(kind, ContextValue::String("(not shown)".to_owned()));
        // Tips repeat it.
        error.remove(ContextKind::Suggested);
    }
    error
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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failed::new(1, format!("no runtime can be started: {error}")))?;
    let ended = runtime.block_on(work(console, arguments));
    // A thread that still reads from a terminal or a pipe is not waited for.
    runtime.shutdown_background();
    ended
}

async fn work(console: &Console, arguments: Arguments) -> Result<ExitCode, Failed> {
    let mut interrupts = Interrupts::new()?;
    let Arguments { vault, key_file, tenant, config, command, .. } = arguments;
    let prepared = {
        let console = *console;
        interrupts.unless(move || commands::prepare(&console, command, &Arguments::command)).await?
    };
    let Some(prepared) = prepared else { return Ok(ExitCode::SUCCESS) };
    let session = session(console, &prepared, tenant, &config, vault.as_deref(), key_file.as_deref())?;
    let all = async {
        let done = commands::run(console, &session, prepared).await;
        let closed = session.close().await;
        let after = done?;
        closed?;
        after.go()
    };
    tokio::select! {
        biased;
        () = interrupts.next() => {
            console.interrupted();
            // Whoever insists does not wait for what was sent.
            tokio::select! {
                biased;
                () = interrupts.next() => {}
                failed = session.stranded(console) => return Err(failed),
                closed = session.close() => closed?,
            }
            Ok(ExitCode::from(INTERRUPTED))
        }
        failed = session.stranded(console) => Err(failed),
        done = all => done,
    }
}

fn session(
    console: &Console,
    prepared: &Prepared,
    tenant: String,
    named: &[PathBuf],
    vault: Option<&Path>,
    key_file: Option<&Path>,
) -> Result<Session, Failed> {
    TenantId::new(&tenant).map_err(|error| Failed::usage(error.to_string()))?;
    let files = settings::files(named);
    let config = match &files[..] {
        [] => None,
        // It tells the mistakes among everything else.
        files if prepared.is_doctor() => settings::load(files).ok(),
        files => {
            let loaded = settings::loaded(files)?;
            settings::tell_warnings(console, files, &loaded);
            Some(loaded.config)
        }
    };
    let mut place = Place::new(vault, key_file, config.as_ref())?;
    if prepared.wants_keychain() {
        place.keep_key_in_keychain(key_file.is_some())?;
    }
    let whereabouts = Whereabouts::new(vault, key_file, named);
    Ok(Session::new(place, tenant, config, files, whereabouts))
}
