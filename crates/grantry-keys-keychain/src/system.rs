//! The keychain of this operating system.

use std::sync::Arc;

use grantry_vault::KeyError;
use keyring_core::api::CredentialStore;
use keyring_core::{Entry, Error};
use zeroize::Zeroizing;

use crate::entry::Keychain;
use crate::refusal::{refused, unreachable};

/// By this name all entries of ours can be found.
const SERVICE: &str = "grantry";

/// An entry of the system's keychain. It connects anew for each call: a keychain may be ended and begun at any time.
pub(crate) struct SystemKeychain {
    name: String,
    label: String,
}

impl SystemKeychain {
    pub(crate) fn new(name: String, label: String) -> Self {
        Self { name, label }
    }

    fn entry(&self) -> Result<Entry, KeyError> {
        let store = connect().map_err(|error| unreachable(&error))?;
        entry(&*store, &self.name, &self.label).map_err(|error| refused(&error))
    }
}

impl Keychain for SystemKeychain {
    fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
        match self.entry()?.get_secret() {
            Ok(secret) => Ok(Some(Zeroizing::new(secret))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(refused(&error)),
        }
    }

    fn write(&self, secret: &[u8]) -> Result<(), KeyError> {
        self.entry()?.set_secret(secret).map_err(|error| refused(&error))
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
fn connect() -> Result<Arc<CredentialStore>, Error> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

#[cfg(all(unix, not(target_os = "macos")))]
fn entry(store: &CredentialStore, name: &str, label: &str) -> Result<Entry, Error> {
    store.build(SERVICE, name, Some(&std::collections::HashMap::from([("label", label)])))
}

#[cfg(target_os = "macos")]
fn connect() -> Result<Arc<CredentialStore>, Error> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(target_os = "macos")]
fn entry(store: &CredentialStore, name: &str, _label: &str) -> Result<Entry, Error> {
    store.build(SERVICE, name, None)
}

#[cfg(not(unix))]
fn connect() -> Result<Arc<CredentialStore>, Error> {
    Err(Error::NotSupportedByStore("no keychain of this system is known".to_owned()))
}

#[cfg(not(unix))]
fn entry(store: &CredentialStore, name: &str, _label: &str) -> Result<Entry, Error> {
    store.build(SERVICE, name, None)
}
