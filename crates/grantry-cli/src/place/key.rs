//! Where the key above all keys is, and what opens it.

use std::path::{Path, PathBuf};

use grantry::pantry::open_keys;
use grantry::vault::{LocalKey, VaultKeys};
use grantry_config::KeyProviderSection;

use super::{Lies, marker};
use crate::failed::{Failed, VAULT};

/// Where the key above all keys is.
pub(crate) type Key = Lies<OtherKey>;

/// What holds the key, and is no file.
#[derive(Debug, Clone)]
pub(crate) enum OtherKey {
    Keychain(KeychainEntry),
    /// What a configuration describes.
    Configured(KeyProviderSection),
}

/// An entry of the operating system's keychain.
#[derive(Debug, Clone)]
pub(crate) struct KeychainEntry {
    name: String,
    /// By which the processes of this machine change it one at a time.
    #[cfg_attr(not(feature = "keychain"), allow(dead_code, reason = "nothing can change it then"))]
    lock: PathBuf,
    /// Whether a file beside the vault has the name, or is to have it.
    is_in_folder: bool,
}

impl KeychainEntry {
    fn new(name: String, folder: &Path, is_in_folder: bool) -> Self {
        Self { name, lock: folder.join("grantry.keychain.lock"), is_in_folder }
    }
}

impl Key {
    /// The key of a vault in a folder: in the keychain where a file there says so, else in a file.
    pub(super) fn of_folder(folder: &Path) -> Result<Self, Failed> {
        Ok(match marker::read(folder)? {
            Some(name) => Self::Elsewhere(OtherKey::Keychain(KeychainEntry::new(name, folder, true))),
            None => Self::File(folder.join("grantry.key")),
        })
    }

    pub(super) fn of(section: &KeyProviderSection, folder: &Path) -> Self {
        match section {
            KeyProviderSection::File { path, .. } => Self::File(path.clone()),
            KeyProviderSection::Keychain { entry, .. } => {
                Self::Elsewhere(OtherKey::Keychain(KeychainEntry::new(entry.clone(), folder, false)))
            }
            other => Self::Elsewhere(OtherKey::Configured(other.clone())),
        }
    }

    /// One that no vault has yet.
    pub(super) fn in_new_entry(folder: &Path) -> Self {
        let name = format!("vault-{}", marker::any_name());
        Self::Elsewhere(OtherKey::Keychain(KeychainEntry::new(name, folder, true)))
    }

    /// The entry of the keychain, where it is in one.
    pub(crate) fn entry(&self) -> Option<&str> {
        match self {
            Self::Elsewhere(OtherKey::Keychain(entry)) => Some(&entry.name),
            _ => None,
        }
    }

    /// The environment variable that holds it, where one does.
    pub(crate) fn variable(&self) -> Option<&str> {
        match self {
            Self::Elsewhere(OtherKey::Configured(KeyProviderSection::Environment { variable, .. })) => {
                Some(variable)
            }
            _ => None,
        }
    }

    /// For people: what it is.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "key file",
            Self::Elsewhere(OtherKey::Keychain(_)) => "keychain",
            Self::Elsewhere(OtherKey::Configured(_)) => "key",
        }
    }

    /// For people: where it is.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Elsewhere(OtherKey::Keychain(entry)) => format!("the entry {} of the keychain", entry.name),
            Self::Elsewhere(OtherKey::Configured(section)) => match section {
                KeyProviderSection::Environment { variable, .. } => {
                    format!("the environment variable {variable}")
                }
                KeyProviderSection::Passphrase { .. } => "the configured passphrase".to_owned(),
                KeyProviderSection::Pkcs11 { module, .. } => format!("the HSM of {}", module.display()),
                KeyProviderSection::AwsKms { region, key, .. } => {
                    format!("the key {key} of AWS KMS in {region}")
                }
                KeyProviderSection::Transit { address, key, .. } => {
                    format!("the key {key} of the transit engine at {address}")
                }
                _ => "the configured keys".to_owned(),
            },
        }
    }

    /// The key of a vault that is there. One that is gone is never made anew.
    ///
    /// # Errors
    /// Where it is gone, or cannot be used.
    pub(super) async fn open(&self) -> Result<VaultKeys, Failed> {
        match self {
            Self::File(path) if !path.exists() => {
                let fact = format!(
                    "the key of the vault is not at {}, and without it nothing in the vault can be opened",
                    path.display()
                );
                let remedy = "bring the key file back from its copy, or say where it is with --key-file";
                Err(Failed::new(VAULT, fact).with_remedy(remedy))
            }
            Self::File(path) => Ok(VaultKeys::rotating(LocalKey::from_file(path)?)),
            Self::Elsewhere(OtherKey::Keychain(entry)) => in_keychain(entry, false).await,
            Self::Elsewhere(OtherKey::Configured(section)) => configured(section).await,
        }
    }

    /// The key of a vault that is to be made, made if there is none.
    ///
    /// # Errors
    /// Where it cannot be made or used.
    pub(super) async fn make(&self, folder: &Path) -> Result<VaultKeys, Failed> {
        match self {
            Self::File(path) => match LocalKey::generate(path) {
                Ok(key) => Ok(VaultKeys::rotating(key)),
                Err(_) if path.exists() => self.open().await,
                Err(error) => Err(error.into()),
            },
            Self::Elsewhere(OtherKey::Keychain(entry)) if entry.is_in_folder => {
                is_built_in()?;
                // Another one may have been written down at the same moment.
                let name = marker::claim(folder, &entry.name)?;
                in_keychain(&KeychainEntry { name, ..entry.clone() }, true).await
            }
            Self::Elsewhere(OtherKey::Keychain(entry)) => in_keychain(entry, true).await,
            Self::Elsewhere(OtherKey::Configured(_)) => self.open().await,
        }
    }
}

/// # Errors
/// Usage for what this command was built without; those of the key provider.
async fn configured(section: &KeyProviderSection) -> Result<VaultKeys, Failed> {
    let (what, feature, is_built_in) = match section {
        KeyProviderSection::Pkcs11 { .. } => ("an HSM", "pkcs11", cfg!(feature = "pkcs11")),
        KeyProviderSection::AwsKms { .. } => ("AWS KMS", "aws-kms", cfg!(feature = "aws-kms")),
        KeyProviderSection::Transit { .. } => ("a transit engine", "transit", cfg!(feature = "transit")),
        _ => return Ok(open_keys(section, None).await?),
    };
    if !is_built_in {
        let fact = format!("the configured keys are in {what}, which this command was built without");
        let remedy =
            format!("build it with the feature `{feature}` of grantry-cli, or use the program that has it");
        return Err(Failed::usage(fact).with_remedy(remedy));
    }
    Ok(open_keys(section, None).await?)
}

#[cfg(feature = "keychain")]
#[allow(clippy::unnecessary_wraps, reason = "without the feature it is not")]
fn is_built_in() -> Result<(), Failed> {
    Ok(())
}

#[cfg(not(feature = "keychain"))]
fn is_built_in() -> Result<(), Failed> {
    let fact = "the key is in the keychain of the operating system, which this command was built without";
    Err(Failed::usage(fact).with_remedy("build it with the feature `keychain` of grantry-cli"))
}

#[cfg(feature = "keychain")]
async fn in_keychain(entry: &KeychainEntry, makes: bool) -> Result<VaultKeys, Failed> {
    use grantry::vault::KeyError;
    let folder = entry.lock.parent().unwrap_or(Path::new("."));
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mut key = grantry_keys_keychain::KeychainKey::builder(&entry.name, &entry.lock)
        .label(format!("The key of the vault {}", folder.display().to_string().replace('\0', "?")));
    if makes {
        key = key.create_if_missing();
    }
    match key.open().await {
        Ok(key) => Ok(VaultKeys::rotating(key)),
        Err(error) => {
            let is_gone = matches!(error, KeyError::Configuration(_));
            let failed = Failed::from(error);
            let remedy = "name a copy of the key with --key-file, if there is one";
            Err(if is_gone { failed.with_remedy(remedy) } else { failed })
        }
    }
}

#[cfg(not(feature = "keychain"))]
#[allow(clippy::unused_async, reason = "with the feature it asks the keychain")]
async fn in_keychain(_entry: &KeychainEntry, _makes: bool) -> Result<VaultKeys, Failed> {
    is_built_in()?;
    Err(Failed::usage("the keychain cannot be asked"))
}
