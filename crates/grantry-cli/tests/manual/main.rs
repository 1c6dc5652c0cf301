//! Every command and configuration of the manual runs as it is shown.
//!
//! A page has a home of its own, with nobody's vault in it, a shell, the program, and servers in place of those that it
//! names. Its blocks run in their order:
//!
//! | block | what happens |
//! |---|---|
//! | `rust`, and one without a word in a page of ours | rustdoc runs it, in the facade's docs |
//! | `console` | each line after `$ ` runs; what is shown below it is what comes, see [`console`] |
//! | `jsonc` | it is a configuration: it is loaded, and kept under the name in its first line |
//! | `toml` | it depends on grantry: the features that it names are there |
//! | `sh`, of the few that build the program itself or take minutes | what it names is there, see [`elsewhere`] |
//! | anything else | fails: a snippet that nothing runs goes wrong one day |
//!
//! A comment `<!-- scene: NAME -->` has something happen that no command of a page could do: see [`scenes`].
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod console;
mod elsewhere;
mod inline;
mod page;
mod scenes;
mod stage;
mod toml;

use std::fs;
use std::path::{Path, PathBuf};

use page::{Page, Step};
use stage::Stage;

/// Blocks that cannot run here, by their page and first line, and who runs them. What they name is there: see [`elsewhere`].
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("README.md", "cargo run --example quickstart", "the stage `quickstart`"),
    ("README.md", "cargo xtask test", "the test command itself"),
    ("README.md", "cargo install --path crates/grantry-cli", "builds the program that is tested here"),
    ("docs/races.md", "cargo xtask torture [--kills N] [--seed S] [--quick]", "takes minutes and PostgreSQL"),
    (
        "docs/races.md",
        "target/debug/races run --contestant grantry-redis --scenario \"strict-revoke 8 processes 20 s 50 kills 2 restarts\"",
        "takes Redis",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_snippet_of_the_manual_runs() {
    let mut failures = Vec::new();
    let mut used = Vec::new();
    let (mut commands, mut configurations) = (0, 0);
    for path in pages() {
        let page = Page::read(&root(), &path);
        let mut stage = Stage::set().await;
        for step in &page.steps {
            let done = match step {
                Step::Scene { name, .. } => scenes::play(&mut stage, name).await,
                Step::Rust { .. } => Ok(()),
                Step::Console { lines, .. } => console::run(&stage, lines).await.map(|ran| commands += ran),
                Step::Configuration { text, .. } => stage.configuration(text).map(|()| configurations += 1),
                Step::Dependencies { text, .. } => toml::check(&root(), text),
                Step::Other { words, lines, .. } => {
                    let first = lines.first().map_or("", String::as_str);
                    let elsewhere = ELSEWHERE.iter().find(|(page, line, _)| (*page, *line) == (&path, first));
                    used.extend(elsewhere);
                    match elsewhere {
                        Some(_) => elsewhere::check(&root(), lines),
                        None => Err(format!("nothing runs a block of {words:?}")),
                    }
                }
            };
            if let Err(what) = done {
                failures.push(format!("{path}:{}: {what}", step.line()));
                // What follows may rest on what failed.
                break;
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
    for exception in ELSEWHERE {
        assert!(used.contains(&exception), "no page has it any more: {exception:?}");
    }
    assert!(commands >= 40 && configurations >= 5, "{commands} commands, {configurations} configurations");
}

/// The pages that people read: those of the manual, and the first one.
fn pages() -> Vec<String> {
    let folder = fs::read_dir(root().join("docs")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut pages: Vec<String> =
        names.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}")).collect();
    pages.push("README.md".to_owned());
    pages.sort();
    pages
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}
