//! What a configuration knows of a server that no metadata says.

use grantry_core::{AuthorizationServer, Error, RefreshRate};

/// What a configuration knows of a server that no metadata says, in the place of what is known otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ServerFacts {
    /// Whether revoking an access token leaves its refresh token alone, where that is said.
    pub spares_refresh_tokens: Option<bool>,
    /// Whether revoking a token leaves later consents of the same person alone, where that is said.
    pub spares_later_consents: Option<bool>,
    /// How often one refresh token may be used, where that is said; `Some(None)` where it is said that the server does not bound it.
    pub refresh_rate: Option<Option<RefreshRate>>,
}

impl ServerFacts {
    /// The server, with these facts.
    ///
    /// # Errors
    /// None, as far as is known: its URLs were checked when it was built.
    pub fn over(&self, server: &AuthorizationServer) -> Result<AuthorizationServer, Error> {
        if *self == Self::default() {
            return Ok(server.clone());
        }
        let mut spares = server.revocation_spares();
        if let Some(spared) = self.spares_refresh_tokens {
            spares = spares.with_refresh_tokens(spared);
        }
        if let Some(spared) = self.spares_later_consents {
            spares = spares.with_later_consents(spared);
        }
        let mut builder = server.to_builder().revocation_spares(spares);
        if let Some(rate) = self.refresh_rate {
            builder = builder.refresh_rate(rate);
        }
        builder.build()
    }
}
