//! 256 random bits as a text for URLs: states, verifiers, nonces.

use std::fmt;

use grantry_core::Entropy;
use grantry_jose::base64url;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// 32 random octets. As a text they are 43 characters of `[A-Za-z0-9_-]` (RFC 7636 section 4.1).
pub(crate) struct Random(Zeroizing<[u8; 32]>);

impl Random {
    pub(crate) fn new(entropy: &dyn Entropy) -> Self {
        let mut octets = Zeroizing::new([0; 32]);
        entropy.fill(&mut *octets);
        Self(octets)
    }

    pub(crate) fn from_octets(octets: &[u8]) -> Option<Self> {
        octets.try_into().ok().map(|octets| Self(Zeroizing::new(octets)))
    }

    pub(crate) fn octets(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(base64url::encode(*self.0))
    }

    /// Whether a text is this one, to the last character. Takes as long wherever they differ.
    pub(crate) fn is(&self, text: &str) -> bool {
        self.text().as_bytes().ct_eq(text.as_bytes()).into()
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use grantry_core::SystemEntropy;

    use super::*;

    #[test]
    fn req_b03_a_million_verifiers_are_43_unreserved_characters_and_none_comes_twice() {
        let mut seen = HashSet::with_capacity(1_000_000);
        for _ in 0..1_000_000 {
            let random = Random::new(&SystemEntropy);
            let text = random.text();
            assert!(
                text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
            );
            let mut head = [0; 16];
            head.copy_from_slice(&random.octets()[..16]);
            assert!(seen.insert(u128::from_le_bytes(head)), "it came before");
        }
    }

    #[test]
    fn req_b09_a_state_with_any_character_changed_is_another() {
        let random = Random::new(&SystemEntropy);
        let text = random.text();
        assert!(random.is(&text));
        for at in 0..text.len() {
            for flip in 0..7 {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] ^= 1 << flip;
                assert!(!random.is(&String::from_utf8(bytes).unwrap()), "{at}, {flip}");
            }
        }
        for other in ["", &text[1..], &text[..42], &format!("{}=", *text), &format!("{}a", *text)] {
            assert!(!random.is(other));
        }
    }
}
