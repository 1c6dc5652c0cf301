//! Packages that only some crates may bring to their users.
//!
//! `deny.toml` says the same of the whole graph, but cannot tell a dependency from one that is for tests only.

use crate::tidy::Offence;
use crate::tidy::metadata::Metadata;

/// A package, and the published crates that may depend on it other than for their tests.
const OWNERS: &[(&str, &[&str])] = &[
    ("oauth2", &["grantry-endpoint"]),
    ("reqwest", &["grantry-endpoint", "grantry-reqwest"]),
    ("ring", &["grantry-jose", "grantry-vault"]),
    // The facade only to make its provider the application's.
    ("rustls", &["grantry", "grantry-endpoint"]),
    // The command only to leave no core files.
    ("rustix", &["grantry-cli", "grantry-core"]),
    ("rusqlite", &["grantry-vault-sqlite"]),
    ("tokio-postgres", &["grantry-vault-postgres"]),
    ("deadpool-postgres", &["grantry-vault-postgres"]),
    ("redis", &["grantry-vault-redis"]),
    ("cryptoki", &["grantry-keys-pkcs11"]),
    ("aws-sdk-kms", &["grantry-keys-aws-kms"]),
    ("keyring-core", &["grantry-keys-keychain"]),
    ("zbus-secret-service-keyring-store", &["grantry-keys-keychain"]),
    ("apple-native-keyring-store", &["grantry-keys-keychain"]),
    ("argon2", &["grantry-vault"]),
    ("getrandom", &["grantry-core"]),
];

/// Checks what the manifests of the published crates ask for.
pub(super) fn check(metadata: &Metadata) -> Vec<Offence> {
    let mut offences = Vec::new();
    for package in metadata.libraries() {
        for dependency in package.dependencies.iter().filter(|d| d.kind.as_deref() != Some("dev")) {
            let owners = OWNERS.iter().find(|(name, _)| *name == dependency.name).map(|(_, owners)| owners);
            if owners.is_some_and(|owners| !owners.contains(&package.name.as_str())) {
                let what = format!("depends on {}, which it may not", dependency.name);
                offences.push(Offence::new("owners", &package.name, what));
            }
        }
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offences(name: &str, dependency: &str) -> usize {
        let text = format!(
            r#"{{"packages": [{{"id": "x", "name": "{name}", "dependencies": [{dependency}]}}],
                "workspace_members": ["x"]}}"#
        );
        check(&serde_json::from_str(&text).unwrap()).len()
    }

    #[test]
    fn only_its_owner_may_depend_on_a_package() {
        assert_eq!(offences("grantry-endpoint", r#"{"name": "oauth2"}"#), 0);
        assert_eq!(offences("grantry-client-credentials", r#"{"name": "oauth2"}"#), 1);
        assert_eq!(offences("grantry", r#"{"name": "reqwest"}"#), 1);
        assert_eq!(offences("grantry-endpoint", r#"{"name": "ring", "kind": "build"}"#), 1);
    }

    #[test]
    fn tests_may_use_it_anyway() {
        assert_eq!(offences("grantry", r#"{"name": "reqwest", "kind": "dev"}"#), 0);
    }
}
