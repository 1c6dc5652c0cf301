//! Each crate says which Rust it needs, and it is the truth as far as metadata goes.

use crate::tidy::Offence;
use crate::tidy::metadata::{Metadata, Package};

/// Checks that each published member's `rust-version` is no older than that of anything it is built on. A crate of the house that
/// a feature brings may need a newer one, which it says itself: whoever turns the feature on is told by cargo.
pub(super) fn check(metadata: &Metadata) -> Vec<Offence> {
    metadata.libraries().filter_map(|package| check_one(metadata, package)).collect()
}

fn check_one(metadata: &Metadata, package: &Package) -> Option<Offence> {
    let offence = |what: String| Some(Offence::new("rust-version", &package.name, what));
    let Some(own) = package.rust_version.as_deref() else { return offence("has no rust-version".into()) };
    let is_asked_for = |by: &Package, needed: &Package| {
        let says_newer =
            needed.rust_version.as_deref().is_some_and(|version| numbers(version) > numbers(own));
        let is_of_the_house = metadata.libraries().any(|library| library.id == needed.id);
        let mut wanted =
            by.dependencies.iter().filter(|d| d.name == needed.name && d.kind.is_none()).peekable();
        says_newer && is_of_the_house && wanted.peek().is_some() && wanted.all(|d| d.optional)
    };
    let newest = metadata
        .needed_by_without(package, is_asked_for)
        .into_iter()
        .filter_map(|needed| Some((numbers(needed.rust_version.as_deref()?), needed)))
        .max_by_key(|(version, _)| *version);
    match newest {
        Some((version, needed)) if version > numbers(own) => {
            let (major, minor, patch) = version;
            offence(format!("says {own}, but {} needs {major}.{minor}.{patch}", needed.name))
        }
        _ => None,
    }
}

/// `1.88` and `1.88.0` are the same version.
fn numbers(version: &str) -> (u32, u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offences(own: &str, needed: &str) -> usize {
        let text = format!(
            r#"{{"packages": [{{"id": "a", "name": "a", "rust_version": {own}}},
                              {{"id": "b", "name": "b", "rust_version": "{needed}"}}],
                "workspace_members": ["a"], "resolve": {{"nodes": [{{"id": "a", "deps": [{{"pkg": "b"}}]}}]}}}}"#
        );
        check(&serde_json::from_str(&text).unwrap()).len()
    }

    #[test]
    fn a_feature_may_bring_a_crate_of_the_house_that_says_its_newer_rust_itself() {
        let offences = |optional: bool, members: &str| {
            let text = format!(
                r#"{{"packages": [
                    {{"id": "a", "name": "a", "rust_version": "1.88",
                      "dependencies": [{{"name": "b", "optional": {optional}}}]}},
                    {{"id": "b", "name": "b", "rust_version": "1.94"}},
                    {{"id": "c", "name": "c", "rust_version": "1.94"}}],
                    "workspace_members": [{members}],
                    "resolve": {{"nodes": [{{"id": "a", "deps": [{{"pkg": "b"}}]}},
                                           {{"id": "b", "deps": [{{"pkg": "c"}}]}}]}}}}"#
            );
            check(&serde_json::from_str(&text).unwrap()).len()
        };
        assert_eq!(offences(true, r#""a", "b""#), 0);
        assert_eq!(offences(false, r#""a", "b""#), 1);
        assert_eq!(offences(true, r#""a""#), 1, "what is not of the house says nothing to its users");
    }

    #[test]
    fn a_crate_that_claims_an_older_rust_than_it_needs_is_found() {
        assert_eq!(offences(r#""1.88""#, "1.88.0"), 0);
        assert_eq!(offences(r#""1.88""#, "1.9"), 0);
        assert_eq!(offences(r#""1.88""#, "1.88.1"), 1);
        assert_eq!(offences("null", "1.60"), 1);
    }
}
