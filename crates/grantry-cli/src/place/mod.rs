//! Where the vault is.

mod key;
mod marker;
mod store;
mod trail;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use grantry::vault::{Vault, VaultKeys};
use grantry_config::{AuditSection, Config, StoreSection};

use crate::console::Console;
use crate::failed::{Failed, VAULT};
use crate::settings;

pub(crate) use self::key::{Key, OtherKey};
pub(crate) use self::store::Store;
pub(crate) use self::trail::KeepsTrail;

/// The parts of a vault.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) store: Store,
    pub(crate) key: Key,
    pub(crate) lifeboats: PathBuf,
    /// The name that every record is bound to.
    pub(crate) deployment: String,
    /// Where its trail is kept; `None` where that is the vault alone.
    pub(crate) trail: Option<AuditSection>,
}

/// Where something lies: in a file, or wherever else.
#[derive(Debug, Clone)]
pub(crate) enum Lies<E> {
    File(PathBuf),
    Elsewhere(E),
}

impl<E> Lies<E> {
    /// The file, where it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Elsewhere(_) => None,
        }
    }
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
        let own = config.filter(|_| folder.is_none());
        place.trail = own.and_then(Config::audit).cloned();
        let keys = own.and_then(Config::keys);
        match (key, keys) {
            (Some(path), _) => place.key = Key::File(path.to_owned()),
            (None, Some(keys)) => place.key = Key::of(&keys.provider, &place.folder),
            (None, None) => {}
        }
        Ok(place)
    }

    /// A folder, or what a configuration file describes. Its warnings are told, unless they were when it was given as one of
    /// `told`.
    ///
    /// # Errors
    /// Usage where it is neither.
    pub(crate) fn named(
        console: &Console,
        path: &Path,
        key: Option<&Path>,
        told: &[PathBuf],
    ) -> Result<Self, Failed> {
        if !path.is_file() {
            let is_for_json = path.extension().is_some_and(|extension| extension == "json");
            if is_for_json && !path.exists() {
                // A vault would be made in a folder of that name.
                let fact = format!("there is no configuration {}", path.display());
                return Err(Failed::usage(fact).with_remedy("a folder needs another name"));
            }
            return Self::new(Some(path), key, None);
        }
        let files = [path.to_owned()];
        let loaded = settings::loaded(&files)?;
        if !told.iter().any(|told| is_same_file(told, path)) {
            settings::tell_warnings(console, &files, &loaded);
        }
        let config = loaded.config;
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
            key: Key::of_folder(folder)?,
            folder: folder.to_owned(),
            deployment: DEPLOYMENT.to_owned(),
            trail: None,
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
        place.store = file.map_or_else(|| Store::Elsewhere(section.store.clone()), Store::File);
        if let Some(lifeboats) = &section.lifeboats {
            place.lifeboats.clone_from(lifeboats);
        }
        if let Some(deployment) = &section.deployment {
            place.deployment.clone_from(deployment);
        }
        Ok(place)
    }

    /// Whether a vault may have been made here. A database is always there.
    pub(crate) fn is_made(&self) -> bool {
        self.store.path().is_none_or(Path::exists)
    }

    /// Whether there is anything in it.
    ///
    /// # Errors
    /// Where a database cannot be looked at.
    pub(crate) async fn is_used(&self) -> Result<bool, Failed> {
        match &self.store {
            Store::File(path) => Ok(path.exists()),
            Store::Elsewhere(_) => store::is_used(&*self.store.open().await?).await,
        }
    }

    /// What opens it, or why it cannot be opened.
    ///
    /// # Errors
    /// Where there is none, and what is missing.
    pub(crate) async fn open(&self) -> Result<(Arc<dyn Vault>, VaultKeys), Failed> {
        if !self.is_made() {
            let fact = format!("there is no vault in {}", self.folder.display());
            return Err(Failed::new(VAULT, fact));
        }
        let keys = self.key.open().await?;
        Ok((self.store.open().await?, keys))
    }

    /// The same, of a vault that is made where there is none; says whether it was. Two that do it at once make one.
    ///
    /// # Errors
    /// As [`open`](Place::open), and where what it needs cannot be written.
    pub(crate) async fn open_or_make(&self) -> Result<(Arc<dyn Vault>, VaultKeys, bool), Failed> {
        // A new key opens nothing that is there already, so it is made for what is empty only.
        let of_database = match &self.store {
            Store::File(path) if path.exists() => {
                let (store, keys) = self.open().await?;
                return Ok((store, keys, false));
            }
            Store::File(_) => None,
            Store::Elsewhere(_) => Some(self.store.make().await?),
        };
        if let Some(store) = &of_database
            && store::is_used(&**store).await?
        {
            return Ok((Arc::clone(store), self.key.open().await?, false));
        }
        self.make_folders()?;
        // The key first: a store without its key would be of no use to anybody.
        let keys = self.key.make(&self.folder).await?;
        let store = match of_database {
            Some(store) => store,
            None => self.store.make().await?,
        };
        Ok((store, keys, true))
    }

    fn make_folders(&self) -> Result<(), Failed> {
        let of_key = self.key.path().and_then(Path::parent);
        for folder in [Some(self.folder.as_path()), of_key].into_iter().flatten() {
            if !folder.as_os_str().is_empty() {
                DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
                    Failed::new(VAULT, format!("the folder {} cannot be made: {error}", folder.display()))
                })?;
            }
        }
        Ok(())
    }

    /// Has a new vault's key made in the keychain of the operating system.
    ///
    /// # Errors
    /// Usage where the key is said to be elsewhere, or is there already.
    pub(crate) fn keep_key_in_keychain(&mut self, key_file_is_named: bool) -> Result<(), Failed> {
        match &self.key {
            Key::Elsewhere(OtherKey::Keychain(_)) => Ok(()),
            Key::File(_) if key_file_is_named => {
                Err(Failed::usage("--keychain and --key-file both say where the key is: name one of them"))
            }
            Key::File(path) if path.exists() || self.store.path().is_some_and(Path::exists) => {
                let fact =
                    format!("there is a vault in {} already, with its key in a file", self.folder.display());
                Err(Failed::usage(fact).with_remedy(
                    "make another one and move everything: grantry vault init --keychain --vault NEW, then grantry \
                     vault migrate --to NEW",
                ))
            }
            Key::File(_) => {
                self.key = Key::in_new_entry(&self.folder);
                Ok(())
            }
            Key::Elsewhere(OtherKey::Configured(_)) => Err(Failed::usage(
                "the configuration says where the key is: its `keys` can name the keychain, too",
            )),
        }
    }

    /// For people: where it is.
    pub(crate) fn shown(&self) -> String {
        match &self.store {
            Store::File(_) => self.folder.display().to_string(),
            Store::Elsewhere(_) => self.store.shown(),
        }
    }
}

/// Whether two paths lead to one file that is there.
pub(crate) fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// The user's data folder.
fn data_folder() -> Result<PathBuf, Failed> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(data) = set("XDG_DATA_HOME") {
        return Ok(data);
    }
    let home = set("HOME").ok_or_else(|| {
        let fact = "nothing says where the vault is: HOME is not set, or is no absolute path";
        Failed::usage(fact).with_remedy("name a folder with --vault, or set GRANTRY_VAULT")
    })?;
    let data = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/share" };
    Ok(home.join(data))
}
