//! Where something stands.

use std::fmt;
use std::sync::Arc;

/// A place in a source: its name, and line and column counted from 1. Columns count characters.
///
/// It displays as `grantry.json:12:5`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    source: Arc<str>,
    line: u32,
    column: u32,
}

impl Place {
    pub(crate) fn new(source: Arc<str>, line: u32, column: u32) -> Self {
        Self { source, line, column }
    }

    /// The name of the source: a file's path, or what the application called it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The line, from 1.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// The column, from 1, in characters.
    pub fn column(&self) -> u32 {
        self.column
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source.escape_debug(), self.line, self.column)
    }
}

/// A range of bytes in one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// Sources are shorter than 4 GiB.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let short = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: short(start), end: short(end) }
    }

    pub(crate) fn start(self) -> usize {
        self.start as usize
    }

    pub(crate) fn end(self) -> usize {
        self.end as usize
    }
}

/// A range of bytes in one of several sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct At {
    /// The source's number.
    pub(crate) source: u32,
    pub(crate) span: Span,
}
