//! Commands and flags that pages name within a sentence: they are not run, but they exist.

use std::collections::BTreeMap;
use std::process::Command;

use crate::{pages, root};

/// The help of commands, by their words, as far as it was asked for.
#[derive(Default)]
struct Helps(BTreeMap<Vec<String>, Option<String>>);

impl Helps {
    /// `None` where there is no such command.
    fn of(&mut self, words: &[String]) -> Option<&str> {
        let ask = || {
            let output =
                Command::new(env!("CARGO_BIN_EXE_grantry")).args(words).arg("--help").output().unwrap();
            output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
        };
        self.0.entry(words.to_owned()).or_insert_with(ask).as_deref()
    }
}

/// The code within a sentence, with the number of its line.
fn inline_code(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut is_inside = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_inside = !is_inside;
        } else if !is_inside {
            found.extend(line.split('`').skip(1).step_by(2).map(|code| (index + 1, code.to_owned())));
        }
    }
    found
}

/// What is wrong with a command that is named, if anything.
fn mistake(code: &str, helps: &mut Helps) -> Option<String> {
    let words: Vec<&str> = code.split_whitespace().take_while(|word| *word != "--").collect();
    let is_command =
        |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
    let path: Vec<String> = words.iter().skip(1).take_while(is_command).map(ToString::to_string).collect();
    let Some(help) = helps.of(&path) else {
        return Some(format!("there is no `grantry {}`", path.join(" ")));
    };
    let flags = words.iter().filter(|word| word.starts_with("--"));
    let missing = flags.filter(|flag| !knows(help, flag)).map(ToString::to_string).next()?;
    Some(format!("`grantry {}` has no {missing}", path.join(" ")))
}

/// Whether a help knows the flag, and not only one that begins like it.
fn knows(help: &str, flag: &str) -> bool {
    help.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).any(|word| word == flag)
}

#[test]
fn every_command_and_flag_that_a_sentence_names_exists() {
    let mut helps = Helps::default();
    let mut mistakes = Vec::new();
    let mut named = 0;
    for path in pages() {
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        for (line, code) in inline_code(&text) {
            let command =
                code.strip_prefix("TOKEN=$(").and_then(|code| code.strip_suffix(')')).unwrap_or(&code);
            if command.starts_with("grantry ") {
                named += 1;
                mistakes.extend(mistake(command, &mut helps).map(|what| format!("{path}:{line}: {what}")));
            }
        }
    }
    assert!(mistakes.is_empty(), "\n{}", mistakes.join("\n"));
    assert!(named >= 15, "{named} commands are named");
}

#[test]
fn a_command_or_a_flag_that_is_not_there_is_found() {
    let mut helps = Helps::default();
    for wrong in
        ["grantry auth sett --service crm", "grantry auth set --servic crm", "grantry audit verify --check"]
    {
        assert!(mistake(wrong, &mut helps).is_some(), "{wrong}");
    }
    for right in
        ["grantry auth set --service NAME --client-secret-stdin", "grantry run --service crm -- ./x --flag"]
    {
        assert_eq!(mistake(right, &mut helps), None, "{right}");
    }
}
