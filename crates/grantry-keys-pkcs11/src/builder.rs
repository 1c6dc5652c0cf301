//! What the keys in a token are opened with.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use grantry_vault::KeyError;

use crate::connection::Shared;
use crate::keys::Pkcs11Keys;
use crate::pin::Pin;
use crate::plan::KeyMechanism;
use crate::token::{Module, TokenFacts};

const SESSIONS: u8 = 4;
const MOST_SESSIONS: u8 = 64;
const TIME_LIMIT: Duration = Duration::from_secs(10);
const KEY_LABEL: &str = "grantry";
/// The prefix, a slash, and a number have to fit into what tokens take for a label.
const MOST_LABEL_BYTES: usize = 32;

/// Which of a module's tokens it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSelector(By);

#[derive(Debug, Clone, PartialEq, Eq)]
enum By {
    Label(String),
    Serial(String),
    Slot(u64),
}

impl TokenSelector {
    /// By the label that it was initialised with.
    pub fn label(label: impl Into<String>) -> Self {
        Self(By::Label(label.into()))
    }

    /// By its serial number.
    pub fn serial(serial: impl Into<String>) -> Self {
        Self(By::Serial(serial.into()))
    }

    /// By the id of its slot. Some modules give a token another slot after a restart: prefer the others.
    pub fn slot(id: u64) -> Self {
        Self(By::Slot(id))
    }

    pub(crate) fn selects(&self, token: &TokenFacts) -> bool {
        match &self.0 {
            By::Label(label) => token.label == *label,
            By::Serial(serial) => token.serial == *serial,
            By::Slot(id) => token.slot == *id,
        }
    }
}

impl fmt::Display for TokenSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            By::Label(label) => write!(f, "the token with the label {label:?}"),
            By::Serial(serial) => write!(f, "the token with the serial number {serial:?}"),
            By::Slot(id) => write!(f, "the token in slot {id}"),
        }
    }
}

/// Builds [`Pkcs11Keys`].
#[derive(Debug)]
pub struct Pkcs11KeysBuilder {
    module: PathBuf,
    token: TokenSelector,
    pin: Pin,
    key_label: String,
    serial_in_key_ids: Option<String>,
    sessions: u8,
    time_limit: Duration,
    prefer: Option<KeyMechanism>,
    create_if_missing: bool,
}

impl Pkcs11KeysBuilder {
    pub(crate) fn new(module: PathBuf, token: TokenSelector, pin: Pin) -> Self {
        Self {
            module,
            token,
            pin,
            key_label: KEY_LABEL.to_owned(),
            serial_in_key_ids: None,
            sessions: SESSIONS,
            time_limit: TIME_LIMIT,
            prefer: None,
            create_if_missing: false,
        }
    }

    /// What the labels of the keys begin with, before a slash and a number: `[A-Za-z0-9._-]`, at most 32 characters;
    /// `grantry` where nothing is said. Several deployments may share a token by different labels.
    #[must_use]
    pub fn key_label(mut self, prefix: impl Into<String>) -> Self {
        self.key_label = prefix.into();
        self
    }

    /// Names keys by this serial number in place of the token's own.
    ///
    /// Each name of a key has the token's serial number in it, and so has each wrapped key. Where the keys were moved to
    /// another token (a backup that was restored, a replacement), say the old number here, in all processes, and what was
    /// wrapped before unwraps again.
    #[must_use]
    pub fn serial_in_key_ids(mut self, serial: impl Into<String>) -> Self {
        self.serial_in_key_ids = Some(serial.into());
        self
    }

    /// How many sessions it has at most, each on a thread of its own: 1 to 64; 4 where nothing is said.
    #[must_use]
    pub fn sessions(mut self, most: u8) -> Self {
        self.sessions = most;
        self
    }

    /// How long a call waits for the token at most, with the time in the queue: 10 seconds where nothing is said.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Makes new versions by this mechanism where the token can; the usual order is that of [`KeyMechanism`]. Versions that
    /// are there keep theirs.
    #[must_use]
    pub fn prefer(mut self, mechanism: KeyMechanism) -> Self {
        self.prefer = Some(mechanism);
        self
    }

    /// Makes the first version, and promotes it, where the token has none. Without it a token without keys is an error,
    /// because it may be the wrong one. Two processes may do so at once: one of the two versions is active then, for both.
    #[must_use]
    pub fn create_if_missing(mut self) -> Self {
        self.create_if_missing = true;
        self
    }

    /// Loads the module, finds the token and logs in.
    ///
    /// # Errors
    /// [`KeyError::Configuration`] where the module or the token is not there, [`KeyError::Refused`] for a wrong PIN, which
    /// is tried once in this process and token; the others as [`KeyError`] says.
    ///
    /// # Cancel-safety
    /// A dropped future leaves at most a version that nobody uses.
    pub async fn open(self) -> Result<Pkcs11Keys, KeyError> {
        let path = self.module.clone();
        self.open_with(Box::new(move || crate::module::module(&path))).await
    }

    pub(crate) async fn open_with(
        self,
        load: Box<dyn Fn() -> Result<Arc<dyn Module>, KeyError> + Send + Sync>,
    ) -> Result<Pkcs11Keys, KeyError> {
        self.check()?;
        let mut shared = Shared::new(load, self.token, self.pin, self.key_label);
        shared.named = self.serial_in_key_ids;
        shared.prefer = self.prefer;
        let keys = Pkcs11Keys::start(Arc::new(shared), self.module, self.sessions, self.time_limit)?;
        keys.begin(self.create_if_missing).await?;
        Ok(keys)
    }

    fn check(&self) -> Result<(), KeyError> {
        let is_label_character = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let label = &self.key_label;
        let what =
            if label.is_empty() || label.len() > MOST_LABEL_BYTES || !label.chars().all(is_label_character) {
                "`key_label` has to be 1 to 32 characters of A-Z, a-z, 0-9, dot, underscore and hyphen"
            } else if !(1..=MOST_SESSIONS).contains(&self.sessions) {
                "`sessions` has to be 1 to 64"
            } else if self.time_limit.is_zero() {
                "`time_limit` has to be more than nothing"
            } else {
                return Ok(());
            };
        Err(KeyError::configuration(what))
    }
}
