//! How requests reach authorization servers: over what all services share, or over connections with a certificate of a
//! service's own.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use grantry_core::Error;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
pub(super) use grantry_endpoint::HttpTransportBuilder as Settings;
use grantry_endpoint::Transport;

use super::described::Described;
use super::identity::TlsIdentity;
use super::service::Service;

/// How connections are made: nothing makes any.
#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
#[derive(Debug, Clone, Default)]
pub(super) enum Settings {
    #[default]
    None,
}

/// Where transports come from.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// They are made here.
    Made(Settings),
    /// The application handed one in.
    Handed(Arc<dyn Transport>),
}

/// How requests reach authorization servers.
#[derive(Debug, Clone)]
pub(super) struct Transports {
    /// For a client's own credential, which may be sent again.
    pub(super) plain: Arc<dyn Transport>,
    /// For refresh tokens: a connection that nobody else uses.
    pub(super) single_use: Arc<dyn Transport>,
}

impl Way {
    /// # Errors
    /// `Configuration` where none can be made.
    pub(super) fn shared(&self) -> Result<Transports, Error> {
        match self {
            Self::Made(settings) => make(settings, None),
            Self::Handed(transport) => Ok(Transports::same(transport)),
        }
    }

    /// Whether transports with this certificate can be had, without making any where that is plain to see: the platform's
    /// root certificates are read for each.
    fn check(&self, identity: &TlsIdentity) -> Result<(), Error> {
        match self {
            Self::Made(_) if identity.is_a_pair() => Ok(()),
            _ => self.with(identity).map(drop),
        }
    }

    fn with(&self, identity: &TlsIdentity) -> Result<Transports, Error> {
        match self {
            Self::Made(settings) => make(settings, Some(identity)),
            Self::Handed(transport) if transport.certificate() == Some(identity.thumbprint()) => {
                Ok(Transports::same(transport))
            }
            Self::Handed(_) => Err(Error::configuration(
                "there is a certificate for mutual TLS, which the transport that was handed in does not present: hand in \
                 how transports are made, with `.http_transport(..)` in the place of `.transport(..)`",
            )),
        }
    }
}

impl Transports {
    fn same(transport: &Arc<dyn Transport>) -> Self {
        Self { plain: Arc::clone(transport), single_use: Arc::clone(transport) }
    }

    /// Whether nobody else sends by them.
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.plain) == 1 && Arc::strong_count(&self.single_use) == 1
    }
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
fn make(settings: &Settings, identity: Option<&TlsIdentity>) -> Result<Transports, Error> {
    let settings = match identity {
        Some(identity) => settings.clone().identity(identity),
        None => settings.clone(),
    };
    Ok(Transports {
        plain: Arc::new(settings.clone().build()?),
        single_use: Arc::new(settings.for_single_use_credentials().build()?),
    })
}

#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
fn make(_settings: &Settings, _identity: Option<&TlsIdentity>) -> Result<Transports, Error> {
    Err(Error::configuration(
        "there is no transport: turn the feature `rustls` or `native-tls` on, or hand one in",
    ))
}

/// The transports of one pantry.
pub(super) struct Reach {
    way: Way,
    pub(super) shared: Transports,
    /// Those with a certificate, by what the certificate and its key are.
    with_identity: Mutex<HashMap<[u8; 32], Transports>>,
}

impl Reach {
    pub(super) fn new(way: Way) -> Result<Self, Error> {
        let shared = way.shared()?;
        Ok(Self { way, shared, with_identity: Mutex::default() })
    }

    /// The transports of whoever presents this certificate: the same for all who do.
    ///
    /// # Errors
    /// `Configuration` where certificate and key cannot be used, or the application's transport presents another.
    pub(super) fn of(&self, identity: Option<&TlsIdentity>) -> Result<Transports, Error> {
        let Some(identity) = identity else { return Ok(self.shared.clone()) };
        let digest = grantry_jose::sha256(identity);
        let mut made = self.with_identity.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = made.get(&digest) {
            return Ok(made.clone());
        }
        let transports = self.way.with(identity)?;
        // Those of certificates that were exchanged.
        made.retain(|_, others| !others.is_idle());
        made.insert(digest, transports.clone());
        Ok(transports)
    }

    /// Whether the certificates that services are described with can be used.
    ///
    /// # Errors
    /// `Configuration` for the first that cannot, and where it stands.
    pub(super) fn check<'s>(&self, services: impl IntoIterator<Item = &'s Described>) -> Result<(), Error> {
        for service in services {
            // What lacks something answers that to whoever asks for it, and stops nobody else.
            let Some(service) = service.by_itself()? else { continue };
            self.check_one(&service).map_err(|error| service.mistake("cannot be reached", &error))?;
        }
        Ok(())
    }

    fn check_one(&self, service: &Service) -> Result<(), Error> {
        let parts = &service.parts;
        if let Some(identity) = service.described_identity()? {
            self.way.check(&identity)?;
        }
        let needs = parts.is_by_certificate() || parts.tls.bound_tokens;
        if needs && parts.tls.certificate.is_none() && self.shared.plain.certificate().is_none() {
            return Err(Error::configuration(
                "nothing says which certificate is presented (RFC 8705): name certificate and private key, in a \
                 configuration by `mutualTls`",
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reach").field("way", &self.way).finish_non_exhaustive()
    }
}
