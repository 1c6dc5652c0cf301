//! A file has one job, and a length that shows it.

use crate::tidy::files::library_sources;
use crate::tidy::source::without_tests;
use crate::tidy::{File, Offence};

/// The most lines that a source file may have, its tests not counted. There are no exceptions: a longer file is
/// split.
const LONGEST: usize = 400;

/// Names that say nothing.
const EMPTY_NAMES: &[&str] = &["common", "helper", "helpers", "manager", "misc", "util", "utils"];

/// Checks the length and the name of each source file of `crates/`.
pub(super) fn check(files: &[File]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in library_sources(files) {
        let lines = without_tests(&file.text).lines().count();
        if lines > LONGEST {
            let what = format!("{lines} lines without its tests, more than {LONGEST}: split it");
            offences.push(Offence::new("lengths", &file.path, what));
        }
        let says_nothing = |part: &str| EMPTY_NAMES.contains(&part.trim_end_matches(".rs"));
        if let Some(part) = file.path.split('/').find(|part| says_nothing(part)) {
            offences.push(Offence::new("names", &file.path, format!("{part} says nothing: name the job")));
        }
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let long = "fn a() {}\n".repeat(401);
        let tested = format!("{}#[cfg(test)]\nmod tests {{\n{long}}}\n", "fn b() {}\n".repeat(400));
        let found = check(&[File::new("crates/a/src/long.rs", long), File::new("crates/a/src/b.rs", tested)]);
        assert_eq!(found.iter().map(Offence::place).collect::<Vec<_>>(), ["crates/a/src/long.rs"]);
    }

    #[test]
    fn a_name_that_says_nothing_is_found() {
        let files = ["crates/a/src/utils.rs", "crates/a/src/helpers/b.rs", "crates/a/src/utility.rs"];
        assert_eq!(check(&files.map(|path| File::new(path, ""))).len(), 2);
    }
}
