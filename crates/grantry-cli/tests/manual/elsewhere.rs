//! Commands that cannot run here: whatever they name, tasks, flags, packages, folders, contestants, is there.

use std::fs;
use std::path::Path;

/// Where each program says how it is asked.
const USAGES: &[(&str, &str)] = &[
    ("cargo xtask", "crates/xtask/src/commands.rs"),
    ("target/debug/races", "tests/races/src/command_line.rs"),
];

/// Looks at each command of a block.
pub(crate) fn check(root: &Path, lines: &[String]) -> Result<(), String> {
    let text = lines.join("\n").replace("\\\n", " ");
    let commands = text.lines().map(str::trim).filter(|line| !line.is_empty());
    commands.into_iter().try_for_each(|line| command(root, line))
}

fn command(root: &Path, line: &str) -> Result<(), String> {
    let within = line.strip_prefix("(cd ").and_then(|rest| rest.strip_suffix(')')?.split_once(" && "));
    if let Some((folder, line)) = within {
        return command(&root.join(folder), line);
    }
    let plain = line.replace(['[', ']', '"'], "");
    let words: Vec<&str> = plain.split_whitespace().collect();
    let missing = |what: &str| format!("{line:?} names {what}, which there is not");
    match words.as_slice() {
        ["cargo", "install", "--path", folder] => {
            let is_there = root.join(folder).join("src/main.rs").is_file();
            is_there.then_some(()).ok_or_else(|| missing(folder))
        }
        ["cargo", "build", "-p", named] | ["cargo", "run", "--example", named] => {
            let name = format!("name = \"{named}\"");
            let is_there = manifests(root).iter().any(|manifest| manifest.lines().any(|line| line == name));
            is_there.then_some(()).ok_or_else(|| missing(named))
        }
        _ => {
            let (program, usage) = USAGES
                .iter()
                .find(|(program, _)| plain.starts_with(program))
                .ok_or_else(|| format!("nobody knows what {line:?} is"))?;
            let usage = fs::read_to_string(root.join(usage)).map_err(|error| error.to_string())?;
            let asked = plain[program.len()..].split_whitespace().collect::<Vec<_>>();
            asked_as_it_can_be(root, &usage, &asked).map_err(|word| missing(&word))
        }
    }
}

/// The first word names a task, those with dashes flags, and what follows `--contestant` or `--scenario` one of the races.
fn asked_as_it_can_be(root: &Path, usage: &str, words: &[&str]) -> Result<(), String> {
    let mut before = "";
    for (index, word) in words.iter().enumerate() {
        let is_known = match (index, before) {
            (0, _) => usage.contains(&format!("\"{word}\" =>")) || usage.contains(&format!("\"{word}\" if")),
            (_, "--contestant" | "--scenario") => {
                mentions(&root.join("tests/races/src"), &format!("\"{word}\""))
            }
            (_, "--peers") => word.starts_with("benches/peers/target/"),
            _ if word.starts_with("--") => usage.contains(word),
            _ => true,
        };
        if !is_known {
            return Err((*word).to_owned());
        }
        before = word;
    }
    Ok(())
}

/// The manifests of a workspace, its own and those of its members, three floors deep.
fn manifests(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    each_file(root, 3, &mut |path| {
        if path.ends_with("Cargo.toml") {
            found.extend(fs::read_to_string(path));
        }
    });
    found
}

fn mentions(folder: &Path, text: &str) -> bool {
    let mut is_there = false;
    each_file(folder, 4, &mut |path| {
        is_there |= fs::read_to_string(path).is_ok_and(|source| source.contains(text))
    });
    is_there
}

fn each_file(folder: &Path, floors: u32, look: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_of_others = ["target", "node_modules", ".git"].iter().any(|name| path.ends_with(name));
        if path.is_file() {
            look(&path);
        } else if floors > 0 && !is_of_others {
            each_file(&path, floors - 1, look);
        }
    }
}

#[test]
fn what_such_a_command_names_has_to_be_there() {
    let root = crate::root();
    let of = |line: &str| check(&root, &[line.to_owned()]);
    for good in [
        "cargo run --example quickstart",
        "cargo xtask torture [--kills N]",
        "cargo build -p grantry-races",
        "target/debug/races run --contestant naive --scenario \"strict-revoke 2 s\"",
    ] {
        assert_eq!(of(good), Ok(()));
    }
    for bad in [
        "cargo run --example nothing",
        "cargo xtask torment",
        "cargo xtask torture --gently",
        "cargo install --path crates/nothing",
        "cargo build -p grantry-nothing",
        "target/debug/races walk",
        "target/debug/races run --contestant nobody",
        "target/debug/races run --scenario of-which-nobody-heard",
        "perl -e 1",
    ] {
        assert!(of(bad).is_err(), "{bad}");
    }
}
