//! The bytes, one after the other.

use std::borrow::Cow;

use super::Fault;
use crate::place::Span;

/// The most faults that are told of one source.
const MOST_FAULTS: usize = 100;

/// The source, and how far it is read.
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// Whether it makes no sense to go on.
    pub(super) stopped: bool,
    pub(super) faults: Vec<Fault>,
    pub(super) veiled: Vec<Span>,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str, from: usize) -> Self {
        Self { text, at: from, stopped: false, faults: Vec::new(), veiled: Vec::new() }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn end(&self) -> usize {
        self.text.len()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn peek_after(&self, distance: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + distance).copied()
    }

    /// Goes on by so many bytes, which are whole characters.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.text.len());
    }

    /// Takes the byte, if it is the next one.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        if is_next {
            self.at += 1;
        }
        is_next
    }

    /// Takes bytes while they are such; all bytes beyond ASCII are taken together or not at all.
    pub(super) fn take_while(&mut self, is: impl Fn(u8) -> bool) -> &'t str {
        let start = self.at;
        while self.peek().is_some_and(&is) {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    pub(super) fn slice(&self, span: Span) -> &'t str {
        self.text.get(span.start()..span.end()).unwrap_or_default()
    }

    pub(super) fn since(&self, start: usize) -> Span {
        Span::new(start, self.at)
    }

    pub(super) fn fault(&mut self, span: Span, what: impl Into<Cow<'static, str>>, expected: &'static str) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(Fault { span, what: what.into(), expected });
        } else {
            self.stop();
        }
    }

    /// Reports it and reads no further; what follows is hidden, since nobody knows what it is.
    pub(super) fn give_up(&mut self, span: Span, what: impl Into<Cow<'static, str>>, expected: &'static str) {
        if !self.stopped {
            self.fault(span, what, expected);
            self.stop();
        }
    }

    fn stop(&mut self) {
        if !self.stopped {
            self.stopped = true;
            self.veiled.push(Span::new(self.at, self.text.len()));
        }
    }

    /// Skips white space and comments.
    pub(super) fn skip_space(&mut self) {
        while !self.stopped {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(b'/') if matches!(self.peek_after(1), Some(b'/' | b'*')) => self.skip_comment(),
                _ => return,
            }
        }
    }

    fn skip_comment(&mut self) {
        let start = self.at;
        let rest = self.text.get(start + 2..).unwrap_or_default();
        if self.peek_after(1) == Some(b'/') {
            self.at = start + 2 + rest.find('\n').unwrap_or(rest.len());
        } else if let Some(length) = rest.find("*/") {
            self.at = start + 2 + length + 2;
        } else {
            self.give_up(Span::new(start, start + 2), "this comment never ends", "*/ at its end");
            return;
        }
        self.veiled.push(self.since(start));
    }
}
