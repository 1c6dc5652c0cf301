//! Rust sources as the rules read them: without comments, without the insides of literals, without tests.

use std::iter::Peekable;
use std::str::Chars;

/// The code with every comment and the inside of every string and character literal blanked; lines stay lines.
pub(super) fn code(text: &str) -> String {
    let mut rest = text.chars().peekable();
    let mut code = String::with_capacity(text.len());
    let mut previous = ' ';
    while let Some(c) = rest.next() {
        match c {
            '/' if rest.peek() == Some(&'/') => skip_line(&mut rest),
            '/' if rest.peek() == Some(&'*') => skip_block(&mut rest, &mut code),
            '"' => {
                code.push('"');
                skip_string(&mut rest, &mut code);
            }
            'r' if !is_word(previous) || previous == 'b' || previous == 'c' => {
                code.push('r');
                skip_raw_string(&mut rest, &mut code);
            }
            '\'' => {
                code.push('\'');
                skip_character(&mut rest);
            }
            _ => code.push(c),
        }
        previous = c;
    }
    code
}

/// The text up to the test module that ends it, if one does.
pub(super) fn without_tests(text: &str) -> &str {
    let mut start = 0;
    let mut marked = None;
    for line in text.split_inclusive('\n') {
        if line.trim_end() == "#[cfg(test)]" {
            marked = Some(start);
        } else if let Some(cut) = marked {
            if line.starts_with("mod ") && line.trim_end().ends_with('{') {
                return &text[..cut];
            }
            if !line.starts_with("#[") {
                marked = None;
            }
        }
        start += line.len();
    }
    text
}

/// A module that a text declares for tests only, in a file of its own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TestModule<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Where it is, if the declaration says so.
    pub(super) path: Option<&'a str>,
}

/// The modules that the text declares for tests only, in files of their own.
pub(super) fn test_modules(text: &str) -> Vec<TestModule<'_>> {
    let mut found = Vec::new();
    let (mut marked, mut path) = (false, None);
    for line in text.lines().map(str::trim) {
        if line == "#[cfg(test)]" {
            marked = true;
        } else if let Some(rest) = line.strip_prefix("#[path = \"") {
            path = rest.strip_suffix("\"]");
        } else if !line.starts_with("#[") {
            let name = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'));
            found.extend(name.filter(|_| marked).map(|name| TestModule { name, path }));
            (marked, path) = (false, None);
        }
    }
    found
}

/// Whether the code names a crate as the head of a path: `ring::` but neither `rustls::crypto::ring::` nor
/// `string::`.
pub(super) fn names_crate(code: &str, name: &str) -> bool {
    let needle = format!("{name}::");
    code.match_indices(&needle).any(|(at, _)| {
        let before = code[..at].trim_end_matches("::").chars().next_back();
        let is_path = code[..at].ends_with("::") && before.is_some_and(is_word);
        !is_path && !code[..at].chars().next_back().is_some_and(is_word)
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn skip_line(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|&c| c != '\n').is_some() {}
}

fn skip_block(rest: &mut Peekable<Chars<'_>>, code: &mut String) {
    let mut depth = 0;
    let mut previous = '/';
    for c in rest.by_ref() {
        match (previous, c) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {}
        }
        if c == '\n' {
            code.push(c);
        }
        if depth == 0 {
            break;
        }
        // Neither `/*/` nor `*/*` ends and begins with one and the same sign.
        previous = if matches!((previous, c), ('/', '*') | ('*', '/')) { ' ' } else { c };
    }
}

fn skip_string(rest: &mut Peekable<Chars<'_>>, code: &mut String) {
    while let Some(c) = rest.next() {
        match c {
            '\\' => code.extend(rest.next().filter(|&escaped| escaped == '\n')),
            '"' => break,
            '\n' => code.push(c),
            _ => {}
        }
    }
    code.push('"');
}

/// After an `r`: a raw string if hashes and a quote follow, else nothing is skipped.
fn skip_raw_string(rest: &mut Peekable<Chars<'_>>, code: &mut String) {
    let mut ahead = rest.clone();
    let mut hashes = 0;
    while ahead.next_if_eq(&'#').is_some() {
        hashes += 1;
    }
    if ahead.next() != Some('"') {
        return;
    }
    *rest = ahead;
    code.push('"');
    let mut run = None;
    for c in rest.by_ref() {
        if c == '\n' {
            code.push(c);
        }
        run = match (c, run) {
            ('"', _) => Some(0),
            ('#', Some(n)) => Some(n + 1),
            _ => None,
        };
        if run == Some(hashes) {
            break;
        }
    }
    code.push('"');
}

/// After a `'`: a character literal is skipped, a lifetime is left.
fn skip_character(rest: &mut Peekable<Chars<'_>>) {
    let mut ahead = rest.clone();
    match ahead.next() {
        Some('\\') => {
            ahead.next();
            while ahead.next_if(|&c| c != '\'' && c != '\n').is_some() {}
        }
        Some(_) if ahead.peek() == Some(&'\'') => {}
        _ => return,
    }
    ahead.next();
    *rest = ahead;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blank_and_lines_stay() {
        let text = "a(); // x.unwrap()\n/* y\n /* z */ w */ b(\"q.unwrap() \\\" r\"); r#\"s \"t\" u\"#; 'v'; '\\''; c::<'d>();\n";
        let code = code(text);
        assert_eq!(code, "a(); \n\n b(\"\"); r\"\"; '; '; c::<'d>();\n");
        assert_eq!(code.lines().count(), text.lines().count());
    }

    #[test]
    fn a_name_that_ends_in_r_begins_no_raw_string() {
        assert_eq!(code("for r in var {}"), "for r in var {}");
        assert_eq!(code("br\"x\" r#type"), "br\"\" r#type");
    }

    #[test]
    fn only_the_test_module_at_the_end_is_cut() {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
        assert_eq!(without_tests(text), "fn a() {}\n\n");
        let declared = "#[cfg(test)]\nmod tests;\nfn a() {}\n";
        assert_eq!(without_tests(declared), declared);
        assert_eq!(test_modules(declared), [TestModule { name: "tests", path: None }]);
        let elsewhere = "#[cfg(test)]\n#[path = \"a_tests.rs\"]\nmod tests;\nmod b;\n";
        assert_eq!(test_modules(elsewhere), [TestModule { name: "tests", path: Some("a_tests.rs") }]);
    }

    #[test]
    fn a_crate_is_named_by_the_head_of_a_path() {
        assert!(names_crate("use ring::digest;", "ring"));
        assert!(names_crate("let x = ::ring::digest::SHA256;", "ring"));
        assert!(!names_crate("rustls::crypto::ring::default_provider()", "ring"));
        assert!(!names_crate("use std::string::String;", "ring"));
    }
}
