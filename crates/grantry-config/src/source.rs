//! What a configuration is read from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::place::{Place, Span};

/// Where a layer of the configuration comes from: a file, or a text that the application has.
#[derive(Clone)]
pub struct Source(pub(crate) Origin);

#[derive(Clone)]
pub(crate) enum Origin {
    File(PathBuf),
    Text { name: String, text: Arc<Zeroizing<String>> },
}

impl Source {
    /// A file. What `${file:...}` names in it is relative to its folder.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Origin::File(path.into()))
    }

    /// A text, and how errors call it. What `${file:...}` names in it is relative to the working directory.
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self(Origin::Text { name: name.into(), text: Arc::new(Zeroizing::new(text.into())) })
    }

    /// What errors call it.
    pub fn name(&self) -> String {
        match &self.0 {
            Origin::File(path) => path.display().to_string(),
            Origin::Text { name, .. } => name.clone(),
        }
    }

    /// What relative paths in it start from.
    pub(crate) fn folder(&self) -> &Path {
        match &self.0 {
            Origin::File(path) => path.parent().unwrap_or(Path::new("")),
            Origin::Text { .. } => Path::new(""),
        }
    }
}

/// It shows no text, which may hold secrets.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Origin::File(path) => f.debug_tuple("Source::File").field(path).finish(),
            Origin::Text { name, .. } => f.debug_tuple("Source::Text").field(name).finish(),
        }
    }
}

/// So many bytes lie between two entries of the index of characters.
const STEP: usize = 1024;

/// The text of a source, with what it takes to tell line and column of a byte at once, in the longest line too.
pub(crate) struct SourceText {
    name: Arc<str>,
    text: Arc<Zeroizing<String>>,
    /// Where lines begin.
    lines: Vec<usize>,
    /// How many characters begin before each step; empty where every character is a byte.
    characters: Vec<usize>,
}

impl SourceText {
    pub(crate) fn new(name: &str, text: Arc<Zeroizing<String>>) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        let mut characters = Vec::new();
        if !text.is_ascii() {
            let mut before = 0;
            for step in text.as_bytes().chunks(STEP) {
                characters.push(before);
                before += step.iter().filter(|byte| begins_character(**byte)).count();
            }
        }
        Self { name: name.into(), text, lines, characters }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn place(&self, span: Span) -> Place {
        let at = span.start().min(self.text.len());
        let line = self.line_of(at);
        let begin = self.lines.get(line).copied().unwrap_or_default();
        let mut column = self.characters_before(at) - self.characters_before(begin);
        if begin == 0 && self.text.starts_with('\u{feff}') {
            // The byte order mark is no column.
            column = column.saturating_sub(1);
        }
        let short = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place::new(Arc::clone(&self.name), short(line + 1), short(column + 1))
    }

    /// The range of the line in which a byte is, without its break.
    pub(crate) fn line_around(&self, at: usize) -> Span {
        let line = self.line_of(at.min(self.text.len()));
        let begin = self.lines.get(line).copied().unwrap_or_default();
        let end = self.lines.get(line + 1).map_or(self.text.len(), |next| next - 1);
        Span::new(begin, end)
    }

    fn line_of(&self, at: usize) -> usize {
        self.lines.partition_point(|begin| *begin <= at).saturating_sub(1)
    }

    fn characters_before(&self, at: usize) -> usize {
        if self.characters.is_empty() {
            return at;
        }
        let step = at / STEP;
        let counted = self.characters.get(step).copied().unwrap_or_default();
        let rest = self.text.as_bytes().get(step * STEP..at).unwrap_or_default();
        counted + rest.iter().filter(|byte| begins_character(**byte)).count()
    }
}

/// Whether a byte of UTF-8 is the first of a character.
fn begins_character(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, byte: usize) -> (u32, u32) {
        let place =
            SourceText::new("t", Arc::new(Zeroizing::new(text.to_owned()))).place(Span::new(byte, byte));
        (place.line(), place.column())
    }

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        assert_eq!(at("", 0), (1, 1));
        assert_eq!(at("a\nbc", 3), (2, 2));
        assert_eq!(at("a\r\nb", 3), (2, 1));
        assert_eq!(at("\tx", 1), (1, 2));
        assert_eq!(at("éé x", 5), (1, 4));
        assert_eq!(at("\u{feff}x", 3), (1, 1));
        assert_eq!(at("a\n", 99), (2, 1));
    }

    #[test]
    fn columns_in_a_long_line_are_those_that_counting_gives() {
        let text: String = "aé€😀\n x".chars().cycle().take(9000).collect();
        let source = SourceText::new("t", Arc::new(Zeroizing::new(text.clone())));
        for (byte, _) in text.char_indices().step_by(7) {
            let place = source.place(Span::new(byte, byte));
            let before = &text[..byte];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            assert_eq!((place.line() as usize, place.column() as usize), (line, column), "{byte}");
        }
    }
}
