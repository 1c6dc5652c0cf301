//! What others wrote, so that a terminal only shows it.

use std::fmt::Write as _;

/// The text with everything escaped that moves a cursor, changes a colour, or turns the direction of writing.
pub(crate) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The same for the text of a JSON document, which has its own way to write such characters.
pub(crate) fn escaped_json(document: &str) -> String {
    let mut shown = String::with_capacity(document.len());
    for c in document.chars() {
        if acts(c) && c != '\n' {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Whether a terminal does something else with it than to show it.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_shown_instead() {
        assert_eq!(escaped("a\u{1b}[31m\u{9b}b\u{202e}\r\n"), "a\\u{1b}[31m\\u{9b}b\\u{202e}\\u{d}\\u{a}");
        assert_eq!(escaped("Zoë 日本"), "Zoë 日本");
    }

    #[test]
    fn a_json_document_stays_one() {
        let document = serde_json::json!({"a": "x\u{9b}y\u{202e}\u{1b}"}).to_string();
        let shown = escaped_json(&document);
        assert!(shown.chars().all(|c| !c.is_control() && c != '\u{202e}'));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap()["a"], "x\u{9b}y\u{202e}\u{1b}");
    }
}
