//! Where the vault is.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use grantry::SqliteVault;
use grantry::vault::{LocalKey, Vault, VaultKeys};
use grantry_config::{Config, KeyProviderSection, StoreSection};

use crate::failed::{Failed, VAULT};

/// The parts of a vault.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) store: Store,
    pub(crate) key: Key,
    pub(crate) lifeboats: PathBuf,
    /// The name that every record is bound to.
    pub(crate) deployment: String,
}

/// Where the records are.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    File(PathBuf),
    /// What a configuration describes, and is no file.
    Configured(StoreSection),
}

/// Where the key above all keys is.
#[derive(Debug, Clone)]
pub(crate) enum Key {
    File(PathBuf),
    Configured(KeyProviderSection),
}

const DEPLOYMENT: &str = "default";

impl Place {
    /// What was said, else what the configuration says, else the user's own.
    ///
    /// # Errors
    /// Usage where nothing says where it is.
    pub(crate) fn new(
        folder: Option<&Path>,
        key: Option<&Path>,
        config: Option<&Config>,
    ) -> Result<Self, Failed> {
        let mut place = match (folder, config.filter(|config| config.vault().is_some())) {
            (Some(folder), _) => Self::of_folder(folder)?,
            (None, Some(config)) => Self::of_config(config)?,
            (None, None) => Self::of_folder(&data_folder()?.join("grantry"))?,
        };
        let keys = config.and_then(Config::keys).filter(|_| folder.is_none());
        match (key, keys) {
            (Some(path), _) => place.key = Key::File(path.to_owned()),
            (None, Some(keys)) => place.key = Key::of(&keys.provider),
            (None, None) => {}
        }
        Ok(place)
    }

    /// A folder, or what a configuration file describes.
    ///
    /// # Errors
    /// Usage where it is neither.
    pub(crate) fn named(path: &Path, key: Option<&Path>) -> Result<Self, Failed> {
        if !path.is_file() {
            return Self::new(Some(path), key, None);
        }
        let config = crate::settings::load(std::slice::from_ref(&path.to_owned()))?;
        if config.vault().is_none() {
            let shown = path.display();
            return Err(Failed::usage(format!(
                "{shown} describes no vault: name a folder, or a configuration"
            )));
        }
        Self::new(None, key, Some(&config))
    }

    fn of_folder(folder: &Path) -> Result<Self, Failed> {
        if folder.as_os_str().is_empty() {
            return Err(Failed::usage("the folder of the vault has no name"));
        }
        Ok(Self {
            store: Store::File(folder.join("grantry.db")),
            lifeboats: folder.join("lifeboats"),
            key: Key::File(folder.join("grantry.key")),
            folder: folder.to_owned(),
            deployment: DEPLOYMENT.to_owned(),
        })
    }

    fn of_config(config: &Config) -> Result<Self, Failed> {
        let section = config.vault().ok_or_else(|| Failed::usage("the configuration describes no vault"))?;
        let file = match &section.store {
            StoreSection::Sqlite { path, .. } => Some(path.clone()),
            _ => None,
        };
        let folder = file.as_deref().and_then(Path::parent).map(Path::to_owned);
        let folder = folder.map_or_else(|| data_folder().map(|data| data.join("grantry")), Ok)?;
        let mut place =
            Self::of_folder(if folder.as_os_str().is_empty() { Path::new(".") } else { &folder })?;
        place.store = file.map_or_else(|| Store::Configured(section.store.clone()), Store::File);
        if let Some(lifeboats) = &section.lifeboats {
            place.lifeboats.clone_from(lifeboats);
        }
        if let Some(deployment) = &section.deployment {
            place.deployment.clone_from(deployment);
        }
        Ok(place)
    }

    /// Whether a vault was made here. A database is always there.
    pub(crate) fn is_made(&self) -> bool {
        match &self.store {
            Store::File(path) => path.exists(),
            Store::Configured(_) => true,
        }
    }

    /// What opens it, or why it cannot be opened.
    ///
    /// # Errors
    /// Says what to run where there is none, and what is missing.
    pub(crate) async fn open(&self) -> Result<(Arc<dyn Vault>, VaultKeys), Failed> {
        if !self.is_made() {
            let fact = format!("there is no vault in {}", self.folder.display());
            return Err(Failed::new(VAULT, fact).with_remedy(self.how_to_make()));
        }
        let keys = self.key.open()?;
        Ok((self.store.open().await?, keys))
    }

    /// Makes the files of a new vault. Two that do it at once make one.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub(crate) async fn make(&self) -> Result<(Arc<dyn Vault>, VaultKeys), Failed> {
        let cannot = |error: std::io::Error| {
            Failed::new(VAULT, format!("the folder {} cannot be made: {error}", self.folder.display()))
        };
        let of_key = match &self.key {
            Key::File(path) => path.parent(),
            Key::Configured(_) => None,
        };
        for folder in [Some(self.folder.as_path()), of_key].into_iter().flatten() {
            if !folder.as_os_str().is_empty() {
                DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(cannot)?;
            }
        }
        // The key first: a store without its key would be of no use to anybody.
        let keys = match &self.key {
            Key::File(path) => match LocalKey::generate(path) {
                Ok(key) => VaultKeys::rotating(key),
                Err(_) if path.exists() => self.key.open()?,
                Err(error) => return Err(error.into()),
            },
            Key::Configured(_) => self.key.open()?,
        };
        Ok((self.store.open().await?, keys))
    }

    fn how_to_make(&self) -> String {
        match std::env::var_os("GRANTRY_VAULT") {
            None if Some(&self.folder) != data_folder().ok().map(|data| data.join("grantry")).as_ref() => {
                format!("run: grantry vault init --vault {}", self.folder.display())
            }
            _ => "run: grantry vault init".to_owned(),
        }
    }
}

impl Store {
    /// The file, where it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Configured(_) => None,
        }
    }

    /// For people: where it is, without what could be a secret.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Configured(StoreSection::Postgres { .. }) => {
                "the configured PostgreSQL database".to_owned()
            }
            Self::Configured(StoreSection::Redis { .. }) => "the configured Redis server".to_owned(),
            Self::Configured(_) => "the configured store".to_owned(),
        }
    }

    async fn open(&self) -> Result<Arc<dyn Vault>, Failed> {
        match self {
            Self::File(path) => Ok(Arc::new(SqliteVault::open(path).await?)),
            #[cfg(feature = "postgres")]
            Self::Configured(StoreSection::Postgres { url, schema, connections, .. }) => {
                let mut builder = grantry_vault_postgres::PostgresVault::builder(url.expose());
                if let Some(schema) = schema {
                    builder = builder.schema(schema.as_str());
                }
                if let Some(connections) = connections {
                    builder = builder.connections(*connections);
                }
                Ok(Arc::new(builder.open().await?))
            }
            #[cfg(feature = "redis")]
            Self::Configured(StoreSection::Redis {
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
            Self::Configured(StoreSection::Memory) => {
                Err(Failed::usage("the configured vault is the memory of a process: nobody else can open it"))
            }
            Self::Configured(_) => {
                let fact = "this command was built without what opens the configured vault";
                let remedy = "build it with the features `postgres` or `redis` of grantry-cli";
                Err(Failed::usage(fact).with_remedy(remedy))
            }
        }
    }
}

impl Key {
    fn of(section: &KeyProviderSection) -> Self {
        match section {
            KeyProviderSection::File { path, .. } => Self::File(path.clone()),
            other => Self::Configured(other.clone()),
        }
    }

    /// The file, where it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Configured(_) => None,
        }
    }

    /// For people: where it is.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Configured(KeyProviderSection::Environment { variable, .. }) => {
                format!("the environment variable {variable}")
            }
            Self::Configured(KeyProviderSection::Passphrase { .. }) => "the configured passphrase".to_owned(),
            Self::Configured(_) => "the configured keys".to_owned(),
        }
    }

    fn open(&self) -> Result<VaultKeys, Failed> {
        match self {
            Self::File(path) if !path.exists() => {
                let fact = format!(
                    "the key of the vault is not at {}, and without it nothing in the vault can be opened",
                    path.display()
                );
                let remedy = "bring the key file back from its copy, or say where it is with --key-file";
                Err(Failed::new(VAULT, fact).with_remedy(remedy))
            }
            Self::File(path) => Ok(VaultKeys::rotating(LocalKey::from_file(path)?)),
            Self::Configured(KeyProviderSection::Environment { variable, .. }) => {
                Ok(LocalKey::from_env(variable)?.into())
            }
            Self::Configured(KeyProviderSection::Passphrase { passphrase, salt, .. }) => {
                Ok(LocalKey::from_passphrase(passphrase.expose(), salt.as_bytes())?.into())
            }
            Self::Configured(_) => Err(Failed::usage(
                "the configured keys are in an HSM or a key service, which this command does not reach: use the program \
                 that does",
            )),
        }
    }
}

/// The user's data folder.
fn data_folder() -> Result<PathBuf, Failed> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(data) = set("XDG_DATA_HOME") {
        return Ok(data);
    }
    let home = set("HOME").ok_or_else(|| {
        let fact = "nothing says where the vault is: HOME is not set";
        Failed::usage(fact).with_remedy("name a folder with --vault, or set GRANTRY_VAULT")
    })?;
    let data = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/share" };
    Ok(home.join(data))
}
