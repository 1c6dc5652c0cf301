//! What a revocation leaves alone.

use super::{AuthorizationServer, AuthorizationServerBuilder};

/// What a revocation is known to leave alone. A server may take more along than the token that it is asked to revoke
/// (RFC 7009 section 2.1), so nothing is known to be spared where nobody says it.
///
/// ```
/// use grantry_core::RevocationSpares;
/// let spares = RevocationSpares::UNKNOWN.with_refresh_tokens(true);
/// assert!(spares.refresh_tokens && !spares.later_consents);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct RevocationSpares {
    /// Revoking an access token leaves the refresh token that it came of alone: access tokens of grants that live on can be
    /// revoked, as when a client's secret is exchanged.
    pub refresh_tokens: bool,
    /// Revoking a token of one consent leaves the others of the same person and client alone: what is left of an old consent
    /// can be revoked where a later one lives.
    pub later_consents: bool,
}

impl RevocationSpares {
    /// Nobody knows: either may go along.
    pub const UNKNOWN: Self = Self { refresh_tokens: false, later_consents: false };

    /// Whether it spares the refresh token of an access token.
    #[must_use]
    pub const fn with_refresh_tokens(self, spared: bool) -> Self {
        Self { refresh_tokens: spared, ..self }
    }

    /// Whether it spares other consents of the same person.
    #[must_use]
    pub const fn with_later_consents(self, spared: bool) -> Self {
        Self { later_consents: spared, ..self }
    }
}

impl AuthorizationServerBuilder {
    /// What a revocation leaves alone; nothing that is known of if left out.
    pub fn revocation_spares(mut self, spares: RevocationSpares) -> Self {
        self.revocation_spares = spares;
        self
    }
}

impl AuthorizationServer {
    /// What a revocation is known to leave alone.
    pub fn revocation_spares(&self) -> RevocationSpares {
        self.facts.revocation_spares
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_revocation_spares_is_unknown_until_somebody_says_it() {
        let start = || AuthorizationServer::builder("https://a.example/t");
        assert_eq!(start().build().unwrap().revocation_spares(), RevocationSpares::UNKNOWN);
        assert_eq!(RevocationSpares::UNKNOWN, RevocationSpares::default());
        let both = RevocationSpares::UNKNOWN.with_refresh_tokens(true).with_later_consents(true);
        let server = start().revocation_spares(both).build().unwrap();
        for server in [server.for_mutual_tls().unwrap(), server.to_builder().build().unwrap(), server] {
            assert_eq!(server.revocation_spares(), both);
        }
    }
}
