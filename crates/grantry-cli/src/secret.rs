//! Where a client secret comes from.

use std::ffi::OsString;
use std::io::{IsTerminal, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command as Process;

use zeroize::Zeroizing;

use crate::arguments::{AuthCommand, Command, SecretGiven, SubjectGiven};
use crate::console::Console;
use crate::failed::Failed;

/// The longest secret that fits into a pipe whatever the system, so that it can be written before anybody reads.
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
/// Usage for a secret that is none. Where the program cannot be started anew it goes on as it is.
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
    let mut arguments = std::env::args_os();
    let Some(me) = arguments.next() else { return Ok(()) };
    let Ok(program) = std::env::current_exe() else { return Ok(()) };
    let Ok((reader, mut writer)) = std::io::pipe() else { return Ok(()) };
    if secret.len() > MOST_IN_PIPE || writer.write_all(secret.as_bytes()).is_err() {
        return Ok(());
    }
    drop(writer);
    // Returns only where it failed.
    let _ = Process::new(program).arg0(me).args(without_secret(arguments)).stdin(reader).exec();
    Ok(())
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
pub(crate) fn given(given: &SecretGiven) -> Result<Option<Secret>, Failed> {
    if let Some(secret) = &given.client_secret {
        return checked(Zeroizing::new(secret.clone()), "the client secret").map(Some);
    }
    if let Some(name) = &given.client_secret_env {
        let value = std::env::var(name).map(Zeroizing::new);
        let value = value.map_err(|_| {
            Failed::usage(format!("the environment variable {name} is not set, or holds no text"))
        })?;
        return checked(value, &format!("the client secret from {name}")).map(Some);
    }
    if let Some(path) = &given.client_secret_file {
        return checked(file(path)?, &format!("the client secret from {}", path.display())).map(Some);
    }
    if given.client_secret_stdin {
        return from_stdin("the client secret", "Client secret: ").map(Some);
    }
    Ok(None)
}

/// The token that was given to be exchanged; `None` where none was.
///
/// # Errors
/// As [`given`].
pub(crate) fn subject(given: &SubjectGiven) -> Result<Option<Secret>, Failed> {
    const WHAT: &str = "the token to exchange";
    if let Some(path) = &given.subject_token_file {
        return checked(file(path)?, &format!("{WHAT} from {}", path.display())).map(Some);
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
    let typed = rpassword::prompt_password(question).map(Zeroizing::new);
    let typed = typed.map_err(|error| Failed::usage(format!("nothing can be asked here: {error}")))?;
    checked(typed, "what was typed")
}

/// A file with a secret or a key.
///
/// # Errors
/// Usage where it cannot be read, or is too long.
pub(crate) fn file(path: &Path) -> Result<Secret, Failed> {
    let shown = path.display().to_string();
    let opened = std::fs::File::open(path);
    read(opened.map_err(|error| Failed::usage(format!("{shown} cannot be read: {error}")))?, &shown)
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
