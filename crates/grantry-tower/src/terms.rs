//! Whose tokens go where: what all services of a layer share.

use grantry_core::presenting::AllowedOrigins;
use grantry_core::{Error, Origin, Thumbprint, TokenSource};
use http::Uri;

#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) source: Box<dyn TokenSource>,
    origins: AllowedOrigins,
    /// Whether the inner service is bound to the one origin, so that a request need not name it.
    is_fixed: bool,
    /// The certificate that the inner service presents.
    identity: Option<Thumbprint>,
}

impl Terms {
    pub(crate) fn new(source: Box<dyn TokenSource>, origins: AllowedOrigins, is_fixed: bool) -> Self {
        Self { source, origins, is_fixed, identity: None }
    }

    pub(crate) fn presenting(self, identity: Thumbprint) -> Self {
        Self { identity: Some(identity), ..self }
    }

    pub(crate) fn identity(&self) -> Option<Thumbprint> {
        self.identity
    }

    /// The allowed origin that a request to `uri` goes to.
    pub(crate) fn origin_of(&self, uri: &Uri) -> Result<&Origin, Error> {
        let names_nothing = uri.scheme().is_none() && uri.authority().is_none();
        match self.origins.iter().next() {
            Some(origin) if self.is_fixed && names_nothing => Ok(origin),
            _ => self.origins.check_uri(uri),
        }
    }
}
