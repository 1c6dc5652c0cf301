//! How far something got, on one line of a terminal.

use std::io::Write;

use crate::console::Console;

/// How many characters the bar has.
const WIDTH: usize = 24;

/// One line on stderr that is drawn over and over; nothing where nobody looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bar {
    draws: bool,
}

impl Bar {
    /// Draws where stderr is a terminal that can draw over a line, and no program reads what comes out.
    pub(crate) fn new(console: &Console) -> Self {
        Self { draws: console.redraws }
    }

    pub(crate) fn draw(self, doing: &str, seen: u64, of: Option<u64>) {
        if self.draws {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K{}", line(doing, seen, of));
        }
    }

    /// Clears the line.
    pub(crate) fn end(self) {
        if self.draws {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}

fn line(doing: &str, seen: u64, of: Option<u64>) -> String {
    let Some(of) = of.filter(|of| *of > 0) else { return format!("{doing}: {seen}") };
    let full = usize::try_from(seen.min(of).saturating_mul(WIDTH as u64) / of).unwrap_or(WIDTH);
    let (done, open) = ("#".repeat(full), ".".repeat(WIDTH.saturating_sub(full)));
    format!("{doing} [{done}{open}] {seen} of {of}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_grows_to_its_end_and_no_further() {
        assert_eq!(line("records", 7, None), "records: 7");
        assert_eq!(line("records", 0, Some(0)), "records: 0");
        assert_eq!(line("records", 24, Some(48)), "records [############............] 24 of 48");
        assert_eq!(line("records", 9, Some(2)), "records [########################] 9 of 2");
        assert_eq!(line("records", u64::MAX, Some(u64::MAX)).matches('#').count(), 1);
    }
}
