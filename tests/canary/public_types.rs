//! Every public type, printed while it holds secrets.
//!
//! The list is held against what the crates export: a new type that is not in it fails the test.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use crate::secrets::Needles;
use crate::shown::Shown;

mod authorization_code;
mod config;
mod custody;
mod custody_protocol;
mod device_authorization;
mod facade;
mod logins;
mod pantry;
mod samples;
mod services;
mod stores;
mod token_endpoint;
mod token_exchange;
mod vault;

/// What each crate exports, as its `lib.rs` has it, and in which modules besides.
const EXPORTS: &[(&str, &str, &[&str])] = &[
    ("grantry_core", include_str!("../../crates/grantry-core/src/lib.rs"), &["presenting"]),
    ("grantry_core::presenting", include_str!("../../crates/grantry-core/src/presenting/mod.rs"), &[]),
    ("grantry_jose", include_str!("../../crates/grantry-jose/src/lib.rs"), &["base64url"]),
    ("grantry_endpoint", include_str!("../../crates/grantry-endpoint/src/lib.rs"), &[]),
    ("grantry_client_credentials", include_str!("../../crates/grantry-client-credentials/src/lib.rs"), &[]),
    ("grantry_authorization_code", include_str!("../../crates/grantry-authorization-code/src/lib.rs"), &[]),
    (
        "grantry_device_authorization",
        include_str!("../../crates/grantry-device-authorization/src/lib.rs"),
        &[],
    ),
    ("grantry_token_exchange", include_str!("../../crates/grantry-token-exchange/src/lib.rs"), &[]),
    ("grantry_config", include_str!("../../crates/grantry-config/src/lib.rs"), &[]),
    ("grantry_custody", include_str!("../../crates/grantry-custody/src/lib.rs"), &["protocol"]),
    ("grantry_custody::protocol", include_str!("../../crates/grantry-custody/src/protocol/mod.rs"), &[]),
    ("grantry_axum", include_str!("../../crates/grantry-axum/src/lib.rs"), &[]),
    ("grantry_refresh", include_str!("../../crates/grantry-refresh/src/lib.rs"), &[]),
    ("grantry_reqwest", include_str!("../../crates/grantry-reqwest/src/lib.rs"), &[]),
    ("grantry_tower", include_str!("../../crates/grantry-tower/src/lib.rs"), &[]),
    ("grantry_providers", include_str!("../../crates/grantry-providers/src/lib.rs"), &[]),
    ("grantry_testkit", include_str!("../../crates/grantry-testkit/src/lib.rs"), &[]),
    (
        "grantry_vault",
        include_str!("../../crates/grantry-vault/src/lib.rs"),
        &["access", "audit", "conformance", "sealing"],
    ),
    ("grantry_vault::access", include_str!("../../crates/grantry-vault/src/access/mod.rs"), &[]),
    ("grantry_vault::audit", include_str!("../../crates/grantry-vault/src/audit/mod.rs"), &[]),
    ("grantry_vault::conformance", include_str!("../../crates/grantry-vault/src/conformance/mod.rs"), &[]),
    ("grantry_vault::sealing", include_str!("../../crates/grantry-vault/src/sealing/mod.rs"), &[]),
    ("grantry_vault_sqlite", include_str!("../../crates/grantry-vault-sqlite/src/lib.rs"), &[]),
    ("grantry_vault_postgres", include_str!("../../crates/grantry-vault-postgres/src/lib.rs"), &[]),
    ("grantry_vault_redis", include_str!("../../crates/grantry-vault-redis/src/lib.rs"), &[]),
    ("grantry_keys_pkcs11", include_str!("../../crates/grantry-keys-pkcs11/src/lib.rs"), &[]),
    ("grantry_keys_aws_kms", include_str!("../../crates/grantry-keys-aws-kms/src/lib.rs"), &[]),
    ("grantry_keys_transit", include_str!("../../crates/grantry-keys-transit/src/lib.rs"), &[]),
    ("grantry_keys_keychain", include_str!("../../crates/grantry-keys-keychain/src/lib.rs"), &[]),
    ("grantry", include_str!("../../crates/grantry/src/lib.rs"), &["manual", "pantry"]),
    ("grantry::pantry", include_str!("../../crates/grantry/src/pantry/mod.rs"), &[]),
];

/// What only a server, an HSM or AWS's own libraries give: the tests of its own crate print it, where they have one.
const BESIDE_THEIR_SERVERS: &[&str] = &[
    "grantry_keys_aws_kms::AwsKms",
    "grantry_keys_aws_kms::AwsKmsBuilder",
    "grantry_keys_keychain::KeychainKey",
    "grantry_keys_pkcs11::Pkcs11Keys",
    "grantry_vault_postgres::PostgresVault",
    "grantry_vault_redis::RedisVault",
];

/// Traits, and the aliases of types that are printed elsewhere or not ours: there is nothing to print.
const NOT_TYPES: &[&str] = &[
    "grantry_authorization_code::PendingAuthorizations",
    "grantry_axum::GrantKeeper",
    "grantry_axum::People",
    "grantry_axum::ResultPages",
    "grantry_config::Surroundings",
    "grantry_core::Clock",
    "grantry_core::Entropy",
    "grantry_core::Grant",
    "grantry_core::Observer",
    "grantry_core::Prover",
    "grantry_core::TokenSource",
    "grantry_custody::Lifeboat",
    "grantry_custody::Opener",
    "grantry_custody::Prover",
    "grantry_custody::Revoker",
    "grantry_custody::protocol::AttemptId",
    "grantry_endpoint::Keeper",
    "grantry_endpoint::Transport",
    "grantry_jose::Signer",
    "grantry_reqwest::SendAuthorized",
    "grantry_token_exchange::Assertions",
    "grantry_token_exchange::SubjectTokens",
    "grantry_tower::BoxError",
    "grantry_tower::Replay",
    "grantry_vault::KeyProvider",
    "grantry_vault::KeyRotation",
    "grantry_vault::Listed",
    "grantry_vault::Vault",
    "grantry_vault::Watch",
    "grantry_vault::audit::AuditSink",
];

/// The types that were printed, by their paths.
#[derive(Debug, Clone, Default)]
struct Printed {
    paths: Arc<Mutex<BTreeSet<String>>>,
    shown: Shown,
}

impl Printed {
    /// Prints a value of the type that is exported as `path`.
    fn print<T: Debug>(&self, path: &str, value: &T) {
        // The type's own name ends like its path, so that a line cannot be about another type.
        let (name, own) = (path.rsplit("::").next().unwrap(), std::any::type_name::<T>());
        let own = own.split('<').next().unwrap().rsplit("::").next().unwrap();
        assert_eq!(own, name, "the sample of {path} is of another type");
        self.paths.lock().unwrap().insert(path.to_owned());
        self.shown.debug(value);
    }
}

/// The flows, the vault and custody in use, with the canary for every secret.
pub(crate) async fn in_use(shown: &Shown) {
    let printed = Printed { shown: shown.clone(), ..Printed::default() };
    authorization_code::authorization_code(&printed).await;
    device_authorization::device_authorization(&printed).await;
    token_exchange::token_exchange(&printed).await;
    custody::custody(&printed).await;
    vault::vault(&printed).await;
    vault::audit(&printed).await;
    pantry::pantry(&printed).await;
    logins::logins(&printed).await;
}

/// The names that begin with a capital in the `pub use` of a `lib.rs`, constants left out, and what has a row of its own:
/// the other crates of the house, and public modules.
fn exported<'a>(source: &'a str, modules: &'a [&str]) -> impl Iterator<Item = &'a str> {
    let is_elsewhere = |rest: &str| {
        let head = rest.split("::").next().unwrap_or_default();
        head.starts_with("grantry_") || modules.contains(&head)
    };
    let lists = source.split("\npub use ").skip(1).filter(move |rest| !is_elsewhere(rest));
    lists.flat_map(|rest| {
        let list = rest.split(';').next().unwrap_or_default();
        let names = list.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        names.filter(|name| name.starts_with(char::is_uppercase) && name.chars().any(char::is_lowercase))
    })
}

#[tokio::test]
async fn req_e30_no_public_type_shows_a_secret_in_its_debug() {
    let printed = Printed::default();
    samples::core(&printed);
    samples::presenting(&printed);
    samples::jose(&printed).await;
    samples::endpoint(&printed).await;
    token_endpoint::asked(&printed).await;
    token_endpoint::bound(&printed).await;
    authorization_code::authorization_code(&printed).await;
    device_authorization::device_authorization(&printed).await;
    token_exchange::token_exchange(&printed).await;
    services::sources(&printed).await;
    services::wrappers(&printed);
    services::testkit(&printed).await;
    logins::logins(&printed).await;
    vault::vault(&printed).await;
    vault::keys_and_bytes(&printed).await;
    vault::access(&printed);
    vault::audit(&printed).await;
    custody::custody(&printed).await;
    custody_protocol::protocol(&printed);
    config::config(&printed);
    pantry::pantry(&printed).await;
    facade::facade(&printed);
    stores::stores(&printed).await;

    // The suite brings a runtime of its own.
    let suite = printed.clone();
    tokio::task::spawn_blocking(move || vault::conformance(&suite)).await.unwrap();

    let paths = printed.paths.lock().unwrap().clone();
    let mut missing = Vec::new();
    for (name, source, modules) in EXPORTS {
        for module in source.lines().filter_map(|line| line.strip_prefix("pub mod ")) {
            let module = module.trim_end_matches(';');
            assert!(modules.contains(&module), "{name} has a module that is not looked into: {module}");
        }
        let exports = exported(source, modules).map(|export| format!("{name}::{export}"));
        let excused = |path: &str| NOT_TYPES.contains(&path) || BESIDE_THEIR_SERVERS.contains(&path);
        missing.extend(exports.filter(|path| !paths.contains(path) && !excused(path)));
    }
    assert!(missing.is_empty(), "print these, with secrets inside: {missing:#?}");
    let complaint = Needles::of_the_canary().complaint("what was printed", &printed.shown.text());
    assert!(complaint.is_empty(), "{complaint}");
}
