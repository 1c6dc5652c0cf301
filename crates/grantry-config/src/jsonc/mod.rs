//! JSON with comments and trailing commas, with the place of everything.
//!
//! The reader goes on after most mistakes, so that all of a file are reported at once. It notes where values and
//! comments stand, so that excerpts can hide them.

mod escapes;
mod number;
mod reader;
mod scanner;

use std::borrow::Cow;

use zeroize::Zeroizing;

use crate::place::Span;

pub(crate) use reader::read;

/// A value and where it stands.
#[derive(Debug)]
pub(crate) struct Node<'t> {
    pub(crate) span: Span,
    pub(crate) value: Json<'t>,
}

#[derive(Debug)]
pub(crate) enum Json<'t> {
    Null,
    Flag(bool),
    /// A number as JSON writes it.
    Number(&'t str),
    Text(Text<'t>),
    List(Vec<Node<'t>>),
    Object(Vec<Member<'t>>),
    /// Something that was not understood, and is reported.
    Broken,
}

impl Json<'_> {
    /// What it is, for people.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Flag(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
            Self::Broken => "something else",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Member<'t> {
    pub(crate) key: Text<'t>,
    pub(crate) key_span: Span,
    pub(crate) value: Node<'t>,
}

/// A text; it may be a secret, so what had to be copied is zeroized.
pub(crate) enum Text<'t> {
    /// As it stands in the source.
    Plain(&'t str),
    /// Its escapes were resolved.
    Unescaped(Zeroizing<String>),
}

impl Text<'_> {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Unescaped(text) => text,
        }
    }
}

impl std::fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Text([redacted])")
    }
}

/// What breaks the rules of JSON.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) span: Span,
    pub(crate) what: Cow<'static, str>,
    pub(crate) expected: &'static str,
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    /// Nothing where the reader had to stop.
    pub(crate) root: Option<Node<'t>>,
    pub(crate) faults: Vec<Fault>,
    /// Values that are no objects or lists, and comments, in their order: what an excerpt may have to hide.
    pub(crate) veiled: Vec<Span>,
}
