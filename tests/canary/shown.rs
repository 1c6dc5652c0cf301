//! What a program would print: `Debug` of whatever it holds, and errors in every form.

use std::error::Error as StdError;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use grantry_core::{Error, Failure};

/// Collects printed texts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown(Arc<Mutex<String>>);

impl Shown {
    /// Prints a value with `{:?}` and `{:#?}`.
    pub(crate) fn debug(&self, value: &(impl Debug + ?Sized)) {
        let _ = writeln!(self.0.lock().unwrap(), "{value:?} {value:#?}");
    }

    /// Prints an error with its causes.
    pub(crate) fn chain(&self, error: &(dyn StdError + 'static)) {
        let mut cause = Some(error);
        while let Some(error) = cause {
            let _ = writeln!(self.0.lock().unwrap(), "{error} {error:?} {error:#?}");
            cause = error.source();
        }
    }

    /// Prints one of our errors with its causes and its diagnosis.
    pub(crate) fn error(&self, error: &Error) {
        self.chain(error);
        let diagnosis = error.diagnosis();
        self.debug(&diagnosis);
        let causes: Vec<&str> = diagnosis.causes().collect();
        self.debug(&(diagnosis.to_string(), diagnosis.remedy(), causes));
        self.debug(&(
            error.kind().as_str(),
            error.stage().as_str(),
            error.oauth_code(),
            error.provider_code(),
        ));
        self.debug(&(error.status(), error.needed_scope(), error.retry_at()));
    }

    /// Prints a failure, whose error callers get to see.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.debug(failure);
        self.error(&failure.error);
    }

    /// Prints what came of something.
    pub(crate) fn result<T: Debug>(&self, result: &Result<T, Error>) {
        match result {
            Ok(value) => self.debug(value),
            Err(error) => self.error(error),
        }
    }

    /// All that was printed.
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}
