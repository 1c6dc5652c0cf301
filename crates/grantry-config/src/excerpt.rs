//! The line of a finding, with what may be a secret hidden.

use crate::place::Span;
use crate::source::SourceText;

/// The most characters of a line that are shown.
const WIDEST: usize = 100;
/// How many characters are shown before the marked ones, where the line is longer.
const BEFORE: usize = 40;
/// How many bytes of a line are looked at, before the marked ones and from there on.
const REACH: usize = 1024;
/// What stands for a hidden value.
const HIDDEN: &str = "[hidden]";

/// A line as it is shown, and which of its characters are marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Excerpt {
    pub(crate) text: String,
    /// How many characters are before the mark.
    pub(crate) before: usize,
    /// How many characters are marked, at least one.
    pub(crate) marked: usize,
}

impl Excerpt {
    /// Cuts it out. `veiled` are the places of all values and comments in their order, `shown` the beginnings of those
    /// values that are known to be no secrets, in their order.
    pub(crate) fn cut(source: &SourceText, span: Span, veiled: &[Span], shown: &[u32]) -> Self {
        let line = source.line_around(span.start());
        // A line may be as long as a file: no more of it is looked at than can be shown.
        let begin = line.start().max(boundary(source.as_str(), span.start().saturating_sub(REACH)));
        let end = line.end().min(boundary(source.as_str(), span.start().saturating_add(REACH)));
        let mut drawn = Drawn { goes_on: (begin > line.start(), end < line.end()), ..Drawn::default() };
        let mut at = begin;
        let first = veiled.partition_point(|veil| veil.end() <= begin);
        for veil in veiled.iter().skip(first).take_while(|veil| veil.start() < end) {
            if shown.binary_search(&veil.start).is_ok() || veil.end() <= at {
                continue;
            }
            drawn.plain(source, at, veil.start().max(at), span);
            drawn.hidden(*veil, span);
            at = veil.end();
        }
        drawn.plain(source, at, end, span);
        drawn.into_excerpt()
    }
}

/// A line while it is drawn.
#[derive(Default)]
struct Drawn {
    characters: Vec<char>,
    from: Option<usize>,
    to: usize,
    /// Whether the line has more before and behind what is drawn.
    goes_on: (bool, bool),
}

impl Drawn {
    fn plain(&mut self, source: &SourceText, from: usize, to: usize, span: Span) {
        let text = source.as_str();
        let (from, to) = (boundary(text, from), boundary(text, to.min(text.len())));
        for (offset, character) in text.get(from..to).unwrap_or_default().char_indices() {
            let at = from + offset;
            // The mark begins with the character that it begins in.
            if at + character.len_utf8() > span.start() && (at < span.end() || at == span.start()) {
                self.mark(1);
            }
            self.characters.push(visible(character));
        }
    }

    fn hidden(&mut self, veil: Span, span: Span) {
        if span.start() < veil.end() && veil.start() < span.end().max(span.start() + 1) {
            self.mark(HIDDEN.len());
        }
        self.characters.extend(HIDDEN.chars());
    }

    /// Marks the next characters.
    fn mark(&mut self, count: usize) {
        self.from.get_or_insert(self.characters.len());
        self.to = self.characters.len() + count;
    }

    fn into_excerpt(self) -> Excerpt {
        let end = self.characters.iter().rposition(|c| !c.is_whitespace()).map_or(0, |last| last + 1);
        let from = self.from.unwrap_or(end);
        let marked = self.to.saturating_sub(from).max(1);
        let is_long = end > WIDEST || self.goes_on.0;
        let begin = if is_long { from.saturating_sub(BEFORE) } else { 0 };
        let shown: String = self.characters.iter().take(end).skip(begin).take(WIDEST).collect();
        let ahead = if begin > 0 || self.goes_on.0 { "..." } else { "" };
        let behind = if end > begin + WIDEST || self.goes_on.1 { "..." } else { "" };
        Excerpt {
            text: format!("{ahead}{shown}{behind}"),
            before: from - begin + ahead.len(),
            marked: marked.min((begin + WIDEST).saturating_sub(from).max(1)),
        }
    }
}

/// The beginning of the character in which a byte is.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

/// One character for one: none that moves the cursor, turns the line around, or cannot be seen.
pub(crate) fn visible(character: char) -> char {
    match character {
        '\t' => ' ',
        '\u{feff}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}
