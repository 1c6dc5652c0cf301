//! The entry of a keychain that holds a key.

use std::fmt;

use grantry_vault::{KeyError, LocalKeySet};
use zeroize::Zeroizing;

/// A secret text under a name, in whatever keeps such.
pub(crate) trait Keychain: Send + Sync + 'static {
    /// What is there; `None` where nothing is.
    fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError>;

    /// Puts it there, also in the place of what was there.
    fn write(&self, secret: &[u8]) -> Result<(), KeyError>;
}

/// The entry, and how it is called.
pub(crate) struct Entry {
    name: String,
    keychain: Box<dyn Keychain>,
}

impl Entry {
    pub(crate) fn new(name: String, keychain: Box<dyn Keychain>) -> Self {
        Self { name, keychain }
    }

    /// The keys in it.
    ///
    /// # Errors
    /// `Configuration` where there is none.
    pub(crate) fn keys(&self) -> Result<LocalKeySet, KeyError> {
        self.keys_if_any()?.ok_or_else(|| {
            KeyError::configuration(format!(
                "{self} is not there, and without it nothing in the vault can be opened: bring it back from its \
                 copy, or log in as the person whose keychain has it"
            ))
        })
    }

    pub(crate) fn keys_if_any(&self) -> Result<Option<LocalKeySet>, KeyError> {
        self.keychain.read()?.map(|bytes| self.parse(&bytes)).transpose()
    }

    fn parse(&self, bytes: &[u8]) -> Result<LocalKeySet, KeyError> {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        LocalKeySet::from_text(text, &self.to_string())
    }

    /// Puts keys there, and sees that they are. `before` is put back where they are not.
    ///
    /// # Errors
    /// Those of the keychain; `Unsupported` where it gives back something else.
    pub(crate) fn keep(&self, keys: &LocalKeySet, before: Option<&LocalKeySet>) -> Result<(), KeyError> {
        let text = keys.to_text();
        self.keychain.write(text.as_bytes())?;
        let kept = self.keychain.read()?;
        if kept.is_some_and(|kept| kept.as_slice() == text.as_bytes()) {
            return Ok(());
        }
        if let Some(before) = before {
            self.keychain.write(before.to_text().as_bytes())?;
        }
        Err(KeyError::unsupported(format!("{self} does not keep what it was given: use a key file")))
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the entry {} of the keychain", self.name)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("name", &self.name).finish_non_exhaustive()
    }
}
