//! Where a client secret comes from.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{ErrorKind, IsTerminal, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command as Process;

use zeroize::Zeroizing;

use crate::arguments::{AuthCommand, Command, SecretGiven, SubjectGiven};
use crate::console::Console;
use crate::failed::Failed;
use crate::session::shell_word;
use crate::system::Terminal;

/// The longest secret that fits into a pipe whatever the system, so that it can be written before anybody reads. One that is longer
/// is refused as an argument: it could not be hidden.
const MOST_IN_PIPE: usize = 4096;
/// The longest secret that is read.
const MOST_BYTES: u64 = 64 * 1024;

/// A secret. It is zeroized when it is dropped.
pub(crate) type Secret = Zeroizing<String>;

/// Starts the program anew without the secret among its arguments, where one is: every user of the machine can read the
/// arguments of every process. The secret goes through a pipe, so that it is in no environment either, which whatever this
/// program starts would inherit.
///
/// # Errors
/// Usage for a secret that is none, and for one that is too long for that. Where the program cannot be started anew nothing is done.
pub(crate) fn hide_argument(console: &Console, command: &Command) -> Result<(), Failed> {
    let given = match command {
        Command::Auth(AuthCommand::Set(set)) => &set.registered.secret,
        Command::Auth(AuthCommand::Login(login)) => &login.registered.secret,
        Command::Auth(AuthCommand::Rotate(rotate)) => &rotate.secret,
        _ => return Ok(()),
    };
    let Some(secret) = &given.client_secret else { return Ok(()) };
    let secret = checked(Zeroizing::new(secret.clone()), "the client secret")?;
    console.warn(
        "other users of this machine may have seen the secret on the command line; --client-secret-stdin, \
         --client-secret-env and --client-secret-file keep it to you",
    );
    let elsewhere = "give it with --client-secret-stdin";
    if secret.len() > MOST_IN_PIPE {
        let fact =
            format!("a client secret of more than {MOST_IN_PIPE} bytes cannot be taken off the command line");
        return Err(Failed::usage(fact).with_remedy(elsewhere));
    }
    let error = match anew(&secret) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    let fact = format!("the client secret cannot be taken off the command line: {error}");
    Err(Failed::new(1, fact).with_remedy(elsewhere))
}

/// Returns only where it failed.
fn anew(secret: &Secret) -> std::io::Result<Infallible> {
    let mut arguments = std::env::args_os();
    let me = arguments.next().unwrap_or_else(|| OsString::from("grantry"));
    let program = std::env::current_exe()?;
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(secret.as_bytes())?;
    drop(writer);
    Err(Process::new(program).arg0(me).args(without_secret(arguments)).stdin(reader).exec())
}

/// The arguments with stdin in the secret's place.
fn without_secret(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    const FLAG: &str = "--client-secret";
    let mut kept = Vec::new();
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        let is_joined = argument.to_str().is_some_and(|text| text.starts_with("--client-secret="));
        if argument == FLAG || is_joined {
            if !is_joined {
                arguments.next();
            }
            kept.push(OsString::from("--client-secret-stdin"));
        } else {
            kept.push(argument);
        }
    }
    kept
}

/// The secret that was given; `None` where none was.
///
/// # Errors
/// Usage where it cannot be read or is empty.
pub(crate) fn given(console: &Console, given: &SecretGiven) -> Result<Option<Secret>, Failed> {
    if let Some(secret) = &given.client_secret {
        return checked(Zeroizing::new(secret.clone()), "the client secret").map(Some);
    }
    if let Some(name) = &given.client_secret_env {
        let value = std::env::var(name).map(Zeroizing::new);
        let shown = variable(name);
        let value = value.map_err(|_| {
            Failed::usage(format!("the environment variable {shown} is not set, or holds no text"))
        })?;
        return checked(value, &format!("the client secret from {shown}")).map(Some);
    }
    if let Some(path) = &given.client_secret_file {
        return checked(file(console, path)?, &format!("the client secret from {}", path.display()))
            .map(Some);
    }
    if given.client_secret_stdin {
        return from_stdin("the client secret", "Client secret: ").map(Some);
    }
    Ok(None)
}

/// The name of an environment variable. What looks like none may be the secret itself, which slipped there.
fn variable(name: &str) -> &str {
    let is_name = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    if is_name { name } else { "that --client-secret-env names" }
}

/// The token that was given to be exchanged; `None` where none was.
///
/// # Errors
/// As [`given`].
pub(crate) fn subject(console: &Console, given: &SubjectGiven) -> Result<Option<Secret>, Failed> {
    const WHAT: &str = "the token to exchange";
    if let Some(path) = &given.subject_token_file {
        return checked(file(console, path)?, &format!("{WHAT} from {}", path.display())).map(Some);
    }
    given.subject_token_stdin.then(|| from_stdin(WHAT, "Token to exchange: ")).transpose()
}

/// What is piped in, or typed by a person.
fn from_stdin(what: &str, question: &str) -> Result<Secret, Failed> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return prompted(question);
    }
    checked(read(stdin.lock(), "stdin")?, &format!("{what} from stdin"))
}

/// Asks a person, who does not see what they type.
///
/// # Errors
/// Usage where it is empty, or there is no terminal.
pub(crate) fn prompted(question: &str) -> Result<Secret, Failed> {
    let no_terminal = || Failed::usage("nothing can be asked here: there is no terminal");
    let terminal = Terminal::silenced(question).ok_or_else(no_terminal)?;
    let typed = rpassword::read_password().map(Zeroizing::new);
    terminal.answered();
    let typed = typed.map_err(|error| match error.kind() {
        ErrorKind::Interrupted => Failed::interrupted(),
        _ => Failed::usage(format!("nothing can be asked here: {error}")),
    })?;
    checked(typed, "what was typed")
}

/// A file with a secret or a key. That others may read it draws a warning, as where a configuration names it.
///
/// # Errors
/// Usage where it cannot be read, is too long, or everybody may write it.
pub(crate) fn file(console: &Console, path: &Path) -> Result<Secret, Failed> {
    let (secret, is_open) = opened(path)?;
    if is_open {
        let shown = path.display();
        console.warn(&format!(
            "everybody on this machine may read the secret in the file {shown}: chmod 600 {}",
            shell_word(&shown.to_string())
        ));
    }
    Ok(secret)
}

/// A file that holds no secret, such as a certificate.
///
/// # Errors
/// As [`file`].
pub(crate) fn public_file(path: &Path) -> Result<Secret, Failed> {
    opened(path).map(|(text, _)| text)
}

/// What is in a file, and whether everybody may read it.
fn opened(path: &Path) -> Result<(Secret, bool), Failed> {
    let shown = path.display().to_string();
    let cannot = |error| Failed::usage(format!("{shown} cannot be read: {error}"));
    let opened = std::fs::File::open(path).map_err(cannot)?;
    // Of what is open, not of what lies there by now. Pipes are nobody else's.
    let metadata = opened.metadata().map_err(cannot)?;
    let others = if metadata.is_file() { metadata.mode() & 0o006 } else { 0 };
    if others & 0o002 != 0 {
        let fact = format!("everybody on this machine may write the file {shown}");
        return Err(Failed::usage(fact).with_remedy(format!("chmod 600 {}", shell_word(&shown))));
    }
    Ok((read(opened, &shown)?, others != 0))
}

fn read(from: impl Read, shown: &str) -> Result<Secret, Failed> {
    let mut text = Zeroizing::new(String::with_capacity(4096));
    let cannot = |why: String| Failed::usage(format!("{shown} cannot be read: {why}"));
    let read =
        from.take(MOST_BYTES + 1).read_to_string(&mut text).map_err(|error| cannot(error.to_string()))?;
    if read as u64 > MOST_BYTES {
        return Err(cannot("it is too long for a secret".to_owned()));
    }
    Ok(text)
}

/// Without the end of its line, which nobody means. `what` says what it is, and where it came from.
fn checked(secret: Secret, what: &str) -> Result<Secret, Failed> {
    let line = secret.strip_suffix('\n').unwrap_or(&secret);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err(Failed::usage(format!("{what} is empty")));
    }
    if line.chars().any(char::is_control) {
        return Err(Failed::usage(format!("{what} has more than one line, or control characters")));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

/// Whether an argument is a secret's flag; for tests of the help.
#[cfg(test)]
fn arguments(list: &[&str]) -> Vec<String> {
    let all = without_secret(list.iter().map(OsString::from));
    all.iter().map(|argument| argument.to_string_lossy().into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_among_the_arguments_is_replaced_however_it_is_written() {
        let hidden = ["--service", "crm", "--client-secret-stdin", "--json"];
        assert_eq!(arguments(&["--service", "crm", "--client-secret", "s3cret", "--json"]), hidden);
        assert_eq!(arguments(&["--service", "crm", "--client-secret=s3cret", "--json"]), hidden);
        let others = ["--client-secret-stdin", "--client-secret-file", "x"];
        assert_eq!(arguments(&others), others);
    }

    #[test]
    fn the_end_of_a_line_is_not_part_of_a_secret_and_nothing_is_no_secret() {
        let check = |text: &str| checked(Zeroizing::new(text.to_owned()), "stdin");
        assert_eq!(check("s3cret\n").unwrap().as_str(), "s3cret");
        assert_eq!(check("s3cret\r\n").unwrap().as_str(), "s3cret");
        for bad in ["", "\n", "two\nlines", "esc\u{1b}"] {
            let failed = check(bad).unwrap_err();
            assert_eq!(failed.code, 2);
            assert!(!failed.message.contains("lines\n"), "{}", failed.message);
        }
    }
}
