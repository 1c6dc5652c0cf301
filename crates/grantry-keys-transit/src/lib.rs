//! Keys that never leave HashiCorp Vault or OpenBao: a key provider for the vault over the transit engine.
//!
//! ```no_run
//! # async fn example() -> Result<(), grantry_vault::KeyError> {
//! use grantry_keys_transit::{TransitKeys, TransitToken};
//! use grantry_vault::KeyProvider;
//!
//! let token = TransitToken::from_file("/run/vault-agent/token");
//! let keys = TransitKeys::builder("https://vault.example.com:8200", "grantry", token).build()?;
//! println!("tenant keys are wrapped by {}", keys.active().await?);
//! # Ok(())
//! # }
//! ```
//!
//! # Setting it up
//!
//! With `vault`, or `bao`, which takes the same commands:
//!
//! ```text
//! vault secrets enable transit
//! vault write -f transit/keys/grantry type=aes256-gcm96
//! ```
//!
//! The key has to be of type `aes256-gcm96` or `chacha20-poly1305`, which take associated data; a `derived` one will do,
//! and then each context has a key of its own. A key that is `exportable`, can be backed up in plaintext, or encrypts
//! convergently is refused. It is looked at when it is first used.
//!
//! What a token's policy has to allow:
//!
//! ```text
//! path "transit/keys/grantry"    { capabilities = ["read"] }
//! path "transit/encrypt/grantry" { capabilities = ["update"] }
//! path "transit/decrypt/grantry" { capabilities = ["update"] }
//! # only for the program that rotates:
//! path "transit/keys/grantry/rotate" { capabilities = ["update"] }
//! path "transit/keys/grantry/config" { capabilities = ["update"] }
//! path "transit/keys/grantry/trim"   { capabilities = ["update"] }
//! ```
//!
//! Do not give `create` on `encrypt`: the server would make a key that is missing. `deletion_allowed` should stay off.
//!
//! A token is not renewed here. An agent does that and writes it to a file, which is read for each call; see
//! [`TransitToken`].
//!
//! # Versions
//!
//! A wrapped key names its version as `transit/<mount>/<key>:v<number>`. The address and the namespace are no part of it, so
//! that a server can move. Rotation is in the server's own settings, so that all processes agree and nothing is kept
//! elsewhere:
//!
//! | state | in the server |
//! |---|---|
//! | waiting | newer than `min_encryption_version` |
//! | active | `min_encryption_version`; as long as that is zero, the latest |
//! | unwrapping | older, from `min_decryption_version` on |
//! | retired | older than `min_decryption_version`, and destroyed by `trim` |
//!
//! The engine itself encrypts by the latest version where a request names none, so each request here names one. Creating a
//! version first sets `min_encryption_version` to the one that is active, so that the new one waits; promoting raises it,
//! and from then on the server refuses to encrypt by an older one, for everybody. Where the server rotates by itself
//! (`auto_rotate_period`), or a person does, the new version waits too, once a version was ever promoted; before that it is
//! active at once.
//!
//! A transit engine lets versions go from the oldest on only, so retiring one is refused as long as an older one is there:
//! otherwise that would go along. Versions that are retired are destroyed, and backups of the store that name them do not
//! open any more; [`keep_retired_versions`](TransitKeysBuilder::keep_retired_versions) only shuts them out.
//!
//! # What it costs
//!
//! One request to unwrap, so one for each tenant, process and cache period of the vault; two to wrap, so two for each tenant
//! key that is made or wrapped anew; one for each tenant and run of the rotation, which asks for the active version. The
//! first call of a process makes one more, and so does its first wrap, which tries whether the server would decrypt under
//! another context: one that does is too old to know of associated data, and is refused. A connection that the server had closed, a token that was exchanged, or a version
//! that was promoted between two requests repeats a request once.
//!
//! # What was tested
//!
//! The tests run against a double of the documented HTTP API (`tests/double`), because neither server can be installed where
//! they run: paths, members, states and texts of errors are those of the documentation and of both servers' sources. Try it
//! with your own server before you rely on it.
//!
//! # Invariants
//!
//! * The key never comes here, and a tenant key only where it is wrapped or unwrapped.
//! * Each request binds the context as associated data, and names the version that is to encrypt. Nothing is wrapped by a
//!   server that was not seen to refuse another context.
//! * Nothing is sent but over https, or to loopback; certificates are verified. No redirect is followed.
//! * A call ends within its limit of time, and reads 256 KiB of an answer at most.
//! * What may change something twice is sent once.
//! * No error, `Debug` or event shows a key, a token, or a byte of an answer's body. A key lies in buffers that are zeroized,
//!   but for copies in TLS and in the kernel.
//! * What an answer does not say in words that are known is no verdict on what was wrapped.

mod bodies;
mod builder;
mod call;
mod engine;
mod facts;
mod keys;
mod name;
mod refusal;
mod token;

pub use builder::TransitKeysBuilder;
pub use keys::TransitKeys;
pub use token::TransitToken;
