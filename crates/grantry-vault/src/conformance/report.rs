//! What came out: which promises are kept, which is broken and how.

use std::fmt;

use super::Promise;

/// A promise that a vault does not keep.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Broken {
    /// The name of the promise, as in [`PROMISES`](super::PROMISES).
    pub promise: &'static str,
    /// What the vault did instead, in a sentence without a full stop.
    pub what: String,
}

impl Broken {
    pub(super) fn new(promise: &'static str, what: impl Into<String>) -> Self {
        Self { promise, what: what.into() }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the promise {} is broken: {}", self.promise, self.what)
    }
}

/// A failing test shows this, so it reads as a sentence too.
impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the promise `{}` is broken\n  {}", self.promise, self.what)
    }
}

impl std::error::Error for Broken {}

/// What came out for one promise.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The vault keeps it.
    Kept,
    /// The vault does not keep it.
    Broken(Broken),
    /// It was not asked, for a reason: the store has nothing that could keep or break it.
    NotAsked(&'static str),
}

/// What came out for every promise. `Display` has a line for each.
#[derive(Debug, Clone)]
#[must_use = "it says whether the vault keeps its promises"]
pub struct Report(pub(super) Vec<(&'static Promise, Outcome)>);

impl Report {
    /// Whether no promise is broken.
    pub fn is_kept(&self) -> bool {
        self.broken().next().is_none()
    }

    /// The promises that are broken.
    pub fn broken(&self) -> impl Iterator<Item = &Broken> {
        self.0.iter().filter_map(|(_, outcome)| match outcome {
            Outcome::Broken(broken) => Some(broken),
            Outcome::Kept | Outcome::NotAsked(_) => None,
        })
    }

    /// Each promise with what came out, in the order of [`PROMISES`](super::PROMISES).
    pub fn outcomes(&self) -> impl Iterator<Item = (&'static Promise, &Outcome)> {
        self.0.iter().map(|(promise, outcome)| (*promise, outcome))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (promise, outcome) in &self.0 {
            match outcome {
                Outcome::Kept => writeln!(f, "kept       {}", promise.name())?,
                Outcome::Broken(broken) => writeln!(f, "BROKEN     {}: {}", promise.name(), broken.what)?,
                Outcome::NotAsked(why) => writeln!(f, "not asked  {}: {why}", promise.name())?,
            }
        }
        write!(f, "{} of {} promises are broken", self.broken().count(), self.0.len())
    }
}
