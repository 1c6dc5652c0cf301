//! Keys that never leave an HSM: a key provider for the vault over PKCS#11.
//!
//! [`Pkcs11Keys`] wraps tenant keys under AES-256 keys that a token made and keeps: an HSM, a smart card, or SoftHSM for a
//! trial. It is a [`KeyProvider`](grantry_vault::KeyProvider) and can be rotated
//! ([`KeyRotation`](grantry_vault::KeyRotation)).
//!
//! ```no_run
//! # async fn example() -> Result<(), grantry_vault::KeyError> {
//! use grantry_keys_pkcs11::{Pin, Pkcs11Keys, TokenSelector};
//!
//! let module = "/usr/lib/softhsm/libsofthsm2.so";
//! let keys = Pkcs11Keys::builder(module, TokenSelector::label("vault"), Pin::from_env("VAULT_PIN"))
//!     .create_if_missing()
//!     .open()
//!     .await?;
//! # drop(keys);
//! # Ok(())
//! # }
//! ```
//!
//! # A trial with SoftHSM
//!
//! ```text
//! apt-get install softhsm2 opensc
//! mkdir -p ~/softhsm/tokens
//! echo "directories.tokendir = $HOME/softhsm/tokens" > ~/softhsm/softhsm2.conf
//! export SOFTHSM2_CONF=~/softhsm/softhsm2.conf
//! softhsm2-util --init-token --free --label vault        # asks for two PINs
//! ```
//!
//! Then run with `SOFTHSM2_CONF` set. `pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label vault --login
//! --list-objects` shows what the token holds.
//!
//! # What is in the token
//!
//! A version of the key is an AES-256 key, and for all mechanisms but the first one for HMAC, with the label `grantry/1`,
//! `grantry/2` and so on, and a `CKA_ID` that no other version has. They are made in the token, private, sensitive, never
//! extractable, not modifiable, and good for what their mechanism needs only; all that is read back, and a key that a token
//! made weaker is destroyed. A data object for each version (`grantry/versions`) says that the version works, and a number
//! in it which was promoted last. A version is named `pkcs11/<serial number>/<CKA_ID>`.
//!
//! # How it wraps
//!
//! The mechanism of a new version is the first of [`KeyMechanism`] that the token says to have (`C_GetMechanismInfo`) and
//! that works when it is tried. In all of them the context (deployment, tenant, epoch) is authenticated by the token:
//!
//! | first byte | mechanism | bytes after it |
//! |---|---|---|
//! | 1 | AES-GCM, context as associated data | 12 of IV, 32, 16 of tag |
//! | 2, 3 | AES key wrap without and with padding, then HMAC-SHA-256 | 40 or more, 32 of MAC |
//! | 4 | AES-CBC with PKCS#7 padding, then HMAC-SHA-256 | 16 of IV, 48, 32 of MAC |
//!
//! The MAC is over a constant, the length of the context, the context and all bytes before the MAC, and is verified by
//! `C_Verify` before anything is decrypted. Initialisation vectors come from `C_GenerateRandom`, or from the token itself
//! where it insists. Random ones of 12 bytes are good for 2^32 keys wrapped under one version; a vault wraps thousands. A
//! key wrap is deterministic: it shows that two wrapped keys of one context hold the same tenant key, and nothing else.
//!
//! Tokens that are asked for AES-GCM in their own ways are found out: those that make their own IV (one that leaves zeros
//! there is never used), and those that answer `CKR_BUFFER_TOO_SMALL` unless they are asked in parts.
//!
//! # Several processes
//!
//! Any number share a token, and find what one creates or promotes at their next call. PKCS#11 can change nothing under a
//! condition, so two that create at once make two versions, and of two promotions at once one wins for everybody; either
//! way each wrapped key names its version and unwraps. What is not safe is to retire a version while another process
//! promotes it: the vault rotates under a lease. Whoever does it by hand stops the other rotations first.
//!
//! # What a token cannot promise
//!
//! * **Tenant keys live in this process's memory**, because records are encrypted here. Whoever reads that memory has them;
//!   what they never have is the key in the token.
//! * **With a key wrap, a tenant key is an object of the session for a moment** that is not sensitive, and copies of it
//!   stay behind in buffers of the module and of `cryptoki` that nobody zeroizes. AES-GCM and AES-CBC leave copies in the
//!   module only.
//! * **Whoever has the PIN can use the keys**, and destroy them. Not take them along.
//! * A wrong PIN is not tried again **in one process**. A process that is started again and again with a wrong PIN tries it
//!   each time, until the token says that the next one would lock it: then none is tried any more.
//! * Within one process the login to a token is one for all. A second `Pkcs11Keys` on the same token with a wrong PIN is
//!   not found out while the first is logged in.
//! * A call in a module cannot be ended. One that never returns keeps its thread; see [`Pkcs11Keys`].
//! * When a token is gone, its module is ended and begun anew (`C_Finalize`, `C_Initialize`), at most three times in five
//!   seconds, because SoftHSM and others do not see it come back otherwise. Other tokens of the same module lose their
//!   sessions by that and get new ones. Where something else in this process initialised the module, that is left out.
//!
//! # What does not work
//!
//! Modules that need a string at `C_Initialize` (its reserved argument), tokens that cannot keep private data objects,
//! tokens with a PIN pad, and a `fork` after [`open`](Pkcs11KeysBuilder::open): the child gets an error at each call and has
//! to open its own. `CKM_AES_KEY_WRAP_KWP` is not used, as `cryptoki` has no name for it.
//!
//! # Which tokens
//!
//! SoftHSM 2.6.1 is tested, with all four mechanisms. Others are expected to work if their list of mechanisms holds one of
//! the rows above; how they answer is tested with a double, not with the devices. Try yours with `create_if_missing` and
//! look at the keys with its own tool. SoftHSM itself sometimes does not see a token for a moment while several processes
//! log in at once; that is waited out.
//!
//! # Invariants
//!
//! * No key above tenant keys is ever outside of the token, and none is used that could be.
//! * Nothing unwraps under another context, or with a bit changed.
//! * A PIN that was refused is not tried again in the process, until a person gives it again.
//! * `Damaged` and `UnknownKey` are said only by a token that showed that it works and shows its keys.
//! * A module is loaded once in a process, by its path, and is never unloaded. Sessions are bounded, each is used by one
//!   thread, and none outlives a renewal of its module.
//! * No async thread enters a module. Each call ends within its limit of time.
//! * No error, `Debug` or log line holds a PIN or a key.
//! * Only `session.rs` and `module.rs` call `cryptoki`. The rest is tested with a double in their place.

mod builder;
mod connection;
#[cfg(test)]
mod double;
mod fault;
mod gate;
mod keys;
mod module;
mod pin;
mod plan;
mod pool;
mod records;
mod session;
#[cfg(test)]
mod tests;
mod token;
mod versions;
mod wrapping;

pub use builder::{Pkcs11KeysBuilder, TokenSelector};
pub use keys::Pkcs11Keys;
pub use pin::Pin;
pub use plan::KeyMechanism;
