//! How a vault is opened, and how its tables are made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, Runtime};
use grantry_vault::VaultError;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, Socket};

use crate::changes::{Changes, Listening, lock_of_listeners};
use crate::dial::Dial;
use crate::failure;
use crate::hub::{Channel, Hub};
use crate::identifier::Identifier;
use crate::link::{Link, Patience};
use crate::schema::Schema;
use crate::session::{Accepted, Session};
use crate::store::Store;
use crate::vault::PostgresVault;

const CONNECTIONS: usize = 16;
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
const POOL_PATIENCE: Duration = Duration::from_secs(10);
const STATEMENT_PATIENCE: Duration = Duration::from_secs(10);

/// How long a migration may take at least, waiting for another one included.
const MIGRATION_PATIENCE: Duration = Duration::from_secs(60);

/// Opens a [`PostgresVault`], or makes its tables. `Debug` shows nothing of the connection.
#[must_use]
#[derive(Clone)]
pub struct PostgresVaultBuilder {
    source: Source,
    schema: String,
    role: Option<String>,
    application_role: String,
    connections: usize,
    patience: Patience,
    accepted: Accepted,
    listen_by: Option<Dial>,
}

#[derive(Clone)]
enum Source {
    Config(Result<Box<Config>, VaultError>),
    Dial(Dial),
    Pool(Pool),
}

impl PostgresVaultBuilder {
    pub(crate) fn of_config(config: Result<Config, VaultError>) -> Self {
        Self::new(Source::Config(config.map(Box::new)))
    }

    pub(crate) fn of_pool(pool: Pool) -> Self {
        Self::new(Source::Pool(pool))
    }

    fn new(source: Source) -> Self {
        Self {
            source,
            schema: "grantry".to_owned(),
            role: None,
            application_role: "grantry_app".to_owned(),
            connections: CONNECTIONS,
            patience: Patience {
                connect: CONNECT_PATIENCE,
                pool: POOL_PATIENCE,
                statement: STATEMENT_PATIENCE,
            },
            accepted: Accepted::default(),
            listen_by: None,
        }
    }

    /// Connects with this TLS, as the configuration's `sslmode` says; to other machines set it to `require`. It has no
    /// effect on a pool that was handed in.
    pub fn tls<T>(mut self, tls: T) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        if let Source::Config(Ok(config)) = &self.source {
            self.source = Source::Dial(Dial::with_tls(Config::clone(config), tls));
        }
        self
    }

    /// How to connect for listening to changes, where a pool was handed in: a pool's connections cannot listen.
    pub fn listen_by<T>(mut self, config: Config, tls: T) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        self.listen_by = Some(Dial::with_tls(config, tls));
        self
    }

    /// The schema of the tables: lower-case ASCII letters, digits and underscores. `grantry` unless said otherwise.
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
    }

    /// A role that each session assumes (`SET ROLE`). None unless said otherwise: the login's own rights count.
    pub fn assume_role(mut self, name: impl Into<String>) -> Self {
        self.role = Some(name.into());
        self
    }

    /// The role that [`migrate`](PostgresVaultBuilder::migrate) gives the vault's rights to, and makes where it is
    /// not there. `grantry_app` unless said otherwise.
    pub fn application_role(mut self, name: impl Into<String>) -> Self {
        self.application_role = name.into();
        self
    }

    /// How many connections there are at most, besides the one that listens. 16 unless said otherwise, and at least 1.
    /// It has no effect on a pool that was handed in.
    ///
    /// As many calls are under way at once. Many callers at once need few: their reads go together, and their writes.
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most.max(1);
        self
    }

    /// How long connecting and logging in may take. 10 seconds unless said otherwise.
    pub fn connect_timeout(mut self, longest: Duration) -> Self {
        self.patience.connect = longest;
        self
    }

    /// How long a call waits for a connection while all are taken. 10 seconds unless said otherwise.
    pub fn pool_timeout(mut self, longest: Duration) -> Self {
        self.patience.pool = longest;
        self
    }

    /// How long a statement may take, after which the server stops it. 10 seconds unless said otherwise.
    ///
    /// The client waits two seconds longer. The server never stops a statement that is waiting for its commit to be
    /// synced or replicated: where that takes longer the answer is [`VaultError::InDoubt`].
    pub fn statement_timeout(mut self, longest: Duration) -> Self {
        self.patience.statement = longest;
        self
    }

    /// Accepts a server that loses confirmed writes: one with `fsync` or `full_page_writes` off. `synchronous_commit`
    /// is then left as the server or the role has it.
    pub fn accept_unsafe_durability(mut self) -> Self {
        self.accepted.unsafe_durability = true;
        self
    }

    /// Accepts a role that row-level security does not hold: a superuser, one with BYPASSRLS, or the owner.
    pub fn accept_privileged_role(mut self) -> Self {
        self.accepted.privileged_role = true;
        self
    }

    /// Connects and looks at the server: its version, settings and role, and the format of the tables.
    ///
    /// Dropping the future changes nothing in the store.
    ///
    /// # Errors
    /// [`VaultError::Refused`] for a URL or a name that is none, a login that is refused, a database or tables that are
    /// not there, a role that is too powerful, a server that is too old or not durable, and for another machine without
    /// TLS. [`VaultError::Unavailable`] where it cannot be reached or is a standby. [`VaultError::Newer`] for tables of
    /// a newer format.
    pub async fn open(self) -> Result<PostgresVault, VaultError> {
        let schema = Identifier::new(&self.schema)?;
        let role = self.role.as_deref().map(Identifier::new).transpose()?;
        let runtime =
            Handle::try_current().map_err(|_| VaultError::refused("the vault needs a runtime of tokio"))?;
        let owns_pool = !matches!(self.source, Source::Pool(_));
        let (pool, dial) = self.pool()?;

        let session = Session::new(&schema, role.as_ref(), self.patience.statement, self.accepted);
        let link = Link { pool, session, patience: self.patience };
        let handle = link.look().await?;
        let channel =
            Channel { name: schema.as_str().to_owned(), listeners: lock_of_listeners(&schema), handle };
        let hub = Arc::new(Hub::default());
        let tell = format!("SELECT {}.tell($1, $2, $3, $4)", schema.quoted());
        runtime.spawn(Arc::clone(&hub).hand_on(link.clone(), tell, channel.clone()));
        let listening = dial.map(|dial| Listening { dial, channel, patience: self.patience.connect });
        let changes = Changes::new(Arc::clone(&hub), listening, runtime.clone());
        Ok(PostgresVault::new(Store::new(link, &schema, hub, runtime), changes, owns_pool))
    }

    /// Makes the tables, functions and rights, or brings them to the format of this version. Once they are, it changes
    /// nothing. Of several that run at once one works, and the others wait for it.
    ///
    /// It needs the rights of an owner: `CREATE` on the database, and `CREATEROLE` where the application's role is not
    /// there. The vault itself must not have them: give its login the application's role (`GRANT grantry_app TO acme`).
    ///
    /// It is one transaction: dropping the future changes all or nothing.
    ///
    /// # Errors
    /// [`VaultError::Refused`] where rights are missing, or the schema holds something else. [`VaultError::Newer`] for
    /// tables of a newer format. [`VaultError::InDoubt`] where the connection was lost: run it again. Others as
    /// [`open`](PostgresVaultBuilder::open).
    pub async fn migrate(self) -> Result<(), VaultError> {
        let schema = Schema {
            name: Identifier::new(&self.schema)?,
            application: Identifier::new(&self.application_role)?,
        };
        let (pool, _) = self.pool()?;
        let patience = self.patience.pool.saturating_add(self.patience.connect);
        let connection = match timeout(patience, pool.get()).await {
            Ok(taken) => taken.map_err(|error| failure::of_pool(&error))?,
            Err(_) => return Err(failure::all_taken()),
        };
        // Never back into the pool: it may be in the middle of the transaction.
        let client = Object::take(connection);
        schema.migrate(&client, self.patience.statement.max(MIGRATION_PATIENCE)).await
    }

    /// The pool, and how to connect besides it.
    fn pool(&self) -> Result<(Pool, Option<Dial>), VaultError> {
        let dial = match &self.source {
            Source::Pool(pool) => return Ok((pool.clone(), self.listen_by.clone())),
            Source::Config(config) => Dial::plain(*config.clone()?)?,
            Source::Dial(dial) => dial.clone(),
        };
        // The configuration is in the dial; the manager hands this one on to it.
        let manager = Manager::from_connect(Config::new(), dial.clone(), ManagerConfig::default());
        let pool = Pool::builder(manager)
            .max_size(self.connections)
            .wait_timeout(Some(self.patience.pool))
            .create_timeout(Some(self.patience.connect))
            .recycle_timeout(Some(self.patience.connect))
            .runtime(Runtime::Tokio1)
            .build();
        let pool = pool.map_err(|_| VaultError::refused("the pool of connections cannot be built"))?;
        Ok((pool, Some(self.listen_by.clone().unwrap_or(dial))))
    }
}

impl fmt::Debug for PostgresVaultBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresVaultBuilder")
            .field("schema", &self.schema)
            .field("role", &self.role)
            .field("application_role", &self.application_role)
            .field("connections", &self.connections)
            .field("patience", &self.patience)
            .field("accepted", &self.accepted)
            .finish_non_exhaustive()
    }
}
