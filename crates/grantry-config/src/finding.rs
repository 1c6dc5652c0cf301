//! What was found in a configuration: mistakes, warnings and notes.

use std::borrow::Cow;
use std::fmt;

use crate::excerpt::Excerpt;
use crate::place::Place;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// It is loaded, and somebody should look at it.
    Warning,
    /// What was chosen, and what is still missing.
    Note,
}

impl Severity {
    /// `error`, `warning` or `note`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// What it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// A source cannot be read.
    Unreadable,
    /// It is not JSON with comments.
    Syntax,
    /// A key that there is not.
    UnknownKey,
    /// A key that is there twice.
    DuplicateKey,
    /// A value of another type.
    WrongType,
    /// A value that cannot be used.
    InvalidValue,
    /// Values that say different things.
    Contradiction,
    /// An environment variable or a file that a value names and that is not there.
    Unresolved,
    /// Something that is needed and not there.
    Missing,
    /// A secret that stands in the configuration, or that others can read.
    Exposed,
    /// A setting that is not followed, or does nothing.
    NoEffect,
    /// PKCE that is said to be off, whether that is followed or not.
    Pkce,
    /// What was chosen where nothing was said, and why.
    Chosen,
    /// A value that works and is probably not meant.
    Doubtful,
}

/// One mistake, warning or note. It never holds the value of a secret.
///
/// `Display` is one line: place, fact, what was expected. [`report`](Finding::report) also shows the line of the source.
#[derive(Clone, PartialEq, Eq)]
pub struct Finding {
    pub(crate) severity: Severity,
    pub(crate) kind: FindingKind,
    pub(crate) place: Option<Place>,
    pub(crate) what: Cow<'static, str>,
    pub(crate) expected: Option<Cow<'static, str>>,
    pub(crate) nearest: Option<String>,
    pub(crate) also: Option<(Cow<'static, str>, Place)>,
    pub(crate) excerpt: Option<Excerpt>,
}

impl Finding {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// What it is about.
    pub fn kind(&self) -> FindingKind {
        self.kind
    }

    /// Where it is; `None` for what is nowhere, such as a missing section.
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// What is wrong.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What was expected.
    pub fn expected(&self) -> Option<&str> {
        self.expected.as_deref()
    }

    /// The valid name that was probably meant.
    pub fn nearest(&self) -> Option<&str> {
        self.nearest.as_deref()
    }

    /// Another place that belongs to it, such as that of the first of two keys, and what is there.
    pub fn other(&self) -> Option<(&str, &Place)> {
        self.also.as_ref().map(|(what, place)| (&**what, place))
    }

    /// It with the line of the source and a caret under the mistake, over several lines; values that may be secrets are
    /// shown as `[hidden]`.
    pub fn report(&self) -> impl fmt::Display + '_ {
        Report(self)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.what)?;
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean {nearest:?}?")?;
        }
        if let Some(expected) = &self.expected {
            write!(f, "; expected {expected}")?;
        }
        if let Some((what, place)) = &self.also {
            write!(f, "; {what} at {place}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Finding({}: {self})", self.severity.as_str())
    }
}

struct Report<'f>(&'f Finding);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let finding = self.0;
        write!(f, "{}: {}", finding.severity.as_str(), finding.what)?;
        let number = finding.place.as_ref().map(|place| place.line().to_string()).unwrap_or_default();
        let margin = " ".repeat(number.len());
        if let Some(place) = &finding.place {
            write!(f, "\n{margin} --> {place}")?;
        }
        if let Some(excerpt) = &finding.excerpt {
            write!(f, "\n{margin} |\n{number} | {}", excerpt.text)?;
            write!(f, "\n{margin} | {}{}", " ".repeat(excerpt.before), "^".repeat(excerpt.marked))?;
        }
        if let Some(nearest) = &finding.nearest {
            write!(f, "\n{margin} = did you mean {nearest:?}?")?;
        }
        if let Some(expected) = &finding.expected {
            write!(f, "\n{margin} = expected {expected}")?;
        }
        if let Some((what, place)) = &finding.also {
            write!(f, "\n{margin} = {what} at {place}")?;
        }
        Ok(())
    }
}

/// All mistakes of a configuration, with its warnings.
///
/// It shows every mistake, one a line; [`report`](ConfigErrors::report) also shows the lines of the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    pub(crate) errors: Vec<Finding>,
    pub(crate) warnings: Vec<Finding>,
}

impl ConfigErrors {
    /// The mistakes, in the order of the sources. There is at least one.
    pub fn errors(&self) -> &[Finding] {
        &self.errors
    }

    /// What should be looked at besides.
    pub fn warnings(&self) -> &[Finding] {
        &self.warnings
    }

    /// All mistakes and warnings with the lines of the sources, as a person reads them at a terminal.
    pub fn report(&self) -> impl fmt::Display + '_ {
        Reports(self)
    }
}

struct Reports<'e>(&'e ConfigErrors);

impl fmt::Display for Reports<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in self.0.errors.iter().chain(&self.0.warnings) {
            write!(f, "{}\n\n", finding.report())?;
        }
        write!(f, "{}", self.0.counted())
    }
}

impl ConfigErrors {
    fn counted(&self) -> String {
        match self.errors.len() {
            1 => "the configuration has one mistake".to_owned(),
            many => format!("the configuration has {many} mistakes"),
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.counted())?;
        for error in &self.errors {
            write!(f, "\n{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// The first mistake, and how many there are.
impl From<ConfigErrors> for grantry_core::Error {
    fn from(errors: ConfigErrors) -> Self {
        let first = errors.errors.first().map(Finding::to_string).unwrap_or_default();
        Self::configuration(match errors.errors.len() {
            0 | 1 => first,
            many => format!("{first} (the first of {many} mistakes)"),
        })
        .with_source(errors)
    }
}
