//! Refresh tokens, told apart without being kept.

use std::fmt;

use grantry_core::RefreshToken;

use crate::crypto::hmac_sha256;

const LABEL: &[u8] = b"grantry/v1 fingerprint of a refresh token";

/// Which refresh token it is, in 16 bytes: equal for equal tokens, and nothing leads back from it.
///
/// A record names by it the tokens that its own descend from, which it does not hold any more.
///
/// ```
/// use grantry_core::RefreshToken;
/// use grantry_vault::Fingerprint;
/// let one = Fingerprint::of(&RefreshToken::new("r3fresh"));
/// assert_eq!(one, Fingerprint::of(&RefreshToken::new("r3fresh")));
/// assert_ne!(one, Fingerprint::of(&RefreshToken::new("another")));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// That of a refresh token.
    pub fn of(token: &RefreshToken) -> Self {
        let digest = hmac_sha256(LABEL, &[token.expose().as_bytes()]);
        let mut first = [0; 16];
        for (to, from) in first.iter_mut().zip(digest) {
            *to = from;
        }
        Self(first)
    }

    /// One that was kept.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    /// Shows the first four bytes: enough to tell a few apart, too little to search a token with.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Fingerprint({a:02x}{b:02x}{c:02x}{d:02x}..)")
    }
}
