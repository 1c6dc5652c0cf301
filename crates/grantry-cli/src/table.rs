//! Tables that fit.

use unicode_width::UnicodeWidthChar;

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
    /// Where a command begins in it.
    command: Option<usize>,
}

impl Cell {
    pub(crate) fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        Self { text: escaped(text.as_ref()), tone, command: None }
    }

    /// One in which a command may stand. Where that goes on in the next line, the line ends so that a shell reads on: half a command
    /// does something else than the whole.
    pub(crate) fn with_command(text: impl AsRef<str>) -> Self {
        let cell = Self::from(text);
        let command = ["grantry ", "chmod "].iter().filter_map(|program| cell.text.find(program)).min();
        Self { command, ..cell }
    }

    /// In lines of at most `width` columns, with nothing left out. A word of a command that is longer than that stays whole.
    fn lines(&self, width: usize) -> Vec<String> {
        let room = width.saturating_sub(if self.command.is_some() { GOES_ON.len() } else { 0 }).max(1);
        if columns(&self.text) <= width {
            return vec![self.text.clone()];
        }
        let mut lines = Vec::new();
        let mut rest = self.text.as_str();
        while columns(rest) > room {
            let fits = fitting(rest, room);
            let before = self.text.len() - rest.len();
            let is_in_command = |end: usize| self.command.is_some_and(|at| before + end > at);
            let mut spaces = rest.match_indices(' ').map(|(at, _)| at).filter(|at| *at > 0);
            let ends_word = |at: &usize| !self.is_quoted(before + at);
            // After a word, if there is one. A word that is longer than the line is broken, but that a shell would take the halves
            // for two.
            let end = match spaces.clone().take_while(|at| *at <= fits).filter(ends_word).last() {
                Some(space) => space,
                None if is_in_command(fits) => spaces.find(ends_word).unwrap_or(rest.len()),
                None => fits,
            };
            let (line, left) = rest.split_at(end);
            if left.is_empty() {
                break;
            }
            lines.push(if is_in_command(end) { format!("{line}{GOES_ON}") } else { line.to_owned() });
            rest = left.strip_prefix(' ').unwrap_or(left);
        }
        lines.push(rest.to_owned());
        lines
    }

    /// Whether a shell has a quote open there, in which a line cannot end so that it reads on.
    fn is_quoted(&self, end: usize) -> bool {
        let command = self.command.and_then(|at| self.text.get(at..end)).unwrap_or_default();
        let (mut is_open, mut is_escaped) = (false, false);
        for sign in command.chars() {
            match sign {
                '\'' if !is_escaped => is_open = !is_open,
                '\\' if !is_open && !is_escaped => {
                    is_escaped = true;
                    continue;
                }
                _ => {}
            }
            is_escaped = false;
        }
        is_open
    }
}

/// How a line of a command ends that goes on in the next one.
const GOES_ON: &str = " \\";

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

    /// In lines of at most `width` columns, if there is a limit: what is longer is cut.
    pub(crate) fn drawn(&self, width: Option<usize>, colours: bool) -> String {
        self.lines(width, colours, |cell, width| vec![cut(&cell.text, width)])
    }

    /// The same, but that what is longer goes on in the next line.
    pub(crate) fn wrapped(&self, width: Option<usize>, colours: bool) -> String {
        self.lines(width, colours, Cell::lines)
    }

    fn lines(
        &self,
        width: Option<usize>,
        colours: bool,
        fit: impl Fn(&Cell, usize) -> Vec<String>,
    ) -> String {
        let widths = self.widths(width);
        let mut drawn = String::new();
        let heading: Vec<Cell> = self.heading.iter().map(Cell::from).collect();
        let heading = (!self.drawn).then_some(&heading);
        for row in heading.into_iter().chain(&self.rows) {
            let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| (cell, *width)).collect();
            let fitted: Vec<Vec<String>> = cells.iter().map(|(cell, width)| fit(cell, *width)).collect();
            for number in 0..fitted.iter().map(Vec::len).max().unwrap_or(0) {
                let mut line = String::new();
                for (at, ((cell, width), lines)) in cells.iter().zip(&fitted).enumerate() {
                    let text = lines.get(number).map_or("", String::as_str);
                    if at > 0 {
                        line.push_str(&" ".repeat(GAP));
                    }
                    line.push_str(&painted(text, cell.tone, colours));
                    line.push_str(&" ".repeat(width.saturating_sub(columns(text))));
                }
                drawn.push_str(line.trim_end());
                drawn.push('\n');
            }
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
                *width = (*width).max(columns(&cell.text));
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
    if columns(text) <= width {
        return text.to_owned();
    }
    let (kept, _) = text.split_at(fitting(text, width.saturating_sub(1)));
    format!("{kept}…")
}

/// How many columns of a terminal a text takes: many signs of Asia take two, and accents none.
fn columns(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

fn width_of(sign: char) -> usize {
    sign.width().unwrap_or(0)
}

/// Up to where a text fits into so many columns: at least one sign, unless there is no room at all.
fn fitting(text: &str, width: usize) -> usize {
    let mut taken = 0;
    for (at, sign) in text.char_indices() {
        taken += width_of(sign);
        if taken > width && (at > 0 || width == 0) {
            return at;
        }
    }
    text.len()
}

fn painted(text: &str, tone: Tone, colours: bool) -> String {
    let code = match tone {
        _ if text.is_empty() => return String::new(),
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
    fn what_takes_two_columns_is_counted_so_and_accents_not_at_all() {
        assert_eq!((columns("日本"), columns("Zoe\u{308}"), columns("ab…")), (4, 3, 3));
        assert_eq!(cut("日本語の名前", 7), "日本語…");
        assert_eq!(cut("日本語", 6), "日本語");
        let mut table = Table::new(&["CLIENT ID", "STATE"]);
        table.row(["請求書の係".into(), "active".into()]);
        table.row(["billing".into(), "active".into()]);
        let drawn = table.drawn(None, false);
        let before: Vec<usize> = drawn.lines().map(|line| columns(line) - "active".len()).collect();
        assert_eq!(before[1], before[2], "{drawn}");
        for width in 15..40 {
            assert!(table.drawn(Some(width), false).lines().all(|line| columns(line) <= width), "{width}");
        }
    }

    #[test]
    fn what_is_wrapped_keeps_every_word_in_its_column() {
        let mut table = Table::new(&["", "WHERE", "WHAT"]);
        let what = "the key lies beside the store: a copy of the folder opens everything";
        table.row([Cell::toned("note", Tone::Bad), "/home/ana/vault/grantry.key".into(), what.into()]);
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<Vec<_>>().len();
        let whole = table.wrapped(None, false);
        assert_eq!(whole.lines().count(), 2);
        for width in 20..110 {
            let drawn = table.wrapped(Some(width), false);
            assert!(drawn.lines().all(|line| columns(line) <= width), "{width}\n{drawn}");
            assert!(!drawn.contains('…') && letters(&drawn) == letters(&whole), "{width}\n{drawn}");
        }
        assert_eq!(
            table.wrapped(Some(40), false),
            [
                "      WHERE             WHAT",
                "note  /home/ana/vault/  the key lies",
                "      grantry.key       beside the",
                "                        store: a copy of",
                "                        the folder opens",
                "                        everything",
                "",
            ]
            .join("\n")
        );
        table.row(["".into(), "日本".into(), "請求書の係の請求書の係 uses 請求書".into()]);
        for width in 20..60 {
            assert!(table.wrapped(Some(width), false).lines().all(|line| columns(line) <= width), "{width}");
        }
        assert_eq!(table.wrapped(Some(40), true).matches("\u{1b}[31m").count(), 1);
        assert!(
            table.wrapped(Some(0), false).contains("note") && table.wrapped(Some(1), false).contains("note")
        );
    }

    #[test]
    fn a_command_that_goes_on_in_the_next_line_is_one_for_a_shell_too() {
        let command = "grantry auth revoke --service calendar --account ana";
        let cell = Cell::with_command(format!("-> if nobody needs it at all: {command}"));
        let lines = cell.lines(24);
        assert!(lines.iter().all(|line| columns(line) <= 24), "{lines:?}");
        let (prose, shell): (Vec<&String>, Vec<&String>) =
            lines.iter().partition(|line| !line.contains("grantry") && !line.contains("--"));
        assert!(prose.iter().all(|line| !line.ends_with(GOES_ON)), "{lines:?}");
        let shell: Vec<&str> = shell.into_iter().map(String::as_str).collect();
        let joined = shell.join("\n").replace("\\\n", "");
        assert!(joined.ends_with(command) && !joined.contains('\n'), "{lines:?}");
        assert_eq!(cell.lines(200).len(), 1);
        let long = Cell::with_command("-> chmod 600 /home/ana/grantry.key");
        assert_eq!(long.lines(12), ["-> chmod \\", "600 \\", "/home/ana/grantry.key"]);
        let quoted = Cell::with_command(r"-> chmod 600 'o'\''brien of x/key' and look");
        assert_eq!(quoted.lines(16), [r"-> chmod 600 \", r"'o'\''brien of x/key' \", "and look"]);
    }

    #[test]
    fn colours_are_only_where_they_are_wanted() {
        assert!(table().drawn(None, true).contains("\u{1b}[32mactive\u{1b}[0m"));
        let mut evil = Table::new(&["A"]);
        evil.row([Cell::from("\u{1b}]0;title\u{7}")]);
        assert!(!evil.drawn(None, true).contains('\u{1b}'));
    }
}
