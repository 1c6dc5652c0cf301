//! Tables that fit.

use crate::escaped::escaped;

/// What lies between two columns.
const GAP: usize = 2;
/// A column that is cut keeps so much.
const LEAST: usize = 4;

/// How a cell is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Good,
    Warning,
    Bad,
}

/// A cell.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(crate) fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        Self { text: escaped(text.as_ref()), tone }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

/// Rows under a heading.
#[derive(Debug)]
pub(crate) struct Table {
    heading: Vec<&'static str>,
    /// Whether the heading was drawn, and how wide the columns were then.
    drawn: bool,
    least: Vec<usize>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new(heading: &[&'static str]) -> Self {
        Self { heading: heading.to_vec(), drawn: false, least: Vec::new(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// What was drawn is forgotten; more rows follow under the same heading.
    pub(crate) fn go_on(&mut self) {
        self.least = self.widths(None);
        self.drawn = true;
        self.rows.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// In lines of at most `width` characters, if there is a limit.
    pub(crate) fn drawn(&self, width: Option<usize>, colours: bool) -> String {
        let widths = self.widths(width);
        let mut drawn = String::new();
        let heading: Vec<Cell> = self.heading.iter().map(Cell::from).collect();
        let heading = (!self.drawn).then_some(&heading);
        for row in heading.into_iter().chain(&self.rows) {
            let mut line = String::new();
            for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let text = cut(&cell.text, *width);
                let room = width.saturating_sub(text.chars().count());
                if at > 0 {
                    line.push_str(&" ".repeat(GAP));
                }
                line.push_str(&painted(&text, cell.tone, colours));
                line.push_str(&" ".repeat(room));
            }
            drawn.push_str(line.trim_end());
            drawn.push('\n');
        }
        drawn
    }

    fn widths(&self, limit: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = self.heading.iter().map(|title| title.len()).collect();
        for (width, least) in widths.iter_mut().zip(&self.least) {
            *width = (*width).max(*least);
        }
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.chars().count());
            }
        }
        let Some(limit) = limit else { return widths };
        let gaps = GAP * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > limit {
            // The widest gives first.
            let Some(widest) = widths.iter_mut().max() else { break };
            if *widest <= LEAST {
                break;
            }
            *widest -= 1;
        }
        widths
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

fn painted(text: &str, tone: Tone, colours: bool) -> String {
    let code = match tone {
        Tone::Good => 32,
        Tone::Warning => 33,
        Tone::Bad => 31,
        Tone::Plain => return text.to_owned(),
    };
    if colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["SERVICE", "CLIENT ID", "STATE"]);
        table.row(["crm".into(), "a-client-with-a-long-name".into(), Cell::toned("active", Tone::Good)]);
        table
    }

    #[test]
    fn without_a_terminal_nothing_is_cut() {
        let drawn = table().drawn(None, false);
        assert_eq!(
            drawn,
            "SERVICE  CLIENT ID                  STATE\ncrm      a-client-with-a-long-name  active\n"
        );
    }

    #[test]
    fn a_table_goes_on_in_the_columns_that_it_had() {
        let mut table = table();
        let first = table.drawn(None, false);
        table.go_on();
        table.row(["a".into(), "b".into(), "c".into()]);
        let second = table.drawn(None, false);
        assert_eq!(second.lines().count(), 1, "no second heading");
        assert_eq!(second.find('c').unwrap(), first.find("STATE").unwrap());
    }

    #[test]
    fn the_widest_column_gives_way_and_a_width_of_one_is_survived() {
        let drawn = table().drawn(Some(30), false);
        assert!(drawn.lines().all(|line| line.chars().count() <= 30), "{drawn}");
        assert!(drawn.contains("a-clie") && drawn.contains('…'), "{drawn}");
        assert!(table().drawn(Some(1), false).contains("crm"));
        assert!(table().drawn(Some(0), false).contains("crm"));
    }

    #[test]
    fn colours_are_only_where_they_are_wanted() {
        assert!(table().drawn(None, true).contains("\u{1b}[32mactive\u{1b}[0m"));
        let mut evil = Table::new(&["A"]);
        evil.row([Cell::from("\u{1b}]0;title\u{7}")]);
        assert!(!evil.drawn(None, true).contains('\u{1b}'));
    }
}
