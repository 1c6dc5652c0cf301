//! Blocks of commands, with what they print.
//!
//! `$ ` begins a command; one that ends with `\` goes on in the next line. The lines below it are what it prints, both
//! streams together; `...` stands for any lines, and `[..]` for anything within one. Widths of columns do not count, and moments,
//! spans of time and tokens are as good as any others. A command with nothing below it may print what it likes. Each ends with 0,
//! unless the next command is `echo $?`.

use crate::stage::Stage;

/// A command, and what is shown below it.
#[derive(Debug, PartialEq)]
struct Shown {
    command: String,
    output: Vec<String>,
}

/// Runs all commands of a block; returns how many there were.
pub(crate) async fn run(stage: &Stage, lines: &[String]) -> Result<usize, String> {
    let shown = commands(lines)?;
    for (index, Shown { command, output }) in shown.iter().enumerate() {
        let (code, printed) = stage.run(command).await;
        let is_asked = shown.get(index + 1).is_some_and(|next| next.command.trim() == "echo $?");
        if code != 0 && !is_asked {
            return Err(format!("{command}\nends with {code}:\n{printed}"));
        }
        let printed: Vec<String> = printed.lines().map(normal).collect();
        let expected: Vec<String> = output.iter().map(|line| normal(line)).collect();
        if !expected.is_empty() && !matches_lines(&expected, &printed) {
            return Err(format!(
                "{command}\nprints\n{}\nand not\n{}",
                printed.join("\n"),
                expected.join("\n")
            ));
        }
    }
    Ok(shown.len())
}

fn commands(lines: &[String]) -> Result<Vec<Shown>, String> {
    let mut shown: Vec<Shown> = Vec::new();
    let mut goes_on = false;
    for line in lines {
        match (line.strip_prefix("$ "), shown.last_mut()) {
            (None, Some(last)) if goes_on => {
                last.command.push('\n');
                last.command.push_str(line);
            }
            (Some(command), _) => shown.push(Shown { command: command.to_owned(), output: Vec::new() }),
            (None, Some(last)) => {
                last.output.push(line.clone());
                continue;
            }
            (None, None) => return Err(format!("no command before {line:?}")),
        }
        goes_on = line.ends_with('\\');
    }
    if shown.is_empty() { Err("a block of commands without one".to_owned()) } else { Ok(shown) }
}

/// A line as it is compared: columns may be as wide as they like, and what differs from run to run is the same.
fn normal(line: &str) -> String {
    let line = line.replace(',', "");
    let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
    cells.map(alike).collect::<Vec<_>>().join("  ")
}

/// Moments, spans of time, tokens, and how many records there are, as a word each.
fn alike(cell: &str) -> String {
    let words: Vec<&str> = cell.split(' ').collect();
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_moment = |word: &str| word.len() == 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
    let mut alike = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let next = words.get(at + 1).copied().unwrap_or_default();
        at += 1;
        alike.push(if is_number(word) && matches!(next, "s" | "min" | "h" | "d") {
            let is_past = words.get(at + 1) == Some(&"ago");
            at += if is_past { 2 } else { 1 };
            if is_past { "NOW" } else { "SPAN" }
        } else if is_number(word) && matches!(next, "of" | "records" | "lines" | "processes") {
            "COUNT"
        } else {
            match word.trim_matches('"') {
                "now" => "NOW",
                text if is_moment(text) => "MOMENT",
                text if text.starts_with("at-") => "TOKEN",
                _ if alike.last() == Some(&"\"expires_in\":") => "COUNT",
                _ => word,
            }
        });
    }
    alike.join(" ")
}

fn matches_lines(expected: &[String], printed: &[String]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first == "..." => {
            (0..=printed.len()).any(|from| matches_lines(rest, &printed[from..]))
        }
        Some((first, rest)) => match printed.split_first() {
            Some((line, others)) => matches_line(first, line) && matches_lines(rest, others),
            None => false,
        },
    }
}

fn matches_line(expected: &str, line: &str) -> bool {
    match expected.split_once("[..]") {
        None => expected == line,
        Some((before, after)) => line.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.is_char_boundary(at) && matches_line(after, &rest[at..]))
        }),
    }
}

#[test]
fn commands_go_on_and_have_what_they_print_below_them() {
    let lines = ["$ one \\", "    two", "printed", "$ three"].map(str::to_owned);
    let shown = |command: &str, output: &[&str]| Shown {
        command: command.to_owned(),
        output: output.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(commands(&lines).unwrap(), [shown("one \\\n    two", &["printed"]), shown("three", &[])]);
    assert!(commands(&["printed".to_owned()]).is_err());
}

#[test]
fn what_is_shown_has_to_come_but_for_what_is_left_open() {
    let lines = |text: &str| text.lines().map(normal).collect::<Vec<_>>();
    let table = lines("NAME      WHEN\ncrm       in 55 minutes\npayroll   in 3 minutes\n");
    assert!(matches_lines(&lines("NAME  WHEN\ncrm  in [..] minutes\n..."), &table));
    assert!(!matches_lines(&lines("NAME  WHEN\ncrm  in [..] minutes"), &table), "a line too few");
    assert!(!matches_lines(&lines("NAME  WHEN\n...\nerp  [..]"), &table));
}

#[test]
fn what_differs_from_run_to_run_is_the_same() {
    for (one, other) in [
        ("crm   active  in 55 min  now", "crm  active  in 3 s  2 s ago"),
        ("2026-11-26T01:14:30Z  ana", "2027-01-01T00:00:00Z  ana"),
        ("12 of 14 records", "3 of 9 records"),
        ("\"access_token\": \"at-1-x\",", "\"access_token\": \"at-1-y\","),
        ("  \"expires_in\": 3599,", "\"expires_in\": 3600"),
    ] {
        assert_eq!(normal(one), normal(other));
    }
    for (one, other) in [
        ("in 5 min", "5 min ago"),
        ("crm  active", "crm  in doubt"),
        ("200", "401"),
        ("1 revoked", "2 revoked"),
    ] {
        assert_ne!(normal(one), normal(other));
    }
}
