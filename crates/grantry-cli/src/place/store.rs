//! Where the records are, and what opens it.

use std::sync::Arc;

use grantry::SqliteVault;
use grantry::vault::{RecordPrefix, Vault};
use grantry_config::StoreSection;

use super::Lies;
use crate::failed::Failed;

/// Where the records are. What is elsewhere is what a configuration describes, and no file.
pub(crate) type Store = Lies<StoreSection>;

/// Whether there is anything in it.
///
/// # Errors
/// It cannot be looked at.
pub(super) async fn is_used(store: &dyn Vault) -> Result<bool, Failed> {
    Ok(!store.list(&RecordPrefix::everything(), None, 1).await?.records.is_empty())
}

impl Store {
    /// For people: where it is, without what could be a secret.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Elsewhere(StoreSection::Postgres { .. }) => "the configured PostgreSQL database".to_owned(),
            Self::Elsewhere(StoreSection::Redis { .. }) => "the configured Redis server".to_owned(),
            Self::Elsewhere(_) => "the configured store".to_owned(),
        }
    }

    /// Opens what is there.
    ///
    /// # Errors
    /// Where it cannot be opened, or this command was built without what opens it.
    pub(super) async fn open(&self) -> Result<Arc<dyn Vault>, Failed> {
        self.open_with(false).await
    }

    /// Opens what is there, made if need be: a file, or the tables of a database.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(super) async fn make(&self) -> Result<Arc<dyn Vault>, Failed> {
        self.open_with(true).await
    }

    #[cfg_attr(not(feature = "postgres"), allow(unused_variables, reason = "a database has tables to make"))]
    async fn open_with(&self, makes: bool) -> Result<Arc<dyn Vault>, Failed> {
        match self {
            Self::File(path) => Ok(Arc::new(SqliteVault::open(path).await?)),
            #[cfg(feature = "postgres")]
            Self::Elsewhere(StoreSection::Postgres { url, schema, connections, .. }) => {
                let mut builder = grantry_vault_postgres::PostgresVault::builder(url.expose());
                if let Some(schema) = schema {
                    builder = builder.schema(schema.as_str());
                }
                if let Some(connections) = connections {
                    builder = builder.connections(*connections);
                }
                Ok(Arc::new(of_postgres(builder, makes).await?))
            }
            #[cfg(feature = "redis")]
            Self::Elsewhere(StoreSection::Redis {
                url,
                namespace,
                wait_for_replicas,
                accept_no_persistence,
                accept_losing_recent_writes,
                ..
            }) => {
                let mut builder = grantry_vault_redis::RedisVault::builder(url.expose());
                if let Some(namespace) = namespace {
                    builder = builder.namespace(namespace.as_str());
                }
                if let Some(replicas) = wait_for_replicas {
                    builder = builder.wait_for_replicas(*replicas);
                }
                if *accept_no_persistence {
                    builder = builder.accept_no_persistence();
                }
                if *accept_losing_recent_writes {
                    builder = builder.accept_losing_recent_writes();
                }
                Ok(Arc::new(builder.connect().await?))
            }
            Self::Elsewhere(StoreSection::Memory) => {
                Err(Failed::usage("the configured vault is the memory of a process: nobody else can open it"))
            }
            Self::Elsewhere(_) => {
                let fact = "this command was built without what opens the configured vault";
                let remedy = "build it with the features `postgres` or `redis` of grantry-cli";
                Err(Failed::usage(fact).with_remedy(remedy))
            }
        }
    }
}

/// Who makes a vault may be allowed to make its tables: their owner, who is told by whom they are to be used. Whoever may not
/// is told that they are missing.
#[cfg(feature = "postgres")]
async fn of_postgres(
    builder: grantry_vault_postgres::PostgresVaultBuilder,
    makes: bool,
) -> Result<grantry_vault_postgres::PostgresVault, Failed> {
    use grantry::vault::VaultError;
    match builder.clone().open().await {
        Err(VaultError::Refused(refused)) if makes => match builder.clone().migrate().await {
            Ok(()) => builder.open().await.map_err(|error| {
                let fact =
                    format!("the tables of the vault are there now, and this login cannot use them: {error}");
                Failed::new(crate::failed::VAULT, fact)
            }),
            Err(_) => Err(VaultError::Refused(refused).into()),
        },
        opened => Ok(opened?),
    }
}
