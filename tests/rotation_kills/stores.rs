//! The stores that are rotated.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use grantry_tests::Fallible;
use grantry_tests::postgres::{Postgres, Settings};
use grantry_vault::Vault;
use grantry_vault_postgres::PostgresVault;
use grantry_vault_sqlite::SqliteVault;

/// A store, with the folder of its key file and whatever it needs to live.
pub(crate) struct Store {
    name: &'static str,
    folder: tempfile::TempDir,
    address: String,
    /// The server behind it, where it has one.
    _server: Option<Postgres>,
}

const OWNER: &str = "owner";
const LOGIN: &str = "vaults";
const DATABASE: &str = "kills";

impl Store {
    pub(crate) fn sqlite() -> Fallible<Self> {
        let folder = tempfile::tempdir()?;
        let address = format!(
            "{} sqlite {}",
            key_file(folder.path()).display(),
            folder.path().join("vault.db").display()
        );
        Ok(Self { name: "sqlite", folder, address, _server: None })
    }

    /// A server of its own. It is told to leave out fsync: processes are killed here, not machines.
    pub(crate) async fn postgres() -> Fallible<Self> {
        let folder = tempfile::tempdir()?;
        let server = Postgres::launch(Settings { fsync: false, ..Settings::default() })?;
        server.create_role(OWNER, "CREATEROLE")?;
        server.create_role(LOGIN, "")?;
        server.create_database(DATABASE, OWNER)?;
        PostgresVault::builder(&server.url(OWNER, DATABASE)).migrate().await?;
        server.sql("postgres", &format!("GRANT grantry_app TO {LOGIN}"))?;
        let address =
            format!("{} postgres {}", key_file(folder.path()).display(), server.url(LOGIN, DATABASE));
        Ok(Self { name: "postgres", folder, address, _server: Some(server) })
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
            "postgres" => {
                let vault = PostgresVault::builder(self.place).accept_unsafe_durability().connections(4);
                Ok(Arc::new(vault.open().await?))
            }
            other => Err(format!("there is no store of the kind {other}").into()),
        }
    }
}
