//! A key from a passphrase.

use argon2::{Algorithm, Argon2, Params};
use zeroize::Zeroizing;

use super::version::Version;
use crate::crypto::BYTES_32;
use crate::keys::KeyError;

/// 64 MiB, three passes, one lane: the second recommended choice of RFC 9106 section 4, with one lane in place of four.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;

const LEAST_CHARACTERS: usize = 12;
const LEAST_SALT_BYTES: usize = 16;

pub(super) fn derive(passphrase: &str, salt: &[u8]) -> Result<Version, KeyError> {
    if passphrase.chars().count() < LEAST_CHARACTERS {
        return Err(KeyError::configuration("the passphrase has to have 12 characters or more"));
    }
    if salt.len() < LEAST_SALT_BYTES {
        return Err(KeyError::configuration(
            "the salt of the passphrase has to have 16 bytes or more: `openssl rand -hex 16` makes one",
        ));
    }
    let failed = |_| KeyError::configuration("Argon2id does not take this passphrase or salt");
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(BYTES_32)).map_err(failed)?;
    let mut key = Zeroizing::new([0; BYTES_32]);
    Argon2::new(Algorithm::Argon2id, argon2::Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
        .map_err(failed)?;
    Ok(Version::from_array(1, &key))
}
