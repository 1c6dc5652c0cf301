//! Examples in the docs: one that compiles and does not run shows nothing.

use crate::tidy::{File, Offence, source};

/// Checks that an example has no function which nobody calls, and that none is ignored. One that cannot run, since it needs
/// somebody's server, says `no_run`.
pub(super) fn check(files: &[File]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in files.iter().filter(|file| file.is_library_source()) {
        for example in examples(&file.text) {
            let place = format!("{}:{}", file.path, example.line);
            if example.words.split(',').any(|word| word.trim() == "ignore") {
                offences.push(Offence::new("examples", &place, "an example is ignored"));
            }
            for name in uncalled(&source::code(&example.code)) {
                let what = format!("an example does not run: nobody calls its function `{name}`");
                offences.push(Offence::new("examples", &place, what));
            }
        }
    }
    offences
}

/// An example that would run.
struct Example {
    /// Of its fence, from 1.
    line: usize,
    /// What stands behind the fence.
    words: String,
    /// With the lines that readers do not see.
    code: String,
}

fn examples(text: &str) -> Vec<Example> {
    let mut found = Vec::new();
    let mut open: Option<Example> = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let Some(docs) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else {
            open = None;
            continue;
        };
        let docs = docs.strip_prefix(' ').unwrap_or(docs);
        match (&mut open, docs.trim_start().strip_prefix("```")) {
            (None, Some(words)) => {
                open = Some(Example { line: number + 1, words: words.to_owned(), code: String::new() });
            }
            (Some(_), Some(_)) => found.extend(open.take().filter(Example::would_run)),
            (Some(example), None) => {
                let shown = docs.trim_start();
                example.code.push_str(shown.strip_prefix("# ").unwrap_or(if shown == "#" {
                    ""
                } else {
                    docs
                }));
                example.code.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

impl Example {
    /// Whether it is Rust, and no word says that it must not compile or cannot run.
    fn would_run(&self) -> bool {
        let mut words = self.words.split(',').map(str::trim).filter(|word| !word.is_empty());
        words.all(|word| matches!(word, "rust" | "should_panic" | "ignore") || word.starts_with("edition"))
    }
}

/// The functions of this code, those of types and traits left out, that nothing else in it names.
fn uncalled(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    // For each block that is open, whether it belongs to an `impl` or a trait.
    let mut blocks: Vec<bool> = Vec::new();
    let mut head = 0;
    for (at, sign) in code.char_indices() {
        match sign {
            '{' => blocks.push(is_of_a_type(&code[head..at])),
            '}' => drop(blocks.pop()),
            ';' => {}
            _ => {
                if blocks.last() != Some(&true) {
                    found.extend(function_at(code, at));
                }
                continue;
            }
        }
        head = at + 1;
    }
    found.retain(|name| *name != "main" && words(code).filter(|word| word == name).count() == 1);
    found
}

/// Whether what stands before a block begins an `impl` or a trait.
fn is_of_a_type(head: &str) -> bool {
    let mut head = head.trim_start();
    while let Some(rest) = head.strip_prefix("#[") {
        head = rest.split_once(']').map_or("", |(_, rest)| rest).trim_start();
    }
    words(head)
        .find(|word| !matches!(*word, "pub" | "unsafe"))
        .is_some_and(|word| matches!(word, "impl" | "trait"))
}

/// The name of the function whose `fn` begins there.
fn function_at(code: &str, at: usize) -> Option<&str> {
    let is_word_before = code[..at].chars().next_back().is_some_and(is_word);
    let rest = code[at..].strip_prefix("fn ").filter(|_| !is_word_before)?;
    words(rest).next()
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|sign| !is_word(sign)).filter(|word| !word.is_empty())
}

fn is_word(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offences(example: &str) -> Vec<String> {
        let text: String = example.lines().map(|line| format!("//! {line}\n")).collect();
        let found = check(&[File::new("crates/x/src/lib.rs", text)]);
        found.iter().map(|offence| format!("{} {}", offence.place(), offence.what)).collect()
    }

    #[test]
    fn an_example_whose_function_nobody_calls_does_not_run() {
        for example in [
            "Docs.\n```\n# fn example(x: u8) {\nlet y = x;\n# }\n```",
            "Docs.\n```rust\n# async fn example(x: u8) -> u8 {\nx\n# }\nlet called = \"example()\"; // example()\n```",
            "Docs.\n```should_panic\nstd::thread::spawn(|| {\n    fn example() {}\n});\n```",
        ] {
            let found = offences(example);
            assert_eq!(found.len(), 1, "{example}");
            assert!(
                found[0].starts_with("crates/x/src/lib.rs:2 ") && found[0].contains("`example`"),
                "{found:?}"
            );
        }
        assert!(offences("```ignore\nlet x = 1;\n```")[0].contains("ignored"));
    }

    #[test]
    fn what_runs_and_what_says_that_it_cannot_is_fine() {
        for example in [
            "```\nfn example() {}\nexample();\n```",
            "```\nfn main() {}\n```",
            "```\nfn page() {}\nlet router = get(page);\n```",
            "```\n# #[async_trait] impl Grant for MadeUp {\n#     async fn obtain(&self) {}\n# }\n```",
            "```\ntrait Speaks {\n    fn speak(&self) { loop {} }\n    fn hush(&self);\n}\n```",
            "```no_run\n# fn example() {}\n```",
            "```compile_fail,E0382\n# fn example() {}\n```",
            "```text\nfn example() {}\n```",
        ] {
            assert_eq!(offences(example), Vec::<String>::new(), "{example}");
        }
    }
}
