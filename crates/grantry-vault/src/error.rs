//! What callers of the vault are told.

use std::time::Duration;

use grantry_core::{Diagnosis, Error, ErrorKind, Party, Retry, Stage};

use crate::backend::VaultError;
use crate::keys::KeyError;
use crate::sealing::RefusedRecord;
use crate::store::StoreError;

impl StoreError {
    /// The error that callers see; `subject` is what it is about, such as the key of a record.
    pub(crate) fn into_error(self, subject: impl std::fmt::Display) -> Error {
        let error = |kind, fact: String| Error::new(kind, Stage::Vault, fact);
        match self {
            Self::Backend(cause) => of_backend(cause, &subject.to_string()),
            Self::Key(cause) => of_key(cause, &subject.to_string()),
            Self::Refused(cause @ RefusedRecord::NewerFormat { .. }) => {
                error(ErrorKind::Damaged, format!("{subject} was written by a newer version of this library"))
                    .with_source(cause)
                    .with_diagnosis(Diagnosis::new(
                        Party::Application,
                        "upgrade this program; the record was left as it is",
                        Retry::Never,
                    ))
            }
            Self::Refused(cause) => {
                error(ErrorKind::Damaged, format!("{subject} is refused")).with_source(cause)
            }
            Self::Erased(_) => error(ErrorKind::Erased, format!("{subject}: the tenant was erased")),
            Self::NoTenant => error(
                ErrorKind::Configuration,
                format!("the tenant of {subject} is not in the vault: create it first, with `create_tenant`"),
            ),
            Self::OtherDeployment(other) => error(
                ErrorKind::Configuration,
                format!("the vault belongs to the deployment {other:?}: open it under that name"),
            ),
            Self::TooLong => {
                error(ErrorKind::Configuration, format!("{subject} is longer than a record may be, 1 MiB"))
            }
            Self::StaleKeys => error(
                ErrorKind::Storage,
                format!("the keys for {subject} grew too old while it was written; nothing was written"),
            )
            .with_diagnosis(Diagnosis::new(
                Party::Application,
                "try again; this process stood still for minutes",
                Retry::Now,
            )),
        }
    }
}

fn of_backend(cause: VaultError, subject: &str) -> Error {
    let (kind, fact) = match &cause {
        VaultError::Conflict => (ErrorKind::Conflict, format!("{subject} was changed in between")),
        VaultError::Damaged(_) | VaultError::Newer(_) => {
            (ErrorKind::Damaged, format!("{subject} cannot be read"))
        }
        VaultError::Refused(_) | VaultError::Closed => {
            (ErrorKind::Storage, format!("the store refuses {subject}"))
        }
        VaultError::InDoubt(_) => (ErrorKind::Storage, format!("whether {subject} was written is not known")),
        _ => (ErrorKind::Storage, format!("the store could not serve {subject}")),
    };
    let diagnosis = match &cause {
        VaultError::Unavailable(_) => Some(Diagnosis::new(
            Party::Store,
            "see whether the store runs and can be reached; nothing has to be restarted",
            Retry::After(Duration::from_secs(1)),
        )),
        VaultError::InDoubt(_) => Some(Diagnosis::new(
            Party::Store,
            "read the record again before you write it; the write may still arrive",
            Retry::Now,
        )),
        VaultError::Full(_) => Some(Diagnosis::new(
            Party::Store,
            "make room in the store; nothing was written or lost, and nothing has to be restarted",
            Retry::After(Duration::from_secs(10)),
        )),
        VaultError::Refused(_) => {
            Some(Diagnosis::new(Party::Store, "change what the message names", Retry::Never))
        }
        VaultError::Newer(_) => Some(Diagnosis::new(
            Party::Application,
            "upgrade this program; the store was left as it is",
            Retry::Never,
        )),
        _ => None,
    };
    let error = Error::new(kind, Stage::Vault, fact).with_source(cause);
    match diagnosis {
        Some(diagnosis) => error.with_diagnosis(diagnosis),
        None => error,
    }
}

fn of_key(cause: KeyError, subject: &str) -> Error {
    let (kind, retry) = match &cause {
        KeyError::Unavailable(_) => (ErrorKind::KeyUnavailable, Retry::After(Duration::from_secs(1))),
        KeyError::Configuration(_) | KeyError::Unsupported(_) => (ErrorKind::Configuration, Retry::Never),
        KeyError::Damaged(_) => (ErrorKind::Damaged, Retry::Never),
        _ => (ErrorKind::KeyUnavailable, Retry::Never),
    };
    let remedy = match &cause {
        KeyError::Unavailable(_) => {
            "see whether the HSM, the KMS or the key file can be reached; nothing has to be restarted"
        }
        KeyError::Refused(_) => {
            "give the key provider the right PIN, token or rights; nothing was changed or lost"
        }
        KeyError::UnknownKey(_) => {
            "bring back the key that the message names, or open the vault with the keys that it was made with"
        }
        KeyError::Damaged(_) => {
            "open the vault under its own deployment name; or bring the record of its keys back from a copy"
        }
        _ => "change what the message names",
    };
    Error::new(kind, Stage::Vault, format!("the keys for {subject} cannot be had"))
        .with_source(cause)
        .with_diagnosis(Diagnosis::new(Party::Store, remedy, retry))
}
