//! Values, lists and objects.

use super::number::is_number;
use super::scanner::Scanner;
use super::{Document, Json, Member, Node, Text, escapes};
use crate::place::Span;

/// How deep lists and objects may be nested; a configuration needs less than a third of it.
const DEEPEST: usize = 32;

/// Reads a source. A byte order mark at its beginning is skipped.
pub(crate) fn read(text: &str) -> Document<'_> {
    let begin = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut from = Scanner::new(text, begin);
    from.skip_space();
    let root = if from.peek().is_none() && !from.stopped {
        from.give_up(Span::new(from.at(), from.at()), "there is nothing in it", "an object: {");
        None
    } else {
        Some(value(&mut from, 0))
    };
    from.skip_space();
    let stopped = from.stopped;
    if !stopped && from.peek().is_some() {
        let at = from.at();
        from.give_up(Span::new(at, at + 1), "something follows the end of the configuration", "nothing more");
    }
    Document { root: root.filter(|_| !stopped), faults: from.faults, veiled: from.veiled }
}

fn value<'t>(from: &mut Scanner<'t>, depth: usize) -> Node<'t> {
    let start = from.at();
    let value = match from.peek() {
        Some(b'{' | b'[') if depth == DEEPEST => {
            let span = Span::new(start, start + 1);
            from.give_up(span, format!("this is nested deeper than {DEEPEST} levels"), "less depth");
            Json::Broken
        }
        Some(b'{') => object(from, depth),
        Some(b'[') => list(from, depth),
        Some(b'"') => {
            let text = escapes::read(from);
            if !from.stopped {
                from.veiled.push(from.since(start));
            }
            text.map_or(Json::Broken, Json::Text)
        }
        Some(b'\'') => {
            quoted_once(from);
            Json::Broken
        }
        _ => word(from),
    };
    Node { span: from.since(start), value }
}

/// A text in single quotes, which is none of JSON.
fn quoted_once(from: &mut Scanner<'_>) {
    let start = from.at();
    from.skip(1);
    from.take_while(|b| b != b'\'' && b != b'\n');
    from.take(b'\'');
    from.veiled.push(from.since(start));
    from.fault(Span::new(start, start + 1), "texts stand in double quotes", "\"");
}

/// A number, `true`, `false`, `null`, or something that is none of them.
fn word<'t>(from: &mut Scanner<'t>) -> Json<'t> {
    let start = from.at();
    let ends =
        |b: u8| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' | b']' | b'}' | b'[' | b'{' | b'"');
    // A slash may begin a comment.
    let text = from.take_while(|b| !ends(b) && b != b'/');
    match text {
        "true" => return Json::Flag(true),
        "false" => return Json::Flag(false),
        "null" => return Json::Null,
        "" => {
            let next = from.peek();
            let span = Span::new(start, start + usize::from(next.is_some()));
            if next == Some(b'/') {
                from.skip(1);
                from.take_while(|b| !ends(b));
                from.veiled.push(from.since(start));
                from.fault(span, "this is no value", "a value; texts stand in double quotes");
            } else if next.is_none() {
                from.give_up(span, "the source ends where a value should stand", "a value");
            } else {
                from.fault(span, "a value is missing here", "a value");
            }
            return Json::Broken;
        }
        _ => {}
    }
    from.veiled.push(from.since(start));
    if is_number(text) {
        return Json::Number(text);
    }
    let expected = match text {
        "True" | "TRUE" | "yes" | "on" => "true",
        "False" | "FALSE" | "no" | "off" => "false",
        "None" | "nil" | "undefined" | "NULL" | "Null" => "null",
        _ if text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) => {
            "a number such as 300, without a unit"
        }
        _ => "a value; texts stand in double quotes",
    };
    from.fault(from.since(start), "this is no value", expected);
    Json::Broken
}

fn list<'t>(from: &mut Scanner<'t>, depth: usize) -> Json<'t> {
    let open = opening(from);
    let mut values = Vec::new();
    loop {
        from.skip_space();
        if from.stopped || from.take(b']') {
            return Json::List(values);
        }
        if closes_other(from, b'}', open, "this [ is closed by a }", "]") {
            return Json::List(values);
        }
        values.push(value(from, depth + 1));
        comma(from, b']');
    }
}

fn object<'t>(from: &mut Scanner<'t>, depth: usize) -> Json<'t> {
    let open = opening(from);
    // Most objects of a configuration are small.
    let mut members = Vec::with_capacity(8);
    loop {
        from.skip_space();
        if from.stopped || from.take(b'}') {
            return Json::Object(members);
        }
        if closes_other(from, b']', open, "this { is closed by a ]", "}") {
            return Json::Object(members);
        }
        let start = from.at();
        let Some(key) = key(from) else { return Json::Object(members) };
        let key_span = from.since(start);
        from.skip_space();
        let has_colon = from.take(b':');
        if !has_colon {
            missing_colon(from, key_span);
        }
        from.skip_space();
        let value = match from.peek() {
            Some(b',' | b'}') if !has_colon => Node { span: key_span, value: Json::Broken },
            _ => value(from, depth + 1),
        };
        members.push(Member { key, key_span, value });
        comma(from, b'}');
    }
}

fn opening(from: &mut Scanner<'_>) -> Span {
    let start = from.at();
    from.skip(1);
    from.since(start)
}

/// Where the source ends, or the other bracket closes it.
fn closes_other(
    from: &mut Scanner<'_>,
    other: u8,
    open: Span,
    what: &'static str,
    expected: &'static str,
) -> bool {
    let what = match from.peek() {
        None => "this is never closed",
        Some(next) if next == other => what,
        Some(_) => return false,
    };
    from.give_up(open, what, expected);
    true
}

fn key<'t>(from: &mut Scanner<'t>) -> Option<Text<'t>> {
    let start = from.at();
    let expected = "a key in double quotes";
    match from.peek() {
        Some(b'"') => {
            let text = escapes::read(from);
            // A key that was not understood has no name.
            return if from.stopped { None } else { Some(text.unwrap_or(Text::Plain(""))) };
        }
        Some(b',') => {
            from.skip(1);
            from.fault(from.since(start), "there is a comma too many", expected);
            from.skip_space();
            return match from.peek() {
                Some(b'"') => key(from),
                _ => give_up_at_key(from, expected),
            };
        }
        Some(b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$') if is_bare_key(from) => {
            let name = from.take_while(is_of_bare_key);
            from.fault(from.since(start), "a key stands without quotes", expected);
            return Some(Text::Plain(name));
        }
        _ => {}
    }
    give_up_at_key(from, expected)
}

fn is_of_bare_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'-')
}

/// Whether a colon follows the name. If not, it may be a part of a value that lost its quotes.
fn is_bare_key(from: &Scanner<'_>) -> bool {
    let mut ahead = 0;
    while from.peek_after(ahead).is_some_and(is_of_bare_key) {
        ahead += 1;
    }
    while matches!(from.peek_after(ahead), Some(b' ' | b'\t')) {
        ahead += 1;
    }
    matches!(from.peek_after(ahead), Some(b':' | b'='))
}

fn give_up_at_key<'t>(from: &mut Scanner<'t>, expected: &'static str) -> Option<Text<'t>> {
    let at = from.at();
    from.give_up(Span::new(at, (at + 1).min(from.end())), "a key should stand here", expected);
    None
}

/// What stands for a key may be a value that lost its own.
fn missing_colon(from: &mut Scanner<'_>, key: Span) {
    let at = from.at();
    if matches!(from.peek(), Some(b',' | b'}') | None) {
        from.veiled.push(key);
        from.fault(key, "this has no value", "a key, a colon and a value");
        return;
    }
    let what = "the colon between key and value is missing";
    match from.peek() {
        // Where a value begins there is no doubt what it is.
        Some(b'=' | b'"' | b'{' | b'[') => from.fault(Span::new(at, at + 1), what, ":"),
        _ => from.give_up(Span::new(at, at + 1), what, ":"),
    }
    from.take(b'=');
}

/// Takes the comma, or notices that it is missing.
fn comma(from: &mut Scanner<'_>, close: u8) {
    from.skip_space();
    if from.stopped || from.take(b',') {
        return;
    }
    match from.peek() {
        // The one that closes, or what the caller reports.
        None => {}
        Some(next) if next == close || next == b']' || next == b'}' => {}
        // Anything else may be a part of a value that lost its quotes.
        Some(b'"' | b'{' | b'[') => {
            let at = from.at();
            from.fault(Span::new(at, at + 1), "a comma is missing before this", ",");
        }
        Some(_) => {
            let at = from.at();
            from.give_up(Span::new(at, at + 1), "this does not belong here", "a comma");
        }
    }
}
