//! The deployment: where credentials are kept, under which keys, and where the trail is.

use std::path::PathBuf;
use std::time::Duration;

use grantry_vault::RotationPolicy;
use grantry_vault::access::Principal;

use crate::registration::SecretText;

/// The `vault` section.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct VaultSection {
    /// Which store it is.
    pub store: StoreSection,
    /// The name of the deployment, which everything is sealed for.
    pub deployment: Option<String>,
    /// The folder for tokens that could not be written to the store at once.
    pub lifeboats: Option<PathBuf>,
    /// Which grants are revoked because nobody uses them; `None` where none are.
    pub reaper: Option<ReaperSection>,
}

/// The `reaper` of the `vault` section.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReaperSection {
    /// For how long nobody used them.
    pub unused_for: Duration,
    /// As whom they are revoked.
    pub by: Principal,
}

/// A kind of store, and what it needs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StoreSection {
    /// A SQLite file.
    #[non_exhaustive]
    Sqlite {
        /// The file, relative to the one that names it.
        path: PathBuf,
    },
    /// A PostgreSQL database.
    #[non_exhaustive]
    Postgres {
        /// How to reach it, perhaps with a password.
        url: SecretText,
        /// The schema of the tables.
        schema: Option<String>,
        /// How many connections there are at most.
        connections: Option<usize>,
    },
    /// A Redis server.
    #[non_exhaustive]
    Redis {
        /// How to reach it, perhaps with a password.
        url: SecretText,
        /// What the names of all keys begin with.
        namespace: Option<String>,
        /// How many replicas have to have a write before it counts.
        wait_for_replicas: Option<u32>,
        /// Whether a server that writes nothing to its disk is accepted.
        accept_no_persistence: bool,
        /// Whether a server that syncs its disk once a second is accepted.
        accept_losing_recent_writes: bool,
    },
    /// The memory of the process.
    Memory,
}

/// The `keys` section.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct KeysSection {
    /// What holds the key above all keys.
    pub provider: KeyProviderSection,
    /// When keys are rotated; `None` where this process does not rotate.
    pub rotation: Option<RotationPolicy>,
}

/// A kind of key provider, and what it needs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum KeyProviderSection {
    /// A key file.
    #[non_exhaustive]
    File {
        /// The file, relative to the one that names it.
        path: PathBuf,
    },
    /// An entry of the operating system's keychain.
    #[non_exhaustive]
    Keychain {
        /// Its name.
        entry: String,
    },
    /// An environment variable with 32 bytes in base64.
    #[non_exhaustive]
    Environment {
        /// Its name.
        variable: String,
    },
    /// A passphrase.
    #[non_exhaustive]
    Passphrase {
        /// The passphrase.
        passphrase: SecretText,
        /// The salt, which is no secret.
        salt: String,
    },
    /// An HSM.
    #[non_exhaustive]
    Pkcs11 {
        /// The module, a shared library.
        module: PathBuf,
        /// Which of its tokens it is.
        token: TokenSection,
        /// The token's PIN; `None` where the application hands it in.
        pin: Option<SecretText>,
        /// What the labels of the keys begin with.
        key_label: Option<String>,
        /// The serial number of the token that the keys were moved from.
        serial_in_key_ids: Option<String>,
        /// Whether a key is made where there is none.
        create_if_missing: bool,
    },
    /// AWS KMS.
    #[non_exhaustive]
    AwsKms {
        /// The region.
        region: String,
        /// The key's name, id or ARN.
        key: String,
        /// Where KMS is, in place of the region's own endpoint.
        endpoint_url: Option<String>,
    },
    /// The transit engine of HashiCorp Vault or OpenBao.
    #[non_exhaustive]
    Transit {
        /// Where the server is.
        address: String,
        /// The key's name.
        key: String,
        /// The token; `None` where the application hands it in, or a file has it.
        token: Option<SecretText>,
        /// A file with the token, which is read anew as it changes.
        token_file: Option<PathBuf>,
        /// Where the engine is mounted.
        mount: Option<String>,
        /// In which namespace the engine is.
        namespace: Option<String>,
    },
}

/// Which token of a PKCS#11 module it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenSection {
    /// By its label.
    Label(String),
    /// By its serial number.
    Serial(String),
    /// By the id of its slot.
    Slot(u64),
}

/// The `audit` section.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditSection {
    /// Whether the trail is kept in the vault.
    pub in_vault: bool,
    /// A folder for the trail as lines of JSON.
    pub folder: Option<PathBuf>,
    /// How long a record may take to be durable.
    pub patience: Option<Duration>,
}
