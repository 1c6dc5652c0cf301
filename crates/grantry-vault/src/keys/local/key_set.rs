//! The versions of a local key, wherever they are kept.

use grantry_core::{SystemEntropy, Timestamp};
use zeroize::Zeroizing;

use super::version::Version;
use crate::keys::{KeyContext, KeyError, KeyId, KeyVersion, KeyVersionState, TenantKey, WrappedKey};

/// The first line of each text.
const HEAD: &str = "grantry key file 1";
/// What every version of this library begins such a text with.
const HEAD_OF_ANY: &str = "grantry key file ";

/// The versions of a local key, as a text that some place keeps: the key of a [`LocalKey`](super::LocalKey) for whoever
/// keeps it elsewhere than in a file, such as in the keychain of an operating system.
///
/// It wraps and unwraps, and its versions are added, promoted and retired, without any I/O: whoever keeps the text reads it,
/// changes it and writes it back, one at a time. The text is what a key file holds: whoever reads it opens the vault.
///
/// ```
/// use grantry_core::{Clock, SystemClock};
/// use grantry_vault::LocalKeySet;
///
/// let mut keys = LocalKeySet::generate(SystemClock::new().wall());
/// let second = keys.add(SystemClock::new().wall());
/// keys.promote(&second)?;
/// let read = LocalKeySet::from_text(&keys.to_text(), "the text")?;
/// assert_eq!(read.active()?, second);
/// # Ok::<(), grantry_vault::KeyError>(())
/// ```
#[derive(Debug)]
pub struct LocalKeySet {
    versions: Vec<Version>,
}

impl LocalKeySet {
    /// A new key of one version, made by the operating system's generator, and dated.
    pub fn generate(now: Timestamp) -> Self {
        Self::of(Version::generate(1, now, &SystemEntropy))
    }

    /// What [`to_text`](Self::to_text) wrote. `place` is what errors call the text, such as "the key file /etc/grantry.key".
    ///
    /// # Errors
    /// [`KeyError::Configuration`] where it is something else, is damaged, or is of a newer format.
    pub fn from_text(text: &str, place: &str) -> Result<Self, KeyError> {
        let mut lines = text.lines().enumerate();
        let head = lines.next().map_or("", |(_, head)| head);
        if head != HEAD {
            return Err(KeyError::configuration(if head.starts_with(HEAD_OF_ANY) {
                format!("{place} is of a newer format: upgrade this program")
            } else {
                format!("{place} holds no key of a vault: bring its copy back")
            }));
        }
        let of_versions = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let versions = of_versions.map(|(nth, line)| {
            Version::from_line(line).ok_or_else(|| {
                KeyError::configuration(format!(
                    "line {} of {place} is damaged: bring its copy back",
                    nth + 1
                ))
            })
        });
        let versions = versions.collect::<Result<Vec<_>, _>>()?;
        if versions.is_empty() {
            return Err(KeyError::configuration(format!(
                "{place} holds no key of a vault: bring its copy back"
            )));
        }
        Ok(Self { versions })
    }

    /// All versions as a text, in lines. It is as secret as the keys.
    pub fn to_text(&self) -> Zeroizing<String> {
        let lines: Vec<Zeroizing<String>> = self.versions.iter().map(Version::to_line).collect();
        let note = "# Whoever reads this opens the vault. Keep it from others, and a copy of it elsewhere.";
        let length = lines.iter().map(|line| line.len() + 1).sum::<usize>() + HEAD.len() + note.len() + 2;
        // Large enough from the start: one that grows would leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(length));
        for line in [HEAD, note].into_iter().chain(lines.iter().map(|line| line.as_str())) {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Wraps a tenant's key under the active version; see [`KeyProvider::wrap_key`](crate::KeyProvider::wrap_key).
    ///
    /// # Errors
    /// [`KeyError::Configuration`] where no version is active.
    pub fn wrap(&self, key: &TenantKey, context: &KeyContext) -> Result<WrappedKey, KeyError> {
        self.active_version()?.wrap(key, context, &SystemEntropy)
    }

    /// Unwraps what any of the versions wrapped; see [`KeyProvider::unwrap_key`](crate::KeyProvider::unwrap_key).
    ///
    /// # Errors
    /// [`KeyError::UnknownKey`] where the version is not among these, [`KeyError::Damaged`] where it does not open.
    pub fn unwrap(&self, wrapped: &WrappedKey, context: &KeyContext) -> Result<TenantKey, KeyError> {
        let id = wrapped.key_id();
        let version = self.versions.iter().find(|version| version.id() == *id);
        version
            .ok_or_else(|| KeyError::unknown_key(format!("{id} is not among the local keys")))?
            .unwrap(wrapped, context)
    }

    /// The version that wraps.
    ///
    /// # Errors
    /// [`KeyError::Configuration`] where none does.
    pub fn active(&self) -> Result<KeyId, KeyError> {
        self.active_version().map(Version::id)
    }

    /// All versions, as [`KeyRotation::versions`](crate::KeyRotation::versions) has them.
    pub fn versions(&self) -> Vec<KeyVersion> {
        self.versions.iter().map(Version::describe).collect()
    }

    /// Makes a version that waits to be promoted.
    pub fn add(&mut self, now: Timestamp) -> KeyId {
        let number = self.versions.iter().map(Version::number).max().unwrap_or(0) + 1;
        let mut version = Version::generate(number, now, &SystemEntropy);
        version.state = KeyVersionState::Waiting;
        let id = version.id();
        self.versions.push(version);
        id
    }

    /// Has this version wrap from now on; the one before it still unwraps. Idempotent.
    ///
    /// # Errors
    /// [`KeyError::UnknownKey`] where it is not among these.
    pub fn promote(&mut self, key: &KeyId) -> Result<(), KeyError> {
        if !self.versions.iter().any(|version| version.id() == *key) {
            return Err(KeyError::unknown_key(format!("{key} is not among the local keys")));
        }
        for version in &mut self.versions {
            if version.id() == *key {
                version.state = KeyVersionState::Active;
            } else if version.state == KeyVersionState::Active {
                version.state = KeyVersionState::Unwrapping;
            }
        }
        Ok(())
    }

    /// Destroys a version: what only it wrapped can never be opened again. Idempotent.
    ///
    /// # Errors
    /// [`KeyError::Refused`] for the active one.
    pub fn retire(&mut self, key: &KeyId) -> Result<(), KeyError> {
        let is_active = |version: &Version| version.id() == *key && version.state == KeyVersionState::Active;
        if self.versions.iter().any(is_active) {
            return Err(KeyError::refused(format!("{key} is the active key: promote another one first")));
        }
        self.versions.retain(|version| version.id() != *key);
        Ok(())
    }

    pub(super) fn of(version: Version) -> Self {
        Self { versions: vec![version] }
    }

    fn active_version(&self) -> Result<&Version, KeyError> {
        let active = self.versions.iter().find(|version| version.state == KeyVersionState::Active);
        active.ok_or_else(|| KeyError::configuration("none of the local keys is the active one"))
    }
}
