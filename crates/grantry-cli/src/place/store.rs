//! Where the records are, and what opens it.

use std::sync::Arc;

use grantry::SqliteVault;
use grantry::pantry::{make_store, open_store};
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

    async fn open_with(&self, makes: bool) -> Result<Arc<dyn Vault>, Failed> {
        let section = match self {
            Self::File(path) => return Ok(Arc::new(SqliteVault::open(path).await?)),
            Self::Elsewhere(section) => section,
        };
        let is_built_in = match section {
            StoreSection::Memory => {
                let fact = "the configured vault is the memory of a process: nobody else can open it";
                return Err(Failed::usage(fact));
            }
            StoreSection::Postgres { .. } => cfg!(feature = "postgres"),
            StoreSection::Redis { .. } => cfg!(feature = "redis"),
            _ => true,
        };
        if !is_built_in {
            let fact = "this command was built without what opens the configured vault";
            let remedy = "build it with the features `postgres` or `redis` of grantry-cli";
            return Err(Failed::usage(fact).with_remedy(remedy));
        }
        Ok(if makes { make_store(section).await? } else { open_store(section).await? })
    }
}
