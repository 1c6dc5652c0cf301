//! Why a command did not do what it was asked for, and the exit code that says so.

use std::error::Error as _;

use grantry::vault::{KeyError, VaultError};
use grantry::{Error, ErrorKind};

use crate::escaped::escaped;

/// A usage that makes no sense, or a configuration that cannot be used.
pub(crate) const USAGE: u8 = 2;
/// What was named is not there.
pub(crate) const NOT_FOUND: u8 = 3;
/// A person has to authorize again.
pub(crate) const PERSON: u8 = 4;
/// The server or the network.
pub(crate) const SERVER: u8 = 5;
/// The vault or its key.
pub(crate) const VAULT: u8 = 6;
/// Somebody interrupted it.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) code: u8,
    /// A word for programs.
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    pub(crate) remedy: Option<String>,
    pub(crate) causes: Vec<String>,
    /// Lines that come first, for people.
    pub(crate) details: String,
}

impl Failed {
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Self {
        let kind = match code {
            USAGE => "usage",
            NOT_FOUND => "not_found",
            PERSON => "person_needed",
            SERVER => "server",
            VAULT => "vault",
            _ => "failed",
        };
        Self {
            code,
            kind,
            message: escaped(&message.into()),
            remedy: None,
            causes: Vec::new(),
            details: String::new(),
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(USAGE, message)
    }

    /// Somebody did not want to wait.
    pub(crate) fn interrupted() -> Self {
        Self { kind: "interrupted", ..Self::new(INTERRUPTED, "interrupted") }
    }

    pub(crate) fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(escaped(&remedy.into())), ..self }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let diagnosis = error.diagnosis();
        let mut failed = Self::new(code_of(error.kind()), chain(&error));
        // Registered codes stand in the message already.
        let code = error.provider_code().or(error.oauth_code());
        if let Some(code) = code.filter(|code| !failed.message.contains(*code)) {
            failed.message = format!("{} ({})", failed.message, escaped(code));
        }
        failed.kind = error.kind().as_str();
        // What is to be changed stands in the message.
        let is_mistake = error.kind() == ErrorKind::Configuration;
        failed.remedy = (!is_mistake).then(|| escaped(of_one_run(diagnosis.remedy())));
        failed.causes = diagnosis.causes().map(escaped).collect();
        if error.kind() == ErrorKind::AuditUnavailable {
            failed.causes.push(
                "the vault, or the folder that a configuration has for the trail, cannot be written to, or its disk is full"
                    .to_owned(),
            );
        }
        failed
    }
}

/// What a person does where a program that goes on running would try again by itself.
fn of_one_run(remedy: &str) -> &str {
    match remedy.strip_prefix("nothing to do") {
        Some(rest) if rest.contains("Retry-After") => "run it again, not before the server's Retry-After",
        Some(_) => "run it again",
        None => remedy,
    }
}

impl From<VaultError> for Failed {
    fn from(error: VaultError) -> Self {
        Self::new(VAULT, format!("the vault cannot be opened: {error}"))
    }
}

impl From<KeyError> for Failed {
    fn from(error: KeyError) -> Self {
        Self::new(VAULT, format!("the vault's key cannot be used: {error}"))
    }
}

/// The exit code for a kind of error.
pub(crate) fn code_of(kind: ErrorKind) -> u8 {
    use ErrorKind as Kind;
    match kind {
        Kind::Configuration => USAGE,
        Kind::NotFound | Kind::Removed | Kind::Erased => NOT_FOUND,
        Kind::InvalidGrant => PERSON,
        Kind::Unreachable
        | Kind::Untrusted
        | Kind::Interrupted
        | Kind::Unavailable
        | Kind::InvalidAnswer
        | Kind::InvalidClient
        | Kind::InvalidScope
        | Kind::Refused
        | Kind::InDoubt => SERVER,
        Kind::Storage
        | Kind::Conflict
        | Kind::Damaged
        | Kind::KeyUnavailable
        | Kind::AuditUnavailable
        | Kind::AccessDenied => VAULT,
        _ => 1,
    }
}

/// An error and what is behind it, each said once.
pub(crate) fn chain(error: &Error) -> String {
    // Where a mistake was found says nothing to whoever made it.
    let told = |text: String| text.strip_prefix("building: ").map(str::to_owned).unwrap_or(text);
    let mut text = told(error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = told(error.to_string());
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    escaped(&text)
}

#[cfg(test)]
mod tests {
    use grantry::{ErrorKind, Stage};

    use super::*;

    #[test]
    fn each_exit_code_stands_for_what_the_page_says() {
        for (kind, code) in [
            (ErrorKind::Internal, 1),
            (ErrorKind::Configuration, USAGE),
            (ErrorKind::NotFound, NOT_FOUND),
            (ErrorKind::InvalidGrant, PERSON),
            (ErrorKind::Unavailable, SERVER),
            (ErrorKind::InvalidClient, SERVER),
            (ErrorKind::KeyUnavailable, VAULT),
            (ErrorKind::Damaged, VAULT),
        ] {
            assert_eq!(code_of(kind), code, "{kind}");
        }
    }

    #[test]
    fn a_code_is_said_once() {
        let refused = |fact: &str, code| {
            Error::new(ErrorKind::InvalidGrant, Stage::Token, fact.to_owned()).with_oauth_code(code)
        };
        let failed = Failed::from(refused("refused (invalid_grant)", "invalid_grant"));
        assert_eq!(failed.message.matches("invalid_grant").count(), 1, "{}", failed.message);
        let failed = Failed::from(refused("refused", "consent_required"));
        assert!(failed.message.ends_with("(consent_required)"), "{}", failed.message);
    }

    #[test]
    fn a_cause_is_said_once_and_without_control_characters() {
        let error = Error::configuration("it is wrong\u{1b}[2J");
        let failed = Failed::from(error);
        assert_eq!(failed.message, "it is wrong\\u{1b}[2J");
        assert!(failed.remedy.is_none());
    }
}
