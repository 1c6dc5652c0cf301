//! Samples of the stores and the key providers, as far as they are there without a server.

use grantry_keys_keychain::KeychainKey;
use grantry_keys_pkcs11::{KeyMechanism, Pin, Pkcs11Keys, TokenSelector};
use grantry_keys_transit::{TransitKeys, TransitToken};
use grantry_vault_postgres::PostgresVault;
use grantry_vault_redis::RedisVault;
use grantry_vault_sqlite::SqliteVault;

use super::Printed;
use crate::secrets::CANARY;

pub(super) async fn stores(printed: &Printed) {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteVault::builder(folder.path().join("grantry.db"));
    printed.print("grantry_vault_sqlite::SqliteVaultBuilder", &sqlite);
    printed.print("grantry_vault_sqlite::SqliteVault", &sqlite.open().await.unwrap());
    let postgres = PostgresVault::builder(&format!("postgresql://acme:{CANARY}@127.0.0.1/vaults"));
    printed.print("grantry_vault_postgres::PostgresVaultBuilder", &postgres);
    let redis = RedisVault::builder(&format!("redis://acme:{CANARY}@127.0.0.1"));
    printed.print("grantry_vault_redis::RedisVaultBuilder", &redis);

    printed.print("grantry_keys_pkcs11::Pin", &Pin::new(CANARY));
    let token = TokenSelector::label("vault");
    printed.print("grantry_keys_pkcs11::TokenSelector", &token);
    printed.print("grantry_keys_pkcs11::KeyMechanism", &KeyMechanism::AesGcm);
    let pkcs11 = Pkcs11Keys::builder("/usr/lib/module.so", token, Pin::new(CANARY));
    printed.print("grantry_keys_pkcs11::Pkcs11KeysBuilder", &pkcs11);
    let token = TransitToken::new(CANARY);
    printed.print("grantry_keys_transit::TransitToken", &token);
    let transit = TransitKeys::builder("https://vault.example.com", "grantry", token);
    printed.print("grantry_keys_transit::TransitKeysBuilder", &transit);
    printed.print("grantry_keys_transit::TransitKeys", &transit.build().unwrap());
    let keychain = KeychainKey::builder("vault", folder.path().join("lock"));
    printed.print("grantry_keys_keychain::KeychainKeyBuilder", &keychain);
}
