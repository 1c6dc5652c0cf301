//! The vault against a real Redis.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod clock;
mod conformance;
mod hints;
mod lost_answers;
mod memory;
mod proxy;
mod replicas;
mod restarts;
mod settings;
mod tenants;

use grantry_tests::redis::{Redis, Settings};
use grantry_vault::{Precondition, RecordKey, Revision, SealedRecord, Vault, VaultError};
use grantry_vault_redis::RedisVault;

/// A server with the settings that it should have.
fn server() -> Redis {
    Redis::start(Settings::default()).unwrap()
}

async fn connect(server: &Redis) -> RedisVault {
    RedisVault::connect(&server.url()).await.unwrap()
}

fn key(text: &str) -> RecordKey {
    RecordKey::parse(text).unwrap()
}

async fn create(vault: &RedisVault, text: &str, bytes: &'static str) -> Result<Revision, VaultError> {
    vault.store(&key(text), SealedRecord::new(bytes), Precondition::Absent).await
}

async fn bytes_of(vault: &RedisVault, text: &str) -> Option<Vec<u8>> {
    vault.load(&key(text)).await.unwrap().map(|record| record.sealed.as_bytes().to_vec())
}
