//! The vault's key in the keychain of the operating system: a [`KeyProvider`](grantry_vault::KeyProvider) whose key is not in a file.
//!
//! For a person's own machine. The keychain is unlocked when they log in, and keeps the key encrypted under their password:
//! a copy of the disk, or of the vault's folder, opens nothing. On a server there is mostly no keychain, and an HSM or a key
//! service is better anyway.
//!
//! ```no_run
//! # async fn example() -> Result<(), grantry_vault::KeyError> {
//! use grantry_keys_keychain::KeychainKey;
//!
//! let key = KeychainKey::builder("billing", "/var/lib/billing/keychain.lock").create_if_missing().open().await?;
//! # drop(key);
//! # Ok(())
//! # }
//! ```
//!
//! # Which keychains
//!
//! | system | keychain | |
//! |---|---|---|
//! | Linux, FreeBSD and others | whatever answers as the Secret Service on the session's D-Bus: GNOME Keyring, KWallet, KeePassXC | tested with GNOME Keyring 42 |
//! | macOS | the login keychain | not tested |
//!
//! # What is in the keychain
//!
//! One entry, with the attributes `service` = `grantry` and `username` = the name. It holds what a key file would: the
//! versions of the key as a text ([`LocalKeySet`](grantry_vault::LocalKeySet)), so that keys rotate as those of a file do
//! ([`KeyRotation`](grantry_vault::KeyRotation)). It is read anew for each call, and found by every process of the same
//! person. Tenants' keys are in memory for five minutes, so that it is asked seldom.
//!
//! Keychains change nothing under a condition. So a lock file, which all processes have to name alike, lets one of them change
//! the entry at a time. What was written is read back; where that is something else, the text from before is put back.
//!
//! **Make a copy of the key**: where the entry is gone, nothing in the vault can be opened. No new key is ever made in its
//! place unless [`create_if_missing`](KeychainKeyBuilder::create_if_missing) asks for it, which is for new vaults only.
//!
//! # What a keychain cannot promise
//!
//! * Any program of the same person can read the key while the keychain is unlocked. macOS asks; GNOME Keyring does not.
//! * The key is in this process's memory for each call, and copies stay behind in what talks to the keychain.
//! * A locked keychain asks the person for its password, and the call waits for that, up to its
//!   [`patience`](KeychainKeyBuilder::patience). A call that was given up goes on waiting on its thread; there is one at a time.
//!
//! # Invariants
//!
//! * A key that is gone is an error, and never replaced by a new one unasked.
//! * A change is made by one process at a time, and a keychain that does not keep what it was given loses no key.
//! * No async thread waits for a keychain. Each call ends within its patience.
//! * No error, `Debug` or log line holds a key.
//! * Only `system.rs` names a keychain of an operating system.

mod builder;
mod entry;
mod keys;
mod lock;
mod refusal;
mod system;
#[cfg(test)]
mod tests;

pub use builder::KeychainKeyBuilder;
pub use keys::KeychainKey;
