//! Signing and verifying for OAuth 2.0: keys from PEM or JWK, and signed JSON Web Tokens.
//!
//! | to | read |
//! |---|---|
//! | sign with a key from a file | [`SigningKey`] |
//! | sign with a key in an HSM or a KMS | [`Signer`] |
//! | sign with a client secret | [`HmacKey`] |
//! | make a client assertion or a proof | [`sign_jwt`], [`sign_jwt_with`], [`sign_jwt_encoded`] |
//! | keep a key that proves possession | [`ProofKey`] |
//! | verify one | [`verify_jwt`], [`VerifyingKey`] |
//! | verify one with the keys that a server publishes | [`KeySet`] |
//! | see that an ID token was issued with an access token | [`token_hash`] |
//! | publish or compare a key | [`Jwk`] |
//!
//! # Invariants
//!
//! * `ring` is named in `crypto.rs` alone. No HTTP, no clock, no runtime, no files.
//! * `none` cannot be named as an algorithm. A token verifies only with an algorithm that is on the caller's list
//!   **and** that the key can do; no key inside a token is ever used. A public key cannot verify HS256.
//! * A [`KeySet`] holds at most 256 keys, tries at most 8 of them for one token, and never guesses which key a token
//!   without a `kid` means.
//! * [`Jwk`] holds public members alone. A private key is written down in one place, [`ProofKey::expose_jwk`], and only
//!   one that was made or read as a [`ProofKey`].
//! * No error and no `Debug` holds a byte of a private key or a secret.
//! * Bytes of private keys that this crate decodes are zeroized when dropped. What `ring` keeps inside its own
//!   key pairs is not: it has no way to ask for that.

pub mod base64url;
mod crypto;
mod der;
mod encoded;
mod hmac_key;
mod jwk;
mod jwt;
mod key_error;
mod key_set;
mod parts;
mod pem;
mod proof_key;
mod signer;
mod signing_key;
mod token_hash;
mod verifying_key;
mod wire;

pub use crypto::sha256;
pub use hmac_key::HmacKey;
pub use jwk::Jwk;
pub use jwt::{
    EncodedHeader, HeaderMembers, JoseHeader, VerifyError, sign_jwt, sign_jwt_encoded, sign_jwt_with,
    verify_jws, verify_jwt,
};
pub use key_error::KeyError;
pub use key_set::KeySet;
pub use proof_key::{ProofKey, certificate_thumbprint};
pub use signer::{Algorithm, SignError, Signer};
pub use signing_key::SigningKey;
pub use token_hash::token_hash;
pub use verifying_key::VerifyingKey;
