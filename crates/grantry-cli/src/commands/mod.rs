//! What each command does.

mod as_configured;
mod audit;
mod auth_list;
mod auth_login;
mod auth_remove;
mod auth_rotate;
mod auth_set;
mod auth_status;
mod auth_token;
mod config;
mod credentials;
mod doctor;
mod flow;
mod pages;
mod providers;
mod registration;
mod vault;
mod vault_migrate;

use std::os::unix::process::CommandExt;
use std::process::{Command as Process, ExitCode};

use crate::arguments::{AuditCommand, AuthCommand, Command, VaultCommand};
use crate::console::Console;
use crate::failed::Failed;
use crate::secret;
use crate::session::Session;
use credentials::Credentials;

/// A command, with what was read for it before anything was opened.
#[derive(Debug)]
pub(crate) struct Prepared {
    command: Command,
    given: Credentials,
}

impl Prepared {
    /// Whether the key of a new vault is to be in the keychain.
    pub(crate) fn wants_keychain(&self) -> bool {
        matches!(&self.command, Command::Vault(VaultCommand::Init(init)) if init.keychain)
    }

    /// Whether it looks at the configuration itself, mistakes and all.
    pub(crate) fn is_doctor(&self) -> bool {
        matches!(self.command, Command::Doctor(_))
    }
}

/// What is to be done when everything is closed.
#[derive(Debug)]
pub(crate) enum After {
    /// Nothing, and this is the exit code.
    End(u8),
    /// Another program takes this one's place.
    Become(Process),
}

impl After {
    pub(crate) const DONE: Self = Self::End(0);

    /// Does it.
    ///
    /// # Errors
    /// Where the other program cannot be started.
    pub(crate) fn go(self) -> Result<ExitCode, Failed> {
        match self {
            Self::End(code) => Ok(ExitCode::from(code)),
            Self::Become(mut process) => {
                let program = process.get_program().to_string_lossy().into_owned();
                let error = process.exec();
                Err(Failed::new(1, format!("{program} cannot be run: {error}")))
            }
        }
    }
}

/// Does what needs no vault, and reads what the command needs. `None` where nothing is left to do.
///
/// # Errors
/// Where something cannot be read or written.
pub(crate) fn prepare(
    console: &Console,
    command: Command,
    whole: &dyn Fn() -> clap::Command,
) -> Result<Option<Prepared>, Failed> {
    let mut given = Credentials::default();
    match &command {
        Command::Completions { shell } => {
            return pages::completions(console, *shell, &mut whole()).map(|()| None);
        }
        Command::Man { folder } => return pages::manual(console, folder, whole()).map(|()| None),
        Command::Config(wanted) => return config::run(console, wanted).map(|()| None),
        Command::Providers(wanted) => return providers::run(console, wanted).map(|()| None),
        Command::Auth(AuthCommand::Set(set)) => {
            auth_set::check(console, &set.service, &set.registered)?;
            given = Credentials::read(console, &set.registered)?;
            let has_none = given.secret.is_none() && given.private_key.is_none();
            if has_none && auth_set::asks(&set.registered) && Console::is_interactive() {
                given.secret = Some(secret::prompted(&format!("Client secret of {}: ", set.service))?);
            }
        }
        Command::Auth(AuthCommand::Login(login)) => {
            auth_set::check(console, &login.of.service, &login.registered)?;
            given = Credentials::read(console, &login.registered)?;
        }
        Command::Auth(AuthCommand::Token(show)) => {
            given.subject_token = secret::subject(console, &show.subject)?
        }
        Command::Auth(AuthCommand::Rotate(rotate)) => given = Credentials::secret(console, &rotate.secret)?,
        Command::Vault(VaultCommand::ShredTenant(shred)) => vault::confirm(console, shred)?,
        _ => {}
    }
    Ok(Some(Prepared { command, given }))
}

/// Does the rest.
///
/// # Errors
/// Say what to do, and hold the exit code.
pub(crate) async fn run(console: &Console, session: &Session, prepared: Prepared) -> Result<After, Failed> {
    let Prepared { command, given } = prepared;
    match command {
        Command::Auth(command) => match command {
            AuthCommand::Set(set) => auth_set::run(console, session, &set, given).await,
            AuthCommand::Login(login) => auth_login::run(console, session, &login, given).await,
            AuthCommand::List(list) => auth_list::run(console, session, &list).await,
            AuthCommand::Token(show) => auth_token::token(console, session, &show, given.subject_token).await,
            AuthCommand::Refresh(of) => auth_token::refresh(console, session, &of).await,
            AuthCommand::Rotate(rotate) => auth_rotate::run(console, session, &rotate, given.secret).await,
            AuthCommand::Remove(remove) => auth_remove::remove(console, session, &remove).await,
            AuthCommand::Revoke(revoke) => auth_remove::revoke(console, session, &revoke).await,
            AuthCommand::Status(status) => auth_status::status(console, session, &status).await,
            AuthCommand::Diagnose(diagnose) => auth_status::diagnose(console, session, &diagnose).await,
        },
        Command::Vault(command) => match command {
            VaultCommand::Init(_) => vault::init(console, session).await,
            VaultCommand::Status => vault::status(console, session).await,
            VaultCommand::RotateKeys(rotate) => vault::rotate_keys(console, session, &rotate).await,
            VaultCommand::Migrate(migrate) => vault_migrate::run(console, session, &migrate).await,
            VaultCommand::ShredTenant(shred) => vault::shred_tenant(console, session, &shred).await,
        },
        Command::Audit(command) => match command {
            AuditCommand::Show(show) => audit::show(console, session, &show).await,
            AuditCommand::Verify(verify) => audit::verify(console, session, &verify).await,
        },
        Command::Doctor(doctor) => doctor::run(console, session, &doctor).await,
        Command::Run(run) => auth_token::run(console, session, &run).await,
        Command::CredentialProcess(wanted) => auth_token::credential_process(console, session, &wanted).await,
        // Done already.
        Command::Config(_) | Command::Providers(_) | Command::Completions { .. } | Command::Man { .. } => {
            Ok(After::DONE)
        }
    }
}
