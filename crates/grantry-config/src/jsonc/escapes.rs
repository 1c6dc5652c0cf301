//! Texts in double quotes, and their escapes (RFC 8259 section 7).

use zeroize::Zeroizing;

use super::Text;
use super::scanner::Scanner;
use crate::place::Span;

/// Reads a text; the quote is next. `None` where it was not understood, which is reported.
pub(super) fn read<'t>(from: &mut Scanner<'t>) -> Option<Text<'t>> {
    let start = from.at();
    from.skip(1);
    let (mut escaped, mut sound) = (false, true);
    loop {
        from.take_while(|b| !matches!(b, b'"' | b'\\' | 0..=0x1f));
        match from.peek() {
            Some(b'"') => break,
            Some(b'\\') => {
                escaped = true;
                from.skip(1);
                let Some(next) = from.peek() else { continue };
                // What the letter means is looked at when the whole text is known.
                if next.is_ascii() && next >= 0x20 {
                    from.skip(1);
                }
            }
            None | Some(b'\n' | b'\r') => {
                // Hidden as a whole, with what follows.
                let opening = Span::new(start, start + 1);
                from.veiled.push(from.since(start));
                from.give_up(opening, "this text has no closing quote on its line", "a closing \"");
                return None;
            }
            Some(_) => {
                let at = from.at();
                from.fault(
                    Span::new(at, at + 1),
                    "a text holds a tab or another control character",
                    "its escape, such as \\t",
                );
                sound = false;
                from.skip(1);
            }
        }
    }
    let inner = from.since(start + 1);
    from.skip(1);
    if !sound {
        return None;
    }
    let raw = from.slice(inner);
    if !escaped {
        return Some(Text::Plain(raw));
    }
    unescape(from, raw, inner.start()).map(Text::Unescaped)
}

fn unescape(from: &mut Scanner<'_>, raw: &str, offset: usize) -> Option<Zeroizing<String>> {
    // No escape is shorter than what it means, so the buffer never moves.
    let mut text = Zeroizing::new(String::with_capacity(raw.len()));
    let mut sound = true;
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        text.push_str(before);
        let (meant, length) = one(escape);
        if let Some(meant) = meant {
            text.push(meant);
        } else {
            let start = offset + (raw.len() - escape.len());
            from.fault(
                Span::new(start, start + length),
                "this escape means nothing",
                "one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t, or \\u and four hexadecimal digits (in pairs beyond \\uFFFF)",
            );
            sound = false;
        }
        rest = escape.get(length..).unwrap_or_default();
    }
    text.push_str(rest);
    sound.then_some(text)
}

/// What the escape at the beginning means, and how long it is.
fn one(escape: &str) -> (Option<char>, usize) {
    let simple = |c| (Some(c), 2);
    match escape.as_bytes().get(1) {
        Some(b'"') => simple('"'),
        Some(b'\\') => simple('\\'),
        Some(b'/') => simple('/'),
        Some(b'b') => simple('\u{8}'),
        Some(b'f') => simple('\u{c}'),
        Some(b'n') => simple('\n'),
        Some(b'r') => simple('\r'),
        Some(b't') => simple('\t'),
        Some(b'u') => code_point(escape),
        Some(other) if other.is_ascii() => (None, 2),
        _ => (None, 1),
    }
}

fn code_point(escape: &str) -> (Option<char>, usize) {
    let Some(first) = hex(escape, 2) else { return (None, 2) };
    if !(0xd800..0xe000).contains(&first) {
        return (char::from_u32(first), 6);
    }
    let second = if escape.get(6..8) == Some("\\u") { hex(escape, 8) } else { None };
    match second {
        Some(second) if first < 0xdc00 && (0xdc00..0xe000).contains(&second) => {
            (char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)), 12)
        }
        _ => (None, 6),
    }
}

fn hex(escape: &str, at: usize) -> Option<u32> {
    let digits = escape.get(at..at + 4)?;
    // `from_str_radix` would take a sign.
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}
