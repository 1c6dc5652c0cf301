//! The store that a configuration describes.

use std::path::Path;
use std::sync::Arc;

use grantry_config::StoreSection;
use grantry_core::{Error, ErrorKind, Stage};
use grantry_vault::{MemoryVault, Vault};

/// Opens the store that a `vault` section describes. Each kind of store is a feature of this crate; the tables of a database
/// that is new are made by [`make_store`].
///
/// # Errors
/// `Configuration` for a kind whose feature is off, and says which it is; `Storage` where it cannot be opened.
pub async fn open_store(section: &StoreSection) -> Result<Arc<dyn Vault>, Error> {
    match section {
        StoreSection::Sqlite { path, .. } => sqlite(path).await,
        StoreSection::Memory => Ok(Arc::new(MemoryVault::new())),
        #[cfg(feature = "postgres")]
        StoreSection::Postgres { url, schema, connections, .. } => {
            let builder = postgres(url, schema.as_deref(), *connections);
            let vault =
                builder.open().await.map_err(|error| failed("the configured PostgreSQL database", error))?;
            Ok(Arc::new(vault))
        }
        #[cfg(not(feature = "postgres"))]
        StoreSection::Postgres { .. } => Err(is_off("vault", "postgres", ".vault(..)")),
        #[cfg(feature = "redis")]
        StoreSection::Redis {
            url,
            namespace,
            wait_for_replicas,
            accept_no_persistence,
            accept_losing_recent_writes,
            ..
        } => {
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
            let vault =
                builder.connect().await.map_err(|error| failed("the configured Redis server", error))?;
            Ok(Arc::new(vault))
        }
        #[cfg(not(feature = "redis"))]
        StoreSection::Redis { .. } => Err(is_off("vault", "redis", ".vault(..)")),
        _ => Err(Error::configuration("the configured store is unknown here: hand it in with .vault(..)")),
    }
}

/// Opens the store that a `vault` section describes, and makes what it lacks: a file, or the tables of a database where
/// this login may. That is their owner, who is not to be the one who uses them. Made once, they are left as they are.
///
/// # Errors
/// As [`open_store`]; where tables are missing and this login may not make them, that they are missing.
pub async fn make_store(section: &StoreSection) -> Result<Arc<dyn Vault>, Error> {
    let opened = open_store(section).await;
    #[cfg(feature = "postgres")]
    if let (Err(error), StoreSection::Postgres { url, schema, connections, .. }) = (&opened, section)
        && was_refused(error)
        && postgres(url, schema.as_deref(), *connections).migrate().await.is_ok()
    {
        return open_store(section).await.map_err(|error| {
            let fact = "the tables of the vault are there now, and this login cannot use them";
            Error::new(error.kind(), Stage::Vault, fact).with_source(error)
        });
    }
    opened
}

/// Whether the store was there, and cannot be used as it is.
#[cfg(feature = "postgres")]
fn was_refused(error: &Error) -> bool {
    use std::error::Error as _;
    matches!(
        error.source().and_then(|cause| cause.downcast_ref()),
        Some(grantry_vault::VaultError::Refused(_))
    )
}

#[cfg(feature = "postgres")]
fn postgres(
    url: &grantry_config::SecretText,
    schema: Option<&str>,
    connections: Option<usize>,
) -> grantry_vault_postgres::PostgresVaultBuilder {
    let mut builder = grantry_vault_postgres::PostgresVault::builder(url.expose());
    if let Some(schema) = schema {
        builder = builder.schema(schema);
    }
    if let Some(connections) = connections {
        builder = builder.connections(connections);
    }
    builder
}

#[cfg(feature = "sqlite")]
async fn sqlite(path: &Path) -> Result<Arc<dyn Vault>, Error> {
    let vault = grantry_vault_sqlite::SqliteVault::open(path).await;
    Ok(Arc::new(vault.map_err(|error| failed(&format!("the vault {}", path.display()), error))?))
}

#[cfg(not(feature = "sqlite"))]
#[allow(clippy::unused_async, reason = "with the feature it opens a file")]
async fn sqlite(_path: &Path) -> Result<Arc<dyn Vault>, Error> {
    Err(is_off("vault", "sqlite", ".vault(..)"))
}

/// What is configured, and this build has nothing for.
#[allow(dead_code, reason = "with every feature nothing is off")]
pub(super) fn is_off(section: &str, kind: &str, by: &str) -> Error {
    Error::configuration(format!(
        "{section} is configured as {kind}: turn the feature `{kind}` of grantry on, or open it in the program and hand it \
         in with {by}"
    ))
}

#[allow(dead_code, reason = "the memory of the process opens without fail")]
fn failed(what: &str, error: grantry_vault::VaultError) -> Error {
    Error::new(ErrorKind::Storage, Stage::Vault, format!("{what} cannot be opened")).with_source(error)
}
