//! What ties an authorization to the browser that began it.

use std::fmt;

use grantry_core::Entropy;
use grantry_jose::{base64url, sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::random::Random;

/// How long a value from a cookie has to be: as many characters as 128 random bits have.
const SHORTEST: usize = 22;
/// How long it may be.
const LONGEST: usize = 256;

/// A random value that one user agent has, and nobody else (RFC 9700 section 4.7): in a cookie of its own
/// (`Secure; HttpOnly; SameSite=Lax`, or `None` where the response comes as a form post), or in the process itself
/// where the application is on the person's machine.
///
/// Whoever finishes has to show the value with which it was begun; so a response that somebody else began cannot be
/// slipped to a person. Give each browser one of its own, before anybody signs in, and a new one afterwards.
pub struct UserAgentBinding(Zeroizing<String>);

impl UserAgentBinding {
    /// A new value of 256 random bits.
    pub fn new(entropy: &dyn Entropy) -> Self {
        Self(Random::new(entropy).text())
    }

    /// The value that came back in the cookie. A cookie is text from outside; it means something only if it is the
    /// value with which something was begun. `None` for what cannot be one, as if the cookie were not there: shorter
    /// than 22 or longer than 256 characters, or with others than a cookie may hold unquoted.
    pub fn from_cookie(value: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b',' | b';' | b'\\');
        let fits = (SHORTEST..=LONGEST).contains(&value.len()) && value.bytes().all(plain);
        fits.then(|| Self(Zeroizing::new(value.to_owned())))
    }

    /// The value, for the cookie.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn hash(&self) -> UserAgentHash {
        let mut text = Zeroizing::new(Vec::with_capacity(LONGEST + 64));
        text.extend_from_slice(b"grantry user agent\0");
        text.extend_from_slice(self.0.as_bytes());
        UserAgentHash(sha256(&*text))
    }
}

impl fmt::Debug for UserAgentBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserAgentBinding([redacted])")
    }
}

/// What a pending authorization remembers of it.
#[derive(Clone, Copy)]
pub(crate) struct UserAgentHash(pub(crate) [u8; 32]);

impl UserAgentHash {
    /// A text that stands for the user agent, and does not tell its value.
    pub(crate) fn text(&self) -> String {
        base64url::encode(self.0)
    }

    pub(crate) fn is_of(&self, binding: &UserAgentBinding) -> bool {
        self.0.ct_eq(&binding.hash().0).into()
    }
}

impl fmt::Debug for UserAgentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Enough to tell two apart, as it stands in the store's keys.
        write!(f, "{}..", &base64url::encode(self.0)[..6])
    }
}

#[cfg(test)]
mod tests {
    use grantry_core::SystemEntropy;

    use super::*;

    #[test]
    fn a_value_goes_through_a_cookie_and_back() {
        let made = UserAgentBinding::new(&SystemEntropy);
        let back = UserAgentBinding::from_cookie(made.expose()).unwrap();
        assert!(made.hash().is_of(&back));
        assert!(!made.hash().is_of(&UserAgentBinding::new(&SystemEntropy)));
    }

    #[test]
    fn what_nobody_made_is_no_value() {
        for bad in ["", "session", "aaaaaaaaaaaaaaaaaaaaaa;", "a b c d e f g h i j k l m n", &"x".repeat(257)]
        {
            assert!(UserAgentBinding::from_cookie(bad).is_none(), "{bad}");
        }
    }
}
