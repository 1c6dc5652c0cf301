//! Locks of packages outside the workspace: they have to name what our crates ask for now.
//!
//! Nothing that everybody runs builds such a package, so one whose lock has fallen behind would be found by whoever measures the
//! peers next, and then with an error of cargo's.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::tidy::metadata::Metadata;
use crate::tidy::{File, Offence};

/// The lock of the package that measures the peers.
const LOCK: &str = "benches/peers/Cargo.lock";

/// What is read of a lock.
#[derive(Debug, Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Locked>,
}

/// A package in it.
#[derive(Debug, Deserialize)]
struct Locked {
    name: String,
    /// Each with its version behind it where several are locked.
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Checks that each of our crates has in the lock what its manifest asks for, and nothing that it does not.
pub(super) fn check(metadata: &Metadata, files: &[File]) -> Vec<Offence> {
    let Some(file) = files.iter().find(|file| file.path == LOCK) else { return Vec::new() };
    let offence = |what: String| Offence::new("locks", LOCK, what);
    let lock: Lock = match toml::from_str(&file.text) {
        Ok(lock) => lock,
        Err(error) => return vec![offence(format!("cannot be read: {error}"))],
    };
    let names = |locked: &Locked| -> BTreeSet<String> {
        let name = |text: &String| text.split(' ').next().unwrap_or_default().to_owned();
        locked.dependencies.iter().map(name).collect()
    };
    let locked: BTreeMap<&str, BTreeSet<String>> =
        lock.package.iter().map(|package| (package.name.as_str(), names(package))).collect();
    let mut offences = Vec::new();
    for package in metadata.libraries() {
        let Some(locked) = locked.get(package.name.as_str()) else { continue };
        let asked: Vec<_> =
            package.dependencies.iter().filter(|d| d.kind.as_deref() != Some("dev")).collect();
        let missing = asked.iter().filter(|d| !d.optional && !locked.contains(&d.name)).map(|d| &d.name);
        let stale = locked.iter().filter(|name| asked.iter().all(|d| d.name != **name));
        offences.extend(missing.chain(stale).map(|name| {
            offence(format!(
                "{} and {name} do not stand there as in the manifest: run `cargo metadata` in that folder",
                package.name
            ))
        }));
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offences(locked: &str) -> usize {
        let metadata = r#"{"packages": [{"id": "x", "name": "grantry-vault", "publish": null,
            "manifest_path": "/workspace/crates/grantry-vault/Cargo.toml", "dependencies":
                [{"name": "ring"}, {"name": "moka", "optional": true}, {"name": "insta", "kind": "dev"}]}],
            "workspace_root": "/workspace", "workspace_members": ["x"]}"#;
        let lock = format!("[[package]]\nname = \"grantry-vault\"\ndependencies = [{locked}]\n");
        check(&serde_json::from_str(metadata).unwrap(), &[File::new(LOCK, lock)]).len()
    }

    #[test]
    fn a_lock_names_what_the_manifest_asks_for() {
        assert_eq!(offences(r#""ring""#), 0);
        assert_eq!(offences(r#""ring 0.17.14", "moka""#), 0, "a feature may be on");
        assert_eq!(offences(""), 1);
        assert_eq!(offences(r#""ring", "hashbrown""#), 1);
        assert_eq!(offences(r#""ring", "insta""#), 1, "only its own tests need that");
    }
}
