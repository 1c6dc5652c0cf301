//! Keys that lie on this machine: in a file, in the environment, or in somebody's head.

mod file;
mod key_set;
mod passphrase;
mod version;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use grantry_core::{Clock, SystemClock};
use zeroize::Zeroizing;

use self::file::KeyFile;
pub use self::key_set::LocalKeySet;
use self::version::Version;
use super::{KeyContext, KeyError, KeyId, KeyProvider, KeyRotation, KeyVersion, TenantKey, WrappedKey};

/// A key-encryption key on this machine.
///
/// It is as safe as the place where it lies: whoever reads the key file or the environment opens the vault, so keep it
/// apart from the store and from its backups. An HSM or a KMS is better; see [`KeyProvider`].
///
/// A key **file** holds several versions and can be rotated ([`KeyRotation`]). It is read again for each call, so that a
/// version that was added there is found by every process without a restart; several processes may rotate at once. It
/// has to be a file that only its owner can read (0600), and [`generate`](LocalKey::generate) makes such a one. A key
/// from the environment or a passphrase has one version.
///
/// ```
/// use grantry_vault::{KeyProvider, LocalKey};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("grantry.key");
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let made = LocalKey::generate(&path)?;
/// let read = LocalKey::from_file(&path)?;
/// assert_eq!(made.active().await?, read.active().await?);
/// # Ok::<(), grantry_vault::KeyError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LocalKey {
    place: Place,
    clock: Arc<dyn Clock>,
}

enum Place {
    File(KeyFile),
    Memory(Arc<LocalKeySet>),
}

impl LocalKey {
    /// Makes a new key in a new file that only its owner can read (0600).
    ///
    /// Make a copy of it elsewhere: without it nothing in the vault can be opened.
    ///
    /// # Errors
    /// [`KeyError::Configuration`] where there is a file already, which stays as it is; or where it cannot be written.
    pub fn generate(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let file = KeyFile::new(path.as_ref());
        file.create(&LocalKeySet::generate(SystemClock::new().wall()))?;
        Ok(Self::at(Place::File(file)))
    }

    /// Uses the keys of a file that [`generate`](LocalKey::generate) made.
    ///
    /// # Errors
    /// [`KeyError::Configuration`] where it is not there or is no key file, [`KeyError::Refused`] where others than its
    /// owner may read or write it; the text says what to do.
    pub fn from_file(path: impl Into<PathBuf>) -> Result<Self, KeyError> {
        let file = KeyFile::new(path);
        file.read()?;
        Ok(Self::at(Place::File(file)))
    }

    /// Uses the key in an environment variable: 32 bytes in base64, such as `openssl rand -base64 32` prints.
    ///
    /// # Errors
    /// [`KeyError::Configuration`] where the variable is not set or holds something else. No error shows its value.
    pub fn from_env(variable: &str) -> Result<Self, KeyError> {
        let text = std::env::var(variable).map(Zeroizing::new).map_err(|_| {
            KeyError::configuration(format!("set the environment variable {variable} to a key in base64"))
        })?;
        let bytes = STANDARD.decode(text.trim()).map(Zeroizing::new).ok();
        let version = bytes.and_then(|bytes| Version::from_slice(1, &bytes)).ok_or_else(|| {
            KeyError::configuration(format!(
                "the environment variable {variable} has to hold 32 bytes in base64: `openssl rand -base64 32`"
            ))
        })?;
        Ok(Self::in_memory(version))
    }

    /// Derives the key from a passphrase with Argon2id (RFC 9106): 64 MiB, 3 passes, 1 lane; about a fifth of a second.
    ///
    /// The same passphrase and salt give the same key. The salt is no secret, but has to be another one for each
    /// deployment, and has to be kept: without it the passphrase opens nothing. The call takes its time and memory on
    /// the calling thread.
    ///
    /// # Errors
    /// [`KeyError::Configuration`] for a passphrase shorter than 12 characters or a salt shorter than 16 bytes.
    pub fn from_passphrase(passphrase: &str, salt: &[u8]) -> Result<Self, KeyError> {
        Ok(Self::in_memory(passphrase::derive(passphrase, salt)?))
    }

    /// Uses 32 bytes that come from elsewhere, such as another program's key store.
    pub fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self::in_memory(Version::from_array(1, &bytes))
    }

    /// Dates new versions by another clock than the machine's.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    fn at(place: Place) -> Self {
        Self { place, clock: Arc::new(SystemClock::new()) }
    }

    fn in_memory(version: Version) -> Self {
        Self::at(Place::Memory(Arc::new(LocalKeySet::of(version))))
    }

    /// The keys, by the file as it is now.
    fn keys_now(&self) -> Result<Arc<LocalKeySet>, KeyError> {
        match &self.place {
            Place::File(file) => file.read().map(Arc::new),
            Place::Memory(keys) => Ok(Arc::clone(keys)),
        }
    }

    fn file(&self) -> Result<&KeyFile, KeyError> {
        match &self.place {
            Place::File(file) => Ok(file),
            Place::Memory(_) => Err(KeyError::unsupported(
                "a key from the environment or a passphrase has one version: use a key file to rotate",
            )),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.fmt(f),
            Self::Memory(keys) => keys.fmt(f),
        }
    }
}

#[async_trait]
impl KeyProvider for LocalKey {
    async fn wrap_key(&self, key: &TenantKey, context: &KeyContext) -> Result<WrappedKey, KeyError> {
        self.keys_now()?.wrap(key, context)
    }

    async fn unwrap_key(&self, wrapped: &WrappedKey, context: &KeyContext) -> Result<TenantKey, KeyError> {
        self.keys_now()?.unwrap(wrapped, context)
    }

    async fn active(&self) -> Result<KeyId, KeyError> {
        self.keys_now()?.active()
    }
}

#[async_trait]
impl KeyRotation for LocalKey {
    async fn versions(&self) -> Result<Vec<KeyVersion>, KeyError> {
        Ok(self.keys_now()?.versions())
    }

    async fn create(&self) -> Result<KeyId, KeyError> {
        self.file()?.change(|keys| Ok(keys.add(self.clock.wall())))
    }

    async fn promote(&self, key: &KeyId) -> Result<(), KeyError> {
        self.file()?.change(|keys| keys.promote(key))
    }

    async fn retire(&self, key: &KeyId) -> Result<(), KeyError> {
        self.file()?.change(|keys| keys.retire(key))
    }
}
