//! The stores that are rotated.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use grantry_tests::Fallible;
use grantry_vault::Vault;
use grantry_vault_sqlite::SqliteVault;

/// A store, with the folder of its key file and whatever it needs to live.
pub(crate) struct Store {
    name: &'static str,
    folder: tempfile::TempDir,
    address: String,
}

impl Store {
    pub(crate) fn sqlite() -> Fallible<Self> {
        let folder = tempfile::tempdir()?;
        let address = format!(
            "{} sqlite {}",
            key_file(folder.path()).display(),
            folder.path().join("vault.db").display()
        );
        Ok(Self { name: "sqlite", folder, address })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        key_file(self.folder.path())
    }

    /// Key file, kind and place, in one text for another process.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

fn key_file(folder: &Path) -> PathBuf {
    folder.join("grantry.key")
}

/// What an address says.
pub(crate) struct Address<'a> {
    key_file: &'a str,
    kind: &'a str,
    place: &'a str,
}

impl<'a> Address<'a> {
    pub(crate) fn parse(text: &'a str) -> Fallible<Self> {
        let mut words = text.splitn(3, ' ');
        let mut word = || words.next().ok_or("an address has three words");
        Ok(Self { key_file: word()?, kind: word()?, place: word()? })
    }

    pub(crate) fn key_file(&self) -> &'a Path {
        Path::new(self.key_file)
    }

    pub(crate) async fn backend(&self) -> Fallible<Arc<dyn Vault>> {
        match self.kind {
            "sqlite" => Ok(Arc::new(SqliteVault::open(self.place).await?)),
            other => Err(format!("there is no store of the kind {other}").into()),
        }
    }
}
