//! The hash by which an ID token names the access token that it was issued with.

use crate::crypto::{sha384, sha512};
use crate::{Algorithm, base64url, sha256};

/// `at_hash` of an access token (OpenID Connect Core section 3.1.3.6): the left half of its hash, in base64url, where the
/// hash is the one of the algorithm that signs the ID token. Ed25519 hashes with SHA-512.
///
/// ```
/// use grantry_jose::{Algorithm, token_hash};
/// // The example of OpenID Connect Core, appendix A.4.
/// let access_token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
/// assert_eq!(token_hash(Algorithm::Rs256, access_token), "77QmUPtjPfzWtF2AnpK9RQ");
/// ```
pub fn token_hash(algorithm: Algorithm, token: &str) -> String {
    let whole = match algorithm {
        Algorithm::Es256 | Algorithm::Ps256 | Algorithm::Rs256 | Algorithm::Hs256 => sha256(token).to_vec(),
        Algorithm::Es384 => sha384(token.as_bytes()),
        Algorithm::EdDsa => sha512(token.as_bytes()),
    };
    base64url::encode(whole.split_at(whole.len() / 2).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn req_e22_the_hash_is_as_long_as_half_of_the_algorithms_own() {
        for (algorithm, bytes) in [(Algorithm::Es256, 16), (Algorithm::Es384, 24), (Algorithm::EdDsa, 32)] {
            assert_eq!(base64url::decode(token_hash(algorithm, "abc")).unwrap().len(), bytes);
        }
        // FIPS 180-4: SHA-384 and SHA-512 of "abc" begin so.
        assert_eq!(
            base64url::decode(token_hash(Algorithm::Es384, "abc")).unwrap()[..4],
            [0xcb, 0, 0x75, 0x3f]
        );
        assert_eq!(
            base64url::decode(token_hash(Algorithm::EdDsa, "abc")).unwrap()[..4],
            [0xdd, 0xaf, 0x35, 0xa1]
        );
    }
}
