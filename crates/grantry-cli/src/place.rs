//! Where the vault is.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use grantry::SqliteVault;
use grantry::vault::{LocalKey, VaultKeys};

use crate::failed::{Failed, VAULT};

/// The files of a vault.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) store: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) lifeboats: PathBuf,
}

impl Place {
    /// # Errors
    /// Usage where nothing says where it is.
    pub(crate) fn new(folder: Option<&Path>, key: Option<&Path>) -> Result<Self, Failed> {
        let folder = match folder {
            Some(folder) if folder.as_os_str().is_empty() => {
                return Err(Failed::usage("the folder of the vault has no name"));
            }
            Some(folder) => folder.to_owned(),
            None => data_folder()?.join("grantry"),
        };
        let key = key.map_or_else(|| folder.join("grantry.key"), Path::to_owned);
        Ok(Self { store: folder.join("grantry.db"), lifeboats: folder.join("lifeboats"), key, folder })
    }

    /// Whether a vault was made here.
    pub(crate) fn is_made(&self) -> bool {
        self.store.exists()
    }

    /// What opens it, or why it cannot be opened.
    ///
    /// # Errors
    /// Says what to run where there is none, and what is missing.
    pub(crate) async fn open(&self) -> Result<(SqliteVault, VaultKeys), Failed> {
        if !self.is_made() {
            let fact = format!("there is no vault in {}", self.folder.display());
            return Err(Failed::new(VAULT, fact).with_remedy(self.how_to_make()));
        }
        if !self.key.exists() {
            let fact = format!(
                "the key of the vault is not at {}, and without it nothing in the vault can be opened",
                self.key.display()
            );
            let remedy = "bring the key file back from its copy, or say where it is with --key-file";
            return Err(Failed::new(VAULT, fact).with_remedy(remedy));
        }
        let key = LocalKey::from_file(&self.key)?;
        Ok((SqliteVault::open(&self.store).await?, VaultKeys::rotating(key)))
    }

    /// Makes the files of a new vault. Two that do it at once make one.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub(crate) async fn make(&self) -> Result<(SqliteVault, VaultKeys), Failed> {
        let cannot = |error: std::io::Error| {
            Failed::new(VAULT, format!("the folder {} cannot be made: {error}", self.folder.display()))
        };
        for folder in [Some(self.folder.as_path()), self.key.parent()].into_iter().flatten() {
            if !folder.as_os_str().is_empty() {
                DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(cannot)?;
            }
        }
        // The key first: a store without its key would be of no use to anybody.
        let key = match LocalKey::generate(&self.key) {
            Ok(key) => key,
            Err(_) if self.key.exists() => LocalKey::from_file(&self.key)?,
            Err(error) => return Err(error.into()),
        };
        Ok((SqliteVault::open(&self.store).await?, VaultKeys::rotating(key)))
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
