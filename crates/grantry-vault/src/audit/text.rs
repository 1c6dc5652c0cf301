//! Text that may stand in an audit log: bounded, and free of what would forge a line on a screen.

use std::fmt;
use std::sync::Arc;

/// The longest text of an entry, in bytes.
const MOST: usize = 512;

/// At most 512 bytes without control characters.
///
/// Lines end with a newline and are read by people on terminals, so neither a newline, nor an escape sequence, nor a
/// mark that turns the direction of writing can be in them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Text(Arc<str>);

impl Text {
    /// What is left of `text` without control characters, cut at the bound.
    pub(crate) fn new(text: &str) -> Self {
        let mut kept = String::with_capacity(text.len().min(MOST));
        for c in text.chars().filter(|c| !misleads(*c)) {
            if kept.len() + c.len_utf8() > MOST {
                break;
            }
            kept.push(c);
        }
        Self(kept.into())
    }

    /// `None` where [`Text::new`] would have changed it: such a text was not written by us.
    pub(crate) fn read(text: &str) -> Option<Self> {
        (text.len() <= MOST && !text.chars().any(misleads)).then(|| Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// Control characters, the separators of lines and paragraphs, and the marks that turn the direction of writing.
fn misleads(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_holds_no_control_character_and_ends_at_a_character() {
        assert_eq!(Text::new("a\nb\u{1b}[2Jc\u{202e}d").as_str(), "ab[2Jcd");
        let long = Text::new(&"ä".repeat(300));
        assert_eq!(long.as_str(), "ä".repeat(256));
        assert_eq!(Text::read(long.as_str()), Some(long));
        assert_eq!(Text::read("a\nb"), None);
        assert_eq!(Text::read(&"a".repeat(513)), None);
    }
}
