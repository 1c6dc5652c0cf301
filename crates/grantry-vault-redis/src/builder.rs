//! How a vault is opened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use grantry_vault::VaultError;

use crate::RedisVault;
use crate::address::Address;
use crate::link::Target;
use crate::names::Names;
use crate::settings::Accepted;

/// The settings of a [`RedisVault`]. Made by [`RedisVault::builder`]; `Debug` shows no password.
#[must_use]
#[derive(Clone)]
pub struct RedisVaultBuilder {
    url: Result<Address, VaultError>,
    namespace: String,
    accepted: Accepted,
    replicas: u32,
    connect_patience: Duration,
    command_patience: Duration,
}

impl RedisVaultBuilder {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: Address::parse(url),
            namespace: "grantry".to_owned(),
            accepted: Accepted::default(),
            replicas: 0,
            connect_patience: Duration::from_secs(5),
            command_patience: Duration::from_secs(5),
        }
    }

    /// What all keys and channels begin with: 1 to 64 ASCII letters, digits, hyphens, underscores and dots.
    /// `grantry` unless said otherwise.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// How long connecting, logging in and looking at the settings may take. 5 seconds unless said otherwise.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_patience = timeout;
        self
    }

    /// How long a command may take. 5 seconds unless said otherwise.
    pub fn command_timeout(mut self, timeout: Duration) -> Self {
        self.command_patience = timeout;
        self
    }

    /// Each write waits until so many replicas have it in memory, for at most half of the time of a command. Where
    /// they do not, the write is [`VaultError::InDoubt`]: the primary has it. None unless said otherwise.
    ///
    /// It makes it less likely that a failover loses a confirmed write, and cannot rule it out: who becomes the
    /// primary is not decided here.
    pub fn wait_for_replicas(mut self, replicas: u32) -> Self {
        self.replicas = replicas;
        self
    }

    /// Accepts `appendonly no`: whatever was written since the last snapshot, or ever, is lost when Redis ends.
    pub fn accept_no_persistence(mut self) -> Self {
        self.accepted.no_persistence = true;
        self
    }

    /// Accepts that a crash of the machine loses writes that were confirmed: those of the last second or two with
    /// `appendfsync everysec`, of half a minute or so with `no`, and of as long as a rewrite takes with
    /// `no-appendfsync-on-rewrite yes`.
    pub fn accept_losing_recent_writes(mut self) -> Self {
        self.accepted.losing_recent_writes = true;
        self
    }

    /// Accepts that the user may not read the settings: somebody else has made sure of `appendonly yes`,
    /// `appendfsync always`, `no-appendfsync-on-rewrite no` and `maxmemory-policy noeviction`. Where they can be
    /// read they are checked all the same.
    pub fn accept_unchecked_settings(mut self) -> Self {
        self.accepted.unchecked_settings = true;
        self
    }

    /// Connects and looks at the server's version, role and settings.
    ///
    /// Dropping the future changes nothing in the store.
    ///
    /// # Errors
    /// [`VaultError::Refused`] for a URL that is none, that is not loopback or a socket, for a namespace that is
    /// none, a login that is refused, and a server that is too old, a cluster, or set to lose what was not
    /// accepted. [`VaultError::Unavailable`] where it cannot be reached or is a replica. [`VaultError::Newer`] and
    /// [`VaultError::Damaged`] for a namespace that is not ours to read.
    pub async fn connect(self) -> Result<RedisVault, VaultError> {
        let target = Target {
            address: self.url?,
            accepted: self.accepted,
            connect_patience: self.connect_patience,
            command_patience: self.command_patience,
        };
        let names = Names::new(&self.namespace)?;
        RedisVault::open(names, Arc::new(target), self.replicas).await
    }
}

impl fmt::Debug for RedisVaultBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisVaultBuilder")
            .field("url", &self.url)
            .field("namespace", &self.namespace)
            .field("accepted", &self.accepted)
            .field("replicas", &self.replicas)
            .finish_non_exhaustive()
    }
}
