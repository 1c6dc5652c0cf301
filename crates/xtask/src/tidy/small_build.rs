//! The small build stays small: how many packages a crate brings, and which it never brings.

use std::collections::BTreeSet;
use std::path::Path;

use crate::Fallible;
use crate::run::cargo_output;
use crate::tidy::Offence;

/// A build with the crate's default features, on this machine's platform.
#[derive(Debug)]
struct Build {
    /// The crate that is built.
    name: &'static str,
    /// The most packages it may need, itself included.
    most: usize,
    /// Packages that it never needs.
    never: &'static [&'static str],
}

/// A runtime, serde, HTTP and cryptography.
const HEAVY: &[&str] = &["tokio", "serde", "serde_json", "hyper", "reqwest", "rustls", "ring", "oauth2"];

/// The bounds stand a tenth above what was needed when they were set.
const BUILDS: &[Build] = &[
    Build { name: "grantry-core", most: 55, never: HEAVY },
    Build { name: "grantry-jose", most: 27, never: &["tokio", "hyper", "reqwest", "rustls", "oauth2"] },
    Build {
        name: "grantry-refresh",
        most: 69,
        never: &["serde", "hyper", "reqwest", "rustls", "ring", "oauth2"],
    },
    Build {
        name: "grantry-tower",
        most: 64,
        never: &["tokio", "hyper", "reqwest", "rustls", "ring", "oauth2"],
    },
    Build { name: "grantry-reqwest", most: 105, never: &["rustls", "ring", "oauth2"] },
    Build {
        name: "grantry-vault",
        most: 90,
        never: &["hyper", "reqwest", "rustls", "oauth2", "rusqlite", "tokio-postgres", "redis"],
    },
    Build { name: "grantry", most: 152, never: &["aws-lc-rs", "openssl", "native-tls", "axum", "clap"] },
];

/// What the rule found: its offences, and the figures for a person.
pub(super) type Found = (Vec<Offence>, Vec<String>);

/// Asks `cargo tree` about each build.
///
/// # Errors
/// Whatever kept cargo from answering.
pub(super) fn check(root: &Path) -> Fallible<Found> {
    let (mut offences, mut figures) = Found::default();
    for build in BUILDS {
        let arguments =
            ["tree", "--locked", "-p", build.name, "-e", "normal", "--prefix", "none", "-f", "{p}"];
        let (more, count) = check_tree(build, &cargo_output(root, &arguments)?);
        offences.extend(more);
        figures.push(format!("{} is built from {count} packages, at most {}", build.name, build.most));
    }
    Ok((offences, figures))
}

/// Reads the lines `name v1.2.3 (path) (*)` of `cargo tree`.
fn check_tree(build: &Build, tree: &str) -> (Vec<Offence>, usize) {
    let packages: BTreeSet<(&str, &str)> = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .collect();
    let offence = |what: String| Offence::new("small build", build.name, what);
    let mut offences: Vec<Offence> = build
        .never
        .iter()
        .filter(|never| packages.iter().any(|(name, _)| name == *never))
        .map(|never| offence(format!("brings {never}, which it never should")))
        .collect();
    if packages.len() > build.most {
        offences.push(offence(format!("needs {} packages, more than {}", packages.len(), build.most)));
    }
    (offences, packages.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "a v0.1.0 (/p/a)\nb v1.0.0\nb v2.0.0\nc v1.0.0 (proc-macro)\nb v1.0.0 (*)\n";

    #[test]
    fn a_package_counts_once_and_two_versions_twice() {
        let build = Build { name: "a", most: 4, never: &["d"] };
        let (offences, count) = check_tree(&build, TREE);
        assert!(offences.is_empty() && count == 4, "{offences:?} {count}");
    }

    #[test]
    fn a_build_that_grows_or_brings_what_it_should_not_is_found() {
        let build = Build { name: "a", most: 3, never: &["c"] };
        assert_eq!(check_tree(&build, TREE).0.len(), 2);
    }
}
