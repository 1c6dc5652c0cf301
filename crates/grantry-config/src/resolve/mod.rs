//! From the keys of the table to what they mean.

mod access;
mod client;
mod defaults;
mod deployment;
mod facts;
mod flow;
mod keys;
mod kind;
mod missing;
mod mutual_tls;
mod names;
mod parameters;
mod placeholders;
mod redirect_uri;
mod renewal;
mod scopes;
mod server;
mod service;
mod urls;

pub use self::urls::{InvalidUrl, check_url};

use std::borrow::Cow;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::desk::{Desk, Draft};
use crate::fields::{Fields, Line};
use crate::finding::FindingKind;
use crate::interpolate::Resolver;
use crate::place::{At, Place};
use crate::surroundings::Surroundings;

/// What is wrong, without the part of the library that found it: a finding has a place of its own.
fn fact(error: &grantry_core::Error) -> String {
    let text = error.to_string();
    let stage = format!("{}: ", error.stage());
    text.strip_prefix(&stage).unwrap_or(&text).to_owned()
}

/// What it takes to understand the fields.
pub(crate) struct Resolving<'r> {
    pub(crate) desk: &'r mut Desk,
    pub(crate) surroundings: &'r dyn Surroundings,
    /// What relative paths of each source start from.
    pub(crate) folders: &'r [PathBuf],
}

impl Resolving<'_> {
    pub(crate) fn invalid(
        &mut self,
        at: At,
        what: impl Into<String>,
        expected: impl Into<Cow<'static, str>>,
    ) {
        self.desk.tell(Draft::error(FindingKind::InvalidValue, at, what.into()).expected(expected));
    }

    pub(crate) fn missing(
        &mut self,
        at: At,
        what: impl Into<String>,
        expected: impl Into<Cow<'static, str>>,
    ) {
        self.desk.tell(Draft::error(FindingKind::Missing, at, what.into()).expected(expected));
    }

    /// Two values that cannot both be meant.
    pub(crate) fn contradiction(
        &mut self,
        at: At,
        what: impl Into<String>,
        expected: impl Into<Cow<'static, str>>,
        other: (impl Into<Cow<'static, str>>, At),
    ) {
        let draft = Draft::error(FindingKind::Contradiction, at, what.into()).expected(expected);
        self.desk.tell(draft.also(other.0, other.1));
    }

    fn place(&self, at: At) -> Place {
        self.desk.place(at).unwrap_or_else(|| Place::new("configuration".into(), 1, 1))
    }

    /// A path as it is seen from the folder of the source that names it.
    fn path(&self, line: Line<'_>) -> PathBuf {
        self.folders
            .get(line.at.source as usize)
            .map_or_else(|| PathBuf::from(line.text), |f| f.join(line.text))
    }

    /// What the file that a key names holds.
    fn file_of(&mut self, line: Line<'_>, hidden: bool) -> Option<Zeroizing<String>> {
        let empty = PathBuf::new();
        let folder = self.folders.get(line.at.source as usize).unwrap_or(&empty);
        let resolver = Resolver { surroundings: self.surroundings, folder };
        resolver.file(self.desk, line.text, line.at, hidden)
    }

    /// A text that is there and not empty.
    fn some_text<'f>(&mut self, fields: &'f Fields, key: &str) -> Option<Line<'f>> {
        let line = fields.text(key)?;
        if line.text.is_empty() {
            self.invalid(line.at, format!("{key} is empty"), "a value, or the key left out");
            return None;
        }
        if line.text.chars().any(char::is_control) {
            let what = format!("{key} holds a control character, such as a line break at its end");
            self.invalid(line.at, what, "it without");
            return None;
        }
        Some(line)
    }
}
