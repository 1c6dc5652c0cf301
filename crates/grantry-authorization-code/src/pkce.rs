//! Proof Key for Code Exchange (RFC 7636), by S256 alone.

use grantry_core::Entropy;
use grantry_jose::{base64url, sha256};
use zeroize::Zeroizing;

use crate::random::Random;

/// The only method: `plain` protects nothing from whoever sees the request (RFC 7636 section 7.2).
pub(crate) const METHOD: &str = "S256";

/// A code verifier, made for one request and sent with one code.
#[derive(Debug)]
pub(crate) struct Verifier(pub(crate) Random);

impl Verifier {
    pub(crate) fn new(entropy: &dyn Entropy) -> Self {
        Self(Random::new(entropy))
    }

    /// What goes to the token endpoint.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        self.0.text()
    }

    /// What goes ahead to the authorization endpoint (RFC 7636 section 4.2).
    pub(crate) fn challenge(&self) -> String {
        base64url::encode(sha256(self.text().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn req_b02_the_challenge_is_that_of_rfc_7636_appendix_b() {
        let octets = base64url::decode("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
        let verifier = Verifier(Random::from_octets(&octets).unwrap());
        assert_eq!(verifier.text().as_str(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
