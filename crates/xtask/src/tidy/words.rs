//! What no file of the project holds: unfinished work, the path of a machine, the address of a registry.

use crate::tidy::{File, Offence};

/// A word, the files (by the end of their paths) that may hold it, and why nobody else may.
type Rule = (&'static str, &'static [&'static str], &'static str);

/// Each word is written in two halves, so that this file holds none of them.
const RULES: &[Rule] = &[
    (concat!("TO", "DO"), &[], "finish it, or leave it out"),
    (concat!("FIX", "ME"), &[], "finish it, or leave it out"),
    (concat!("/wo", "rk/"), &[], "the path of one machine"),
    (concat!("/ro", "ot/"), &[], "the path of one machine"),
    (concat!("../sha", "red"), &[], "the project stands alone"),
    (concat!("crates.", "io"), &["Cargo.lock"], "the address of a registry"),
    (concat!("registry.npm", "js"), &[], "the address of a registry"),
    (concat!("npm", "js.com"), &[], "the address of a registry"),
    (concat!("py", "pi.org"), &[], "the address of a registry"),
    (concat!("deb.", "debian.org"), &[], "the address of a registry"),
    (concat!("\"reso", "lved\":"), &[], "the address of a registry: make the lock file without it"),
];

/// Checks every text file.
pub(super) fn check(files: &[File]) -> Vec<Offence> {
    files.iter().flat_map(|file| RULES.iter().filter_map(|rule| check_one(file, rule))).collect()
}

fn check_one(file: &File, &(word, exempt, reason): &Rule) -> Option<Offence> {
    if exempt.iter().any(|end| file.path.ends_with(end)) {
        return None;
    }
    let (line, _) = file.text.lines().enumerate().find(|(_, line)| holds(line, word))?;
    Some(Offence::new("words", format!("{}:{}", file.path, line + 1), format!("holds {word}: {reason}")))
}

/// Whether the word stands there on its own, not as a part of a longer one.
fn holds(line: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let goes_on = |c: Option<char>, end: Option<char>| c.is_some_and(is_word) && end.is_some_and(is_word);
        !before.is_some_and(is_word) && !goes_on(after, word.chars().next_back())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_found_where_it_stands_alone() {
        for (word, ..) in RULES {
            let found = check(&[File::new("a.md", format!("One line.\nHere: {word} \n"))]);
            assert_eq!(found.iter().map(Offence::place).collect::<Vec<_>>(), ["a.md:2"], "{word}");
        }
    }

    #[test]
    fn longer_words_and_exempt_files_are_left_alone() {
        let path = concat!("see the frame", "wo", "rk/readme");
        assert!(check(&[File::new("a.md", path)]).is_empty());
        let index = concat!("source = \"registry+https://github.com/rust-lang/", "crates.", "io-index\"");
        assert!(check(&[File::new("benches/peers/Cargo.lock", index)]).is_empty());
    }
}
