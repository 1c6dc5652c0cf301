//! What library code never calls, and the one file that may.

use crate::tidy::files::library_sources;
use crate::tidy::source::{code, names_crate, without_tests};
use crate::tidy::{File, Offence};

/// Calls that no library makes, and what to do instead.
const FORBIDDEN: &[(&str, &str)] = &[
    ("SystemTime::now", "ask the `Clock` that was handed in"),
    ("Instant::now", "ask the `Clock` that was handed in"),
    (".unwrap()", "return an error"),
    (".expect(", "return an error"),
    ("panic!(", "return an error"),
    ("todo!(", "finish it"),
    ("unimplemented!(", "finish it"),
    ("println!(", "tell the `Observer`, or `tracing`"),
    ("eprintln!(", "tell the `Observer`, or `tracing`"),
    ("print!(", "tell the `Observer`, or `tracing`"),
    ("dbg!(", "tell the `Observer`, or `tracing`"),
];

/// The files that may, each for a reason that stands beside it. One that is no longer needed is an offence.
const MAY: &[(&str, &str, &str)] = &[
    ("crates/grantry-core/src/system.rs", "SystemTime::now", "the clock that everyone else is handed"),
    ("crates/grantry-core/src/system.rs", "Instant::now", "the clock that everyone else is handed"),
    ("crates/grantry-core/src/system.rs", ".expect(", "predictable bytes are worse than none"),
    ("crates/grantry-testkit/src/clock.rs", "Instant::now", "the manual clock follows tokio's"),
    ("crates/xtask/src/main.rs", "println!(", "a program talks to a person"),
    ("crates/xtask/src/main.rs", "eprintln!(", "a program talks to a person"),
    ("crates/xtask/src/main.rs", "Instant::now", "it prints seconds by stage"),
];

/// Crates that one file of a crate names, so that they can be exchanged there.
const ONE_FILE: &[(&str, &[&str])] = &[
    ("ring", &["crates/grantry-jose/src/crypto.rs", "crates/grantry-vault/src/crypto.rs"]),
    ("rustix", &["crates/grantry-cli/src/system.rs", "crates/grantry-core/src/system.rs"]),
    ("getrandom", &["crates/grantry-core/src/system.rs"]),
    ("argon2", &["crates/grantry-vault/src/keys/local/passphrase.rs"]),
];

/// Checks the source files of `crates/`, without their tests.
pub(super) fn check(files: &[File]) -> Vec<Offence> {
    let mut offences = Vec::new();
    let mut unused: Vec<_> = MAY.iter().collect();
    for file in library_sources(files) {
        let code = code(without_tests(&file.text));
        for &(call, instead) in FORBIDDEN {
            let Some(line) = line_of(&code, call) else { continue };
            let is_excepted =
                |&&(path, excepted, _): &&(&str, &str, &str)| path == file.path && excepted == call;
            if MAY.iter().any(|entry| is_excepted(&entry)) {
                unused.retain(|entry| !is_excepted(entry));
            } else {
                let place = format!("{}:{line}", file.path);
                offences.push(Offence::new(
                    "calls",
                    place,
                    format!("{call} is not for libraries: {instead}"),
                ));
            }
        }
        for &(name, owners) in ONE_FILE {
            if !owners.contains(&file.path.as_str()) && names_crate(&code, name) {
                let what = format!("names {name}, which only {} does", owners.join(" or "));
                offences.push(Offence::new("calls", &file.path, what));
            }
        }
    }
    let stale =
        |(path, call, _): &&(&str, &str, &str)| Offence::new("calls", *path, format!("no longer has {call}"));
    // A fixture is one file of many: what it leaves out is not stale.
    if files.iter().any(|file| file.path == "Cargo.toml") {
        offences.extend(unused.iter().map(stale));
    }
    offences.extend(ignored_tests(files));
    offences
}

/// Tests that nobody runs, anywhere in the project.
fn ignored_tests(files: &[File]) -> Vec<Offence> {
    let sources = files.iter().filter(|file| file.path.ends_with(".rs"));
    sources
        .filter_map(|file| Some((file, line_of(&code(&file.text), "#[ignore")?)))
        .map(|(file, line)| {
            Offence::new("calls", format!("{}:{line}", file.path), "an ignored test tests nothing")
        })
        .collect()
}

/// The number of the first line with the call, which does not go on from a longer word.
fn line_of(code: &str, call: &str) -> Option<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (at, _) = code.match_indices(call).find(|(at, _)| {
        !call.starts_with(is_word) || !code[..*at].chars().next_back().is_some_and(is_word)
    })?;
    Some(code[..at].matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(path: &str, text: &str) -> Vec<String> {
        check(&[File::new(path, text)]).iter().map(|offence| offence.place().to_owned()).collect()
    }

    #[test]
    fn each_forbidden_call_is_found_with_its_line() {
        for (call, _) in FORBIDDEN {
            let receiver = if call.starts_with('.') { "a" } else { "" };
            let text = format!("fn a() {{\n    {receiver}{call});\n}}\n");
            assert_eq!(places("crates/a/src/b.rs", &text), ["crates/a/src/b.rs:2"], "{call}");
        }
    }

    #[test]
    fn tests_comments_and_literals_may_say_anything() {
        let text =
            "/// a.unwrap()\nfn a() { b(\"panic!(\") }\n#[cfg(test)]\nmod tests {\n    c.unwrap();\n}\n";
        assert!(places("crates/a/src/b.rs", text).is_empty());
        assert!(places("crates/a/tests/b.rs", "fn a() { b.unwrap() }").is_empty());
    }

    #[test]
    fn the_clock_may_ask_the_system_and_its_neighbour_may_not() {
        let text = "fn a() { std::time::Instant::now(); }";
        assert!(places("crates/grantry-core/src/system.rs", text).is_empty());
        assert_eq!(places("crates/grantry-core/src/clock.rs", text).len(), 1);
    }

    #[test]
    fn ring_is_named_in_one_file() {
        assert!(places("crates/grantry-jose/src/crypto.rs", "use ring::digest;").is_empty());
        assert_eq!(places("crates/grantry-jose/src/jwk.rs", "use ring::digest;").len(), 1);
        assert!(
            places("crates/grantry-endpoint/src/tls.rs", "rustls::crypto::ring::default_provider()")
                .is_empty()
        );
    }

    #[test]
    fn an_ignored_test_is_found() {
        assert_eq!(places("crates/a/tests/b.rs", "#[test]\n#[ignore]\nfn a() {}"), ["crates/a/tests/b.rs:2"]);
        assert_eq!(places("tests/interop/b.rs", "#[ignore = \"slow\"]\nfn a() {}").len(), 1);
    }

    #[test]
    fn an_exception_that_is_no_longer_needed_is_found() {
        let files = [File::new("Cargo.toml", ""), File::new("crates/grantry-core/src/system.rs", "")];
        assert_eq!(check(&files).len(), MAY.len());
    }
}
