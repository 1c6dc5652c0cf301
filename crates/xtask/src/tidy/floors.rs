//! Arrows point down: who may depend on whom in the house.

use crate::tidy::metadata::{Metadata, Package};
use crate::tidy::{File, Offence};

/// Where a crate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// On a floor: it knows the floors below it, and nobody of its own.
    Floor(u8),
    /// Beside the house: it knows these crates only, and is known from the third floor on.
    Beside(&'static [&'static str]),
}

use Place::{Beside, Floor};

/// The house, floor by floor. A new crate gets its line here first.
const HOUSE: &[(&str, Place)] = &[
    ("grantry-core", Floor(0)),
    ("grantry-jose", Floor(0)),
    ("grantry-endpoint", Floor(1)),
    ("grantry-refresh", Floor(1)),
    ("grantry-reqwest", Floor(1)),
    ("grantry-tower", Floor(1)),
    ("grantry-providers", Floor(1)),
    ("grantry-vault", Floor(1)),
    ("grantry-client-credentials", Floor(2)),
    ("grantry-authorization-code", Floor(2)),
    ("grantry-device-authorization", Floor(2)),
    ("grantry-token-exchange", Floor(2)),
    ("grantry-custody", Floor(2)),
    ("grantry-config", Floor(2)),
    ("grantry-vault-sqlite", Floor(2)),
    ("grantry-vault-postgres", Floor(2)),
    ("grantry-vault-redis", Floor(2)),
    ("grantry-keys-pkcs11", Floor(2)),
    ("grantry-keys-aws-kms", Floor(2)),
    ("grantry-keys-transit", Floor(2)),
    ("grantry-keys-keychain", Floor(2)),
    ("grantry", Floor(3)),
    ("grantry-cli", Floor(4)),
    ("grantry-axum", Floor(4)),
    ("grantry-testkit", Beside(&["grantry-core", "grantry-jose", "grantry-endpoint"])),
];

/// The first floor that may use what stands beside the house.
const KNOWS_BESIDE: u8 = 3;

/// Checks the arrows between the published members. `manifests` are the files of the project; a dev-dependency
/// may point anywhere that its manifest gives a reason for, but never from a crate to what is built on it by
/// standing beside.
pub(super) fn check(metadata: &Metadata, manifests: &[File]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for package in metadata.libraries() {
        let Some(place) = place_of(&package.name) else {
            offences.push(Offence::new(
                "floors",
                &package.name,
                "stands on no floor: give it a line in HOUSE",
            ));
            continue;
        };
        let path = format!("{}/Cargo.toml", metadata.folder_of(package));
        let manifest = manifests.iter().find(|file| file.path == path).map_or("", |file| &file.text);
        offences.extend(check_arrows(package, place, manifest));
    }
    offences
}

fn place_of(name: &str) -> Option<Place> {
    HOUSE.iter().find(|(named, _)| *named == name).map(|(_, place)| *place)
}

fn check_arrows(package: &Package, place: Place, manifest: &str) -> Vec<Offence> {
    let offence = |what: String| Offence::new("floors", &package.name, what);
    let mut offences = Vec::new();
    for dependency in &package.dependencies {
        let name = dependency.name.as_str();
        let Some(target) = place_of(name) else { continue };
        if may_know(place, name, target) {
            continue;
        }
        if dependency.kind.as_deref() != Some("dev") {
            offences.push(offence(format!("depends on {name}, which is not on a floor below")));
        } else if is_under(&package.name, target) {
            offences.push(offence(format!(
                "tests itself with {name}, which is built on it: two copies of each type"
            )));
        } else if !has_reason(manifest, name) {
            offences.push(offence(format!("dev-depends on {name} without a comment that says why")));
        }
    }
    offences
}

fn may_know(place: Place, name: &str, target: Place) -> bool {
    match (place, target) {
        (Floor(own), Floor(other)) => other < own,
        (Floor(own), Beside(_)) => own >= KNOWS_BESIDE,
        (Beside(known), _) => known.contains(&name),
    }
}

/// Whether what stands beside the house is built on that crate.
fn is_under(name: &str, target: Place) -> bool {
    matches!(target, Beside(known) if known.contains(&name))
}

/// Whether the dev-dependency has a comment on its line or on the line above.
fn has_reason(manifest: &str, name: &str) -> bool {
    let mut above_is_comment = false;
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line.ends_with("dev-dependencies]");
        } else if inside
            && let Some(rest) = line.strip_prefix(name)
            && rest.starts_with(['.', ' ', '='])
        {
            return above_is_comment || rest.contains('#');
        }
        above_is_comment = line.starts_with('#');
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offences(name: &str, dependencies: &str, manifest: &str) -> usize {
        let text = format!(
            r#"{{"packages": [{{"id": "x", "name": "{name}", "manifest_path": "/r/crates/x/Cargo.toml",
                "dependencies": [{dependencies}]}}], "workspace_members": ["x"], "workspace_root": "/r"}}"#
        );
        let metadata: Metadata = serde_json::from_str(&text).unwrap();
        check(&metadata, &[File::new("crates/x/Cargo.toml", manifest)]).len()
    }

    #[test]
    fn arrows_down_are_fine() {
        assert_eq!(offences("grantry-refresh", r#"{"name": "grantry-core"}, {"name": "tokio"}"#, ""), 0);
        assert_eq!(offences("grantry-testkit", r#"{"name": "grantry-endpoint"}"#, ""), 0);
        assert_eq!(offences("grantry", r#"{"name": "grantry-client-credentials"}"#, ""), 0);
    }

    #[test]
    fn arrows_up_and_sideways_are_not() {
        assert_eq!(offences("grantry-core", r#"{"name": "grantry-endpoint"}"#, ""), 1);
        assert_eq!(offences("grantry-jose", r#"{"name": "grantry-core"}"#, ""), 1);
        assert_eq!(offences("grantry-refresh", r#"{"name": "grantry-endpoint"}"#, ""), 1);
        assert_eq!(offences("grantry-endpoint", r#"{"name": "grantry-testkit"}"#, ""), 1);
        assert_eq!(offences("grantry-testkit", r#"{"name": "grantry-refresh"}"#, ""), 1);
        assert_eq!(offences("grantry-attic", "", ""), 1);
    }

    #[test]
    fn a_dev_dependency_across_needs_a_reason() {
        let sideways = r#"{"name": "grantry-testkit", "kind": "dev"}"#;
        let bare = "[dev-dependencies]\ngrantry-testkit.workspace = true\n";
        let reasoned = "[dev-dependencies]\n# A server to talk to.\ngrantry-testkit.workspace = true\n";
        assert_eq!(offences("grantry-reqwest", sideways, bare), 1);
        assert_eq!(offences("grantry-reqwest", sideways, reasoned), 0);
        assert_eq!(offences("grantry-endpoint", sideways, reasoned), 1);
    }
}
