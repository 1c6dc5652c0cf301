//! Licences, bans and sources, as `deny.toml` says: the same that cargo-deny checks, for machines without it.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::Fallible;
use crate::tidy::Offence;
use crate::tidy::metadata::Metadata;

/// The one registry that packages may come from.
const REGISTRY: &str = concat!("registry+https://github.com/rust-lang/", "crates.", "io-index");

/// The parts of `deny.toml` that are read here.
#[derive(Debug, Deserialize)]
struct Deny {
    licenses: Licences,
    bans: Bans,
}

#[derive(Debug, Deserialize)]
struct Licences {
    allow: BTreeSet<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

/// A package that may have other licences besides.
#[derive(Debug, Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: BTreeSet<String>,
}

impl Licences {
    /// Whether a package may have a licence.
    fn allow(&self, package: &str, expression: &str) -> bool {
        let exceptions = self.exceptions.iter().filter(|exception| exception.name == package);
        let allowed = exceptions.flat_map(|exception| &exception.allow).chain(&self.allow).cloned().collect();
        is_allowed(expression, &allowed)
    }
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

/// A package that nobody may depend on, but for its wrappers.
#[derive(Debug, Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    #[serde(default)]
    wrappers: Vec<String>,
    reason: String,
}

/// Checks every package of the graph against the text of `deny.toml`.
///
/// # Errors
/// The text is not what cargo-deny reads.
pub(super) fn check(metadata: &Metadata, deny: &str) -> Fallible<Vec<Offence>> {
    let deny: Deny = toml::from_str(deny)?;
    let mut offences = Vec::new();
    for package in &metadata.packages {
        let place = format!("{} {}", package.name, package.version);
        match package.license.as_deref() {
            None => offences.push(Offence::new("licences", &place, "names no licence")),
            Some(licence) if !deny.licenses.allow(&package.name, licence) => {
                offences.push(Offence::new("licences", &place, format!("{licence} is not allowed")));
            }
            Some(_) => {}
        }
        if let Some(source) = package.source.as_deref()
            && source != REGISTRY
        {
            offences.push(Offence::new("sources", &place, format!("comes from {source}")));
        }
    }
    for ban in &deny.bans.deny {
        offences.extend(check_ban(metadata, ban));
    }
    Ok(offences)
}

fn check_ban(metadata: &Metadata, ban: &Ban) -> Vec<Offence> {
    let is_banned = |id: &str| metadata.package(id).is_some_and(|package| package.name == ban.name);
    let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
    nodes
        .filter(|node| node.deps.iter().any(|dep| is_banned(&dep.pkg)))
        .filter_map(|node| metadata.package(&node.id))
        .filter(|package| !ban.wrappers.contains(&package.name))
        .map(|package| {
            let what = format!("depends on {}, which it may not: {}", ban.name, ban.reason);
            Offence::new("bans", &package.name, what)
        })
        .collect()
}

/// Whether an SPDX expression can be satisfied by the allowed licences: `OR` (or the old `/`) binds weaker than
/// `AND`, which binds weaker than `WITH`.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let satisfied = any_of(&mut words, allowed);
    satisfied && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut satisfied = all_of(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        satisfied |= all_of(words, allowed);
    }
    satisfied
}

fn all_of(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut satisfied = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        satisfied &= one(words, allowed);
    }
    satisfied
}

fn one(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    match words.next() {
        Some("(") => {
            let satisfied = any_of(words, allowed);
            words.next_if_eq(&")").is_some() && satisfied
        }
        Some(licence) => match words.next_if_eq(&"WITH").and_then(|_| words.next()) {
            Some(exception) => allowed.contains(&format!("{licence} WITH {exception}")),
            None => allowed.contains(licence),
        },
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"]
        [[licenses.exceptions]]
        crate = "webdriver"
        allow = ["MPL-2.0"]
        [[bans.deny]]
        crate = "oauth2"
        wrappers = ["grantry-endpoint"]
        reason = "because"
    "#;

    fn offences(packages: &str, nodes: &str) -> Vec<String> {
        let text = format!(r#"{{"packages": [{packages}], "resolve": {{"nodes": [{nodes}]}}}}"#);
        let metadata: Metadata = serde_json::from_str(&text).unwrap();
        check(&metadata, DENY).unwrap().iter().map(|offence| offence.place().to_owned()).collect()
    }

    #[test]
    fn expressions_are_read_as_spdx_reads_them() {
        let allowed = toml::from_str::<Deny>(DENY).unwrap().licenses.allow;
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "MIT OR LGPL-2.1-or-later",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
            "GPL-3.0 AND Zlib OR MIT",
        ] {
            assert!(is_allowed(good, &allowed), "{good}");
        }
        for bad in
            ["", "GPL-3.0", "MIT AND GPL-3.0", "GPL-3.0 WITH LLVM-exception", "(MIT", "MIT)", "MIT GPL"]
        {
            assert!(!is_allowed(bad, &allowed), "{bad}");
        }
    }

    #[test]
    fn a_package_without_an_allowed_licence_is_found() {
        let packages = r#"{"name": "a", "version": "1.0.0", "license": "GPL-3.0"}, {"name": "b", "version": "2.0.0"},
                          {"name": "c", "license": "MIT"}"#;
        assert_eq!(offences(packages, ""), ["a 1.0.0", "b 2.0.0"]);
    }

    #[test]
    fn an_exception_is_for_one_package() {
        let packages = r#"{"name": "webdriver", "license": "MPL-2.0"}, {"name": "a", "version": "1.0.0", "license": "MPL-2.0"},
                          {"name": "webdriver", "version": "2.0.0", "license": "GPL-3.0"}"#;
        assert_eq!(offences(packages, ""), ["a 1.0.0", "webdriver 2.0.0"]);
    }

    #[test]
    fn a_package_from_elsewhere_is_found() {
        let packages =
            r#"{"name": "a", "version": "1.0.0", "license": "MIT", "source": "git+https://example.com/a"}"#;
        assert_eq!(offences(packages, ""), ["a 1.0.0"]);
    }

    #[test]
    fn only_its_wrappers_may_depend_on_a_banned_package() {
        let packages = r#"{"id": "o", "name": "oauth2", "license": "MIT"},
                          {"id": "e", "name": "grantry-endpoint", "license": "MIT"},
                          {"id": "r", "name": "grantry-refresh", "license": "MIT"}"#;
        let nodes = r#"{"id": "e", "deps": [{"pkg": "o"}]}, {"id": "r", "deps": [{"pkg": "o"}]}"#;
        assert_eq!(offences(packages, nodes), ["grantry-refresh"]);
    }
}
