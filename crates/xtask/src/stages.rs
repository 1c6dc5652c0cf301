//! The stages of `cargo xtask test`.

use std::path::Path;

use crate::Fallible;
use crate::install::install;
use crate::run::{cargo, output, patient_cargo, run, run_beside, succeeds};
use crate::tidy::{self, Metadata, Package};

/// One stage: what it checks, and how.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stage {
    /// The word by which it can be asked for.
    pub name: &'static str,
    /// What it checks.
    pub what: &'static str,
    kind: Kind,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// A cargo command.
    Cargo(&'static [&'static str]),
    Clippy,
    Docs,
    Features,
    Fmt,
    Install,
    Lacking,
    Quickstart,
    Servers,
    Tidy,
}

use Kind::{Cargo, Clippy, Docs, Features, Fmt, Install, Lacking, Quickstart, Servers, Tidy};

/// Every stage, in the order in which they run.
pub const STAGES: &[Stage] = &[
    stage("install", "what the other stages need is there, or gets there", Install),
    stage("fmt", "every source is formatted", Fmt),
    stage("tidy", "the rules of the house hold", Tidy),
    stage("clippy", "no lint has a word to say", Clippy),
    stage("features", "each crate builds bare, and with each of its features alone", Features),
    stage(
        "test",
        "unit and integration tests",
        Cargo(&[
            "test",
            "--workspace",
            "--all-features",
            "--locked",
            "--no-fail-fast",
            "--lib",
            "--bins",
            "--tests",
            "--examples",
        ]),
    ),
    stage(
        "doctest",
        "every example in the docs runs",
        Cargo(&["test", "--workspace", "--all-features", "--locked", "--no-fail-fast", "--doc"]),
    ),
    stage("docs", "the docs build without a warning", Docs),
    stage(
        "interop",
        "real authorization servers agree",
        Cargo(&["test", "--workspace", "--all-features", "--locked", "--test", "interop"]),
    ),
    stage(
        "browser",
        "a person logs in, in a real browser",
        Cargo(&["test", "--workspace", "--all-features", "--locked", "--test", "browser"]),
    ),
    stage("servers", "real stores and key providers agree", Servers),
    stage("quickstart", "the example of the README keeps its word", Quickstart),
    stage("lacking", "where a feature was left out, the command says so", Lacking),
];

const fn stage(name: &'static str, what: &'static str, kind: Kind) -> Stage {
    Stage { name, what, kind }
}

impl Stage {
    /// Runs it in the workspace at `root`; returns what is worth saying of a success.
    ///
    /// # Errors
    /// What did not hold.
    pub fn run(&self, root: &Path) -> Fallible<Vec<String>> {
        match self.kind {
            Cargo(arguments) => run(cargo(root, arguments).envs(longer())).map(|()| Vec::new()),
            Clippy => clippy(root).map(|()| Vec::new()),
            Install => install(root).map(|()| Vec::new()),
            Lacking => lacking(root).map(|()| Vec::new()),
            Docs => docs(root).map(|()| Vec::new()),
            Features => features(root),
            Fmt => fmt(root).map(|()| Vec::new()),
            Quickstart => quickstart(root).map(|()| Vec::new()),
            Servers => servers(root).map(|()| Vec::new()),
            Tidy => tidy(root),
        }
    }

    /// Whether it meets servers of others. It needs what `install` brings, and it mostly waits.
    pub fn meets_servers(&self) -> bool {
        matches!(self.name, "interop" | "browser" | "servers")
    }

    /// Whether it runs beside the stages after it: it compiles what none of them needs, and leaves the processor to them.
    pub fn runs_beside(&self) -> bool {
        matches!(self.kind, Features)
    }
}

/// How many bad answers are generated, unless somebody says: more than whoever runs that test alone waits for.
const BAD_ANSWERS: (&str, &str) = ("GRANTRY_RUNS", "100000");

fn longer() -> Option<(&'static str, &'static str)> {
    std::env::var_os(BAD_ANSWERS.0).is_none().then_some(BAD_ANSWERS)
}

/// The tests of the stage `servers`. Most of what they do is to wait, for processes that die and servers that start, so the
/// two halves run beside each other.
const SERVERS: [&[&str]; 2] = [
    &["postgres", "redis", "softhsm", "moto", "secret_service", "moves", "places", "wrong_clock"],
    &["torture", "rotation_kills"],
];

fn servers(root: &Path) -> Fallible {
    // Of the whole workspace, so that nothing is built a second time with other features.
    let test = |tests: &mut dyn Iterator<Item = &'static str>, more: &[&str]| {
        let mut command =
            cargo(root, &["test", "--workspace", "--all-features", "--locked", "--no-fail-fast"]);
        command.args(tests.flat_map(|test| ["--test", test])).args(more);
        command
    };
    run(&mut test(&mut SERVERS.concat().into_iter(), &["--no-run", "--quiet"]))?;
    let [mut half, mut other] = SERVERS.map(|half| test(&mut half.iter().copied(), &[]));
    run_beside(&mut half, &mut other)
}

/// Tests that only run when they are named, and so have to be named for clippy too.
fn named() -> impl Iterator<Item = &'static str> {
    ["interop", "browser"].into_iter().chain(SERVERS.concat())
}

/// The package of the peers, which is no member of the workspace: their dependencies stay out of its lock.
const PEERS: &str = "benches/peers/Cargo.toml";

fn fmt(root: &Path) -> Fallible {
    run(&mut cargo(root, &["fmt", "--all", "--check"]))?;
    run(&mut cargo(root, &["fmt", "--manifest-path", PEERS, "--check"]))
}

fn clippy(root: &Path) -> Fallible {
    let named = named().flat_map(|test| ["--test", test]);
    let targets = [vec!["--workspace", "--all-targets"], ["--workspace"].into_iter().chain(named).collect()];
    for target in targets {
        let mut command = cargo(root, &["clippy", "--all-features", "--locked"]);
        run(command.args(target).args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}

/// As somebody runs it behind a proxy who has excepted nothing from it: what stays on the machine needs none. Nobody listens
/// at the port for discarding, so whatever asks the proxy fails.
fn quickstart(root: &Path) -> Fallible {
    let mut command = cargo(root, &["run", "--locked", "--example", "quickstart"]);
    for name in ["NO_PROXY", "no_proxy"] {
        command.env_remove(name);
    }
    run(command.env("HTTP_PROXY", "http://127.0.0.1:9").env("http_proxy", "http://127.0.0.1:9"))
}

fn docs(root: &Path) -> Fallible {
    let mut command = cargo(root, &["doc", "--workspace", "--all-features", "--no-deps", "--locked"]);
    run(command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Checks each published crate without its features, and with each alone. The default features of all were
/// built by the stages before.
fn features(root: &Path) -> Fallible<Vec<String>> {
    let metadata = Metadata::load(root)?;
    let mut said = Vec::new();
    for package in metadata.libraries().filter(|package| !package.features.is_empty()) {
        for features in combinations(package) {
            let words = ["check", "--locked", "--quiet", "--package", &package.name];
            let mut command = patient_cargo(root, &words);
            run(command.args(["--no-default-features", "--features", &features]))?;
            said.push(format!("{} [{features}]", package.name));
        }
    }
    // So that the last stage has only the command itself left to build.
    let ahead = ["test", "--locked", "--quiet", "--no-run", "--package", COMMAND, "--lib"];
    run(&mut patient_cargo(root, &ahead))?;
    Ok(said)
}

const COMMAND: &str = "grantry-cli";

/// The tests of what the command says where a feature was left out: with all features, as everything else is tested, they are
/// not there. No other stage runs the command now: it lies in one place, whatever its features.
fn lacking(root: &Path) -> Fallible {
    let arguments =
        ["test", "--locked", "--quiet", "--package", COMMAND, "--test", "command", "a_command_without_"];
    let listed = output(cargo(root, &arguments).args(["--", "--list"]))?;
    if !listed.contains(": test") {
        return Err("there is no test of what the command says without a feature".into());
    }
    run(&mut cargo(root, &arguments))
}

/// No feature, then each of them that is not only the name of others.
fn combinations(package: &Package) -> Vec<String> {
    let alone = package.features.keys().filter(|name| *name != "default").cloned();
    std::iter::once(String::new()).chain(alone).collect()
}

fn tidy(root: &Path) -> Fallible<Vec<String>> {
    let report = tidy::check(root)?;
    if report.offences.is_empty() {
        return deny(root, report.figures);
    }
    let lines: Vec<String> = report.offences.iter().map(ToString::to_string).collect();
    Err(format!("{} offences\n{}", lines.len(), lines.join("\n")).into())
}

/// Where cargo-deny is installed it has the last word on licences, bans and sources.
fn deny(root: &Path, mut figures: Vec<String>) -> Fallible<Vec<String>> {
    if succeeds(&mut cargo(root, &["deny", "--version"])) {
        run(&mut cargo(root, &["deny", "check", "licenses", "bans", "sources"]))?;
    } else {
        figures.push(
            "cargo-deny is not installed: licences, bans and sources were checked by tidy alone".into(),
        );
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_stages_are_words_and_no_two_are_the_same() {
        for (at, stage) in STAGES.iter().enumerate() {
            assert!(stage.name.chars().all(|c| c.is_ascii_lowercase()), "{}", stage.name);
            assert!(STAGES[..at].iter().all(|other| other.name != stage.name), "{}", stage.name);
        }
    }

    #[test]
    fn every_feature_is_built_alone_and_none_too() {
        let package: Package =
            serde_json::from_str(r#"{"features": {"default": ["a"], "a": [], "b": ["a"]}}"#).unwrap();
        assert_eq!(combinations(&package), ["", "a", "b"]);
    }
}
