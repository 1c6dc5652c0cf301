//! What a page has to run.

use std::path::Path;

/// A page, as far as it can be run.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) steps: Vec<Step>,
}

/// Something that a page has happen, with the line where it begins.
#[derive(Debug)]
pub(crate) enum Step {
    Scene { line: usize, name: String },
    Rust { line: usize },
    Console { line: usize, lines: Vec<String> },
    Configuration { line: usize, text: String },
    Dependencies { line: usize, text: String },
    Other { line: usize, words: String, lines: Vec<String> },
}

impl Step {
    pub(crate) fn line(&self) -> usize {
        match self {
            Self::Scene { line, .. }
            | Self::Rust { line }
            | Self::Console { line, .. }
            | Self::Configuration { line, .. }
            | Self::Dependencies { line, .. }
            | Self::Other { line, .. } => *line,
        }
    }
}

impl Page {
    pub(crate) fn read(root: &Path, path: &str) -> Self {
        Self::parse(&std::fs::read_to_string(root.join(path)).unwrap())
    }

    fn parse(text: &str) -> Self {
        let mut steps = Vec::new();
        let mut block: Option<(usize, &str, Vec<String>)> = None;
        let mut indent = 0;
        for (index, line) in text.lines().enumerate() {
            // Below an item of a list a block stands further in.
            match (&mut block, line.trim_start().strip_prefix("```")) {
                (None, Some(words)) => {
                    indent = line.len() - line.trim_start().len();
                    block = Some((index + 1, words.trim(), Vec::new()));
                }
                (Some(_), Some(_)) => steps.extend(block.take().and_then(step)),
                (Some((_, _, lines)), None) => lines.push(line.get(indent..).unwrap_or_default().to_owned()),
                (None, None) => {
                    let scene =
                        line.trim().strip_prefix("<!-- scene:").and_then(|rest| rest.strip_suffix("-->"));
                    steps.extend(
                        scene.map(|name| Step::Scene { line: index + 1, name: name.trim().to_owned() }),
                    );
                }
            }
        }
        assert!(block.is_none(), "a block has no end");
        Self { steps }
    }
}

/// A drawing, which has no word, is nothing to run.
fn step((line, words, lines): (usize, &str, Vec<String>)) -> Option<Step> {
    let text = lines.join("\n");
    Some(match words.split(',').next().unwrap_or_default() {
        "rust" => {
            assert!(!words.contains("ignore"), "line {line}: nobody runs it");
            Step::Rust { line }
        }
        "console" => Step::Console { line, lines },
        "jsonc" => Step::Configuration { line, text },
        "toml" => Step::Dependencies { line, text },
        "" => return None,
        _ => Step::Other { line, words: words.to_owned(), lines },
    })
}

#[test]
fn blocks_are_found_with_what_runs_them() {
    let page = Page::parse(
        "```rust\nx\n```\n<!-- scene: the server is away -->\n   ```console\n   $ y\n   z\n   ```\n```perl\np\n```\n",
    );
    let [
        Step::Rust { line: 1 },
        Step::Scene { name, .. },
        Step::Console { line: 5, lines },
        Step::Other { words, .. },
    ] = page.steps.as_slice()
    else {
        panic!("{page:?}")
    };
    assert_eq!(
        (name.as_str(), lines.as_slice()),
        ("the server is away", ["$ y", "z"].map(str::to_owned).as_slice())
    );
    assert_eq!(words, "perl");
}
