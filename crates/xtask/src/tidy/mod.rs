//! The rules of the house that a machine can check.
//!
//! Each rule is a pure function from what was read (files, metadata, the text of a tool) to what breaks it; its
//! tests are small texts that break it. Clippy and rustc hold what they can hold better.

mod calls;
mod examples;
mod files;
mod floors;
mod lengths;
mod licences;
mod links;
mod lints;
mod locks;
mod manual;
mod metadata;
mod owners;
mod pages;
mod rust_version;
mod small_build;
mod source;
mod traces;
mod words;

use std::fmt;
use std::fs;
use std::path::Path;

use crate::Fallible;

pub use files::File;
pub(crate) use files::read_all;
pub use metadata::{Dependency, DependencyKind, Metadata, Node, NodeDependency, Package, Resolve};

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offence {
    rule: &'static str,
    place: String,
    what: String,
}

impl Offence {
    fn new(rule: &'static str, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { rule, place: place.into(), what: what.into() }
    }

    /// The file, with a line where one is known, or the package.
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.place, self.what, self.rule)
    }
}

/// What a look at the whole house found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// What breaks a rule; empty if the house is tidy.
    pub offences: Vec<Offence>,
    /// Figures worth knowing.
    pub figures: Vec<String>,
}

/// Checks every rule over the workspace in `root`.
///
/// # Errors
/// A file cannot be read, or cargo cannot answer.
pub fn check(root: &Path) -> Fallible<Report> {
    let files = read_all(root)?;
    let metadata = Metadata::load(root)?;
    let (mut offences, figures) = small_build::check(root)?;
    offences.extend(floors::check(&metadata, &files));
    offences.extend(owners::check(&metadata));
    offences.extend(locks::check(&metadata, &files));
    offences.extend(licences::check(&metadata, &fs::read_to_string(root.join("deny.toml"))?)?);
    offences.extend(rust_version::check(&metadata));
    offences.extend(lengths::check(&files));
    offences.extend(calls::check(&files));
    offences.extend(pages::check(&metadata, &files));
    offences.extend(lints::check(&metadata, &files));
    offences.extend(examples::check(&files));
    offences.extend(traces::check(&files));
    offences.extend(words::check(&files));
    offences.extend(manual::check(&files));
    offences.extend(links::check(&files));
    Ok(Report { offences, figures })
}
