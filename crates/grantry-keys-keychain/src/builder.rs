//! What the key in a keychain is opened with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Clock, SystemClock};
use grantry_vault::KeyError;

use crate::entry::{Entry, Keychain};
use crate::keys::{KeychainKey, Shared};
use crate::system::SystemKeychain;

/// A person has to find the window and type a password.
const PATIENCE: Duration = Duration::from_secs(60);
const MOST_NAME_BYTES: usize = 64;

/// Builds a [`KeychainKey`].
#[derive(Debug)]
pub struct KeychainKeyBuilder {
    name: String,
    label: Option<String>,
    lock: PathBuf,
    patience: Duration,
    clock: Arc<dyn Clock>,
    create_if_missing: bool,
}

impl KeychainKeyBuilder {
    pub(crate) fn new(name: String, lock: PathBuf) -> Self {
        Self {
            name,
            label: None,
            lock,
            patience: PATIENCE,
            clock: Arc::new(SystemClock::new()),
            create_if_missing: false,
        }
    }

    /// What a new entry is called where a person looks at the keychain; where nothing is said, it says that it is a vault's key, with
    /// the name. macOS shows none.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// How long a call waits, for the keychain and for a person who unlocks it: 60 seconds where nothing is said.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Dates new versions by another clock than the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes a key where the keychain has no such entry. For a new vault only: without it an entry that is gone is an
    /// error, because a new key would open nothing that is there. Several processes may do so at once, and make one key.
    #[must_use]
    pub fn create_if_missing(mut self) -> Self {
        self.create_if_missing = true;
        self
    }

    /// Reads the key.
    ///
    /// # Errors
    /// [`KeyError::Configuration`] where the name cannot be used, or there is no such entry, or it holds something else;
    /// [`KeyError::Unavailable`] where no keychain answers; [`KeyError::Refused`] where it is locked and nobody unlocks it.
    ///
    /// # Cancel-safety
    /// A dropped future leaves at most an entry with a key, which another call uses.
    pub async fn open(self) -> Result<KeychainKey, KeyError> {
        let label =
            self.label.clone().unwrap_or_else(|| format!("The key of a grantry vault: {}", self.name));
        let system = SystemKeychain::new(self.name.clone(), label);
        self.open_in(Box::new(system)).await
    }

    pub(crate) async fn open_in(self, keychain: Box<dyn Keychain>) -> Result<KeychainKey, KeyError> {
        let is_name_character = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let name = &self.name;
        if name.is_empty() || name.len() > MOST_NAME_BYTES || !name.chars().all(is_name_character) {
            return Err(KeyError::configuration(
                "the name of the keychain's entry has to be 1 to 64 characters of A-Z, a-z, 0-9, dot, underscore and hyphen",
            ));
        }
        if self.label.as_ref().is_some_and(|label| label.is_empty() || label.contains('\0')) {
            return Err(KeyError::configuration("the label of the keychain's entry is empty or holds a NUL"));
        }
        let entry = Entry::new(self.name, keychain);
        let key = KeychainKey::new(Shared { entry, lock: self.lock, clock: self.clock }, self.patience);
        key.begin(self.create_if_missing).await?;
        Ok(key)
    }
}
