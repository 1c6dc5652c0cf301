//! The server that the tests of this binary share, and a database of its own for each of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use grantry_tests::postgres::{Postgres, Settings};
use grantry_vault::RecordKey;
use grantry_vault_postgres::{PostgresVault, PostgresVaultBuilder};

/// Without fsync: what a crash of the machine leaves is not what these tests look at.
static SERVER: LazyLock<Postgres> =
    LazyLock::new(|| Postgres::launch(Settings { fsync: false, ..Settings::default() }).unwrap());

static MAKING: Mutex<()> = Mutex::new(());

/// The login that owns the databases, and the one that the vaults use.
pub(crate) const OWNER: &str = "owner";
pub(crate) const LOGIN: &str = "acme";

pub(crate) fn server() -> &'static Postgres {
    &SERVER
}

/// A database with the vault's tables.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) name: String,
}

impl Database {
    /// Without any tables.
    pub(crate) fn empty() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("d{}", NEXT.fetch_add(1, Ordering::Relaxed));
        prepare(server(), &name);
        Self { name }
    }

    pub(crate) async fn migrated() -> Self {
        let database = Self::empty();
        database.owner().migrate().await.unwrap();
        let_in(server());
        database
    }

    pub(crate) fn owner(&self) -> PostgresVaultBuilder {
        PostgresVault::builder(&server().url(OWNER, &self.name))
    }

    /// As the vaults log in, accepting that the server does not sync.
    pub(crate) fn login(&self) -> PostgresVaultBuilder {
        login(server(), &self.name)
    }

    pub(crate) async fn open(&self) -> PostgresVault {
        self.login().connections(6).open().await.unwrap()
    }

    /// Runs SQL as the superuser.
    pub(crate) fn sql(&self, sql: &str) -> String {
        server().sql(&self.name, sql).unwrap()
    }
}

/// Makes the roles and an empty database on a server.
pub(crate) fn prepare(server: &Postgres, database: &str) {
    let _one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    server.create_role(OWNER, "CREATEROLE").unwrap();
    server.create_role(LOGIN, "").unwrap();
    server.create_database(database, OWNER).unwrap();
}

/// Gives the vaults' login its rights, once a migration has made the role.
pub(crate) fn let_in(server: &Postgres) {
    let _one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    server.sql("postgres", &format!("GRANT grantry_app TO {LOGIN}")).unwrap();
}

pub(crate) fn login(server: &Postgres, database: &str) -> PostgresVaultBuilder {
    PostgresVault::builder(&server.url(LOGIN, database)).accept_unsafe_durability()
}

pub(crate) fn key(text: &str) -> RecordKey {
    RecordKey::parse(text).unwrap()
}
