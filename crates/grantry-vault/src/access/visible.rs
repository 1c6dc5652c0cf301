//! Text in messages and reasons: nothing in it is hidden, and none of it is endless.

use std::fmt::{self, Write};

/// The most characters of a refused text that a message shows.
const MOST_SHOWN: usize = 40;

/// Characters that do not show, or that turn the direction of writing: control characters, the separators of lines
/// and paragraphs, and what has no width.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// A text with its hidden characters written out.
pub(super) struct Visible<'a>(pub(super) &'a str);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if is_hidden(c) {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// The beginning of a text that was refused, in quotes and escaped.
pub(super) fn quoted(text: &str) -> String {
    let mut head: String = text.chars().take(MOST_SHOWN).collect();
    if head.len() < text.len() {
        head.push('…');
    }
    format!("\"{}\"", Visible(&head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_written_out_and_the_rest_is_left_alone() {
        let text = "Zoë O'Brien \u{202e}\u{200b}\u{1b}[31m\u{feff}";
        assert_eq!(Visible(text).to_string(), "Zoë O'Brien \\u{202e}\\u{200b}\\u{1b}[31m\\u{feff}");
    }

    #[test]
    fn a_refused_text_is_shown_short() {
        assert_eq!(quoted("abc"), "\"abc\"");
        assert_eq!(quoted(&"é".repeat(1_000_000)).chars().count(), MOST_SHOWN + 3);
    }
}
