//! Where the vault is.

use std::path::Path;
use std::sync::Arc;

use grantry_vault::{Vault, VaultError};
use grantry_vault_postgres::PostgresVault;
use grantry_vault_redis::RedisVault;
use grantry_vault_sqlite::SqliteVault;

use tokio::task::JoinSet;

use crate::worker::Terms;

/// Connections of one process: several of them share two cores, and writes that wait go together.
const CONNECTIONS: usize = 4;

/// A store, opened by this process.
#[derive(Debug, Clone)]
pub(super) enum Backend {
    Sqlite(Arc<SqliteVault>),
    Postgres(Arc<PostgresVault>),
    Redis(Arc<RedisVault>),
}

impl Backend {
    /// On the server that the terms name; a file in the folder where they name none.
    pub(super) async fn open(store: &Path, terms: &Terms) -> Result<Self, VaultError> {
        match terms.database.as_deref() {
            None => Ok(Self::Sqlite(Arc::new(SqliteVault::open(store.join("vault.db")).await?))),
            Some(url) if url.starts_with("redis://") => {
                Ok(Self::Redis(Arc::new(RedisVault::connect(url).await?)))
            }
            Some(url) => {
                let vault = PostgresVault::builder(url)
                    .connections(CONNECTIONS)
                    .accept_unsafe_durability()
                    .open()
                    .await?;
                let vault = Arc::new(vault);
                connect_all(&vault).await?;
                Ok(Self::Postgres(vault))
            }
        }
    }

    pub(super) fn vault(&self) -> Arc<dyn Vault> {
        match self {
            Self::Sqlite(vault) => Arc::<SqliteVault>::clone(vault),
            Self::Postgres(vault) => Arc::<PostgresVault>::clone(vault),
            Self::Redis(vault) => Arc::<RedisVault>::clone(vault),
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(vault) => vault.close().await,
            Self::Postgres(vault) => vault.close(),
            Self::Redis(vault) => vault.close(),
        }
    }
}

/// Connects before there are callers: a token lives no longer than some connections take.
async fn connect_all(vault: &Arc<PostgresVault>) -> Result<(), VaultError> {
    let mut looks = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let vault = Arc::clone(vault);
        looks.spawn(async move { vault.now().await });
    }
    while let Some(looked) = looks.join_next().await {
        if let Ok(looked) = looked {
            looked?;
        }
    }
    Ok(())
}
