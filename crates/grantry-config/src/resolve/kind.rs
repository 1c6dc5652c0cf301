//! The `type` of a section, and the keys that go with it.

use std::path::PathBuf;

use super::Resolving;
use crate::fields::{Fields, Line, Value};
use crate::table::{ROOT, Section, Shape};

/// What a section says of its type.
#[derive(Clone, Copy)]
pub(super) struct Kind<'f> {
    line: Line<'f>,
    section: &'static Section,
}

impl<'f> Kind<'f> {
    pub(super) fn name(self) -> &'f str {
        self.line.text
    }

    pub(super) fn line(self) -> Line<'f> {
        self.line
    }
}

impl Resolving<'_> {
    /// The `type` of a section, whose other keys have to belong to it.
    pub(super) fn kind<'f>(&mut self, fields: &'f Fields, name: &str) -> Option<Kind<'f>> {
        let Some(Shape::Section(section)) = ROOT.key(name).map(|key| key.shape) else { return None };
        let Some(line) = fields.text("type") else {
            // One that is not understood was reported.
            if fields.find("type").is_none() {
                let expected = format!("\"type\", one of {}", section.types().join(", "));
                self.missing(fields.at, format!("{name} does not say its type"), expected);
            }
            self.by_themselves(fields);
            return None;
        };
        for found in &fields.found {
            let only = found.key.only;
            if !only.is_empty() && !only.contains(&line.text) && !matches!(found.value, Value::Meant) {
                let what = format!("{} belongs to the type {}", found.key.name, only.join(" or "));
                let keys = section.keys_of(line.text).join(", ");
                let expected = format!("a key of {} ({keys})", line.text);
                self.contradiction(found.key_at, what, expected, ("the type is", line.at));
            }
        }
        Some(Kind { line, section })
    }

    /// What no type makes right.
    fn by_themselves(&mut self, fields: &Fields) {
        for found in &fields.found {
            self.some_text(fields, found.key.name);
        }
        self.count(fields, "connections");
    }

    /// A text without which the section is of no use.
    pub(super) fn needed<'f>(
        &mut self,
        fields: &'f Fields,
        key: &'static str,
        kind: Kind<'_>,
    ) -> Option<Line<'f>> {
        if fields.find(key).is_none() {
            self.needs(key, kind);
            return None;
        }
        self.some_text(fields, key)
    }

    pub(super) fn needed_path(
        &mut self,
        fields: &Fields,
        key: &'static str,
        kind: Kind<'_>,
    ) -> Option<PathBuf> {
        self.needed(fields, key, kind).map(|line| self.path(line))
    }

    /// A URL without which the section is of no use.
    pub(super) fn needed_url(
        &mut self,
        fields: &Fields,
        key: &'static str,
        kind: Kind<'_>,
    ) -> Option<String> {
        if fields.find(key).is_none() {
            self.needs(key, kind);
        }
        self.checked_url(fields, key)
    }

    fn needs(&mut self, key: &'static str, kind: Kind<'_>) {
        let about = kind.section.key(key).map(|key| key.in_short()).unwrap_or_default();
        let what = format!("the type {} needs {key}", kind.name());
        self.missing(kind.line.at, what, format!("{key}: {about}"));
    }
}
