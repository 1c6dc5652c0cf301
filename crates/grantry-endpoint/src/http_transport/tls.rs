//! TLS: rustls on ring with the platform's verifier, or the platform's own library.

use grantry_core::Error;
use reqwest::ClientBuilder;

/// Sets TLS 1.2 or newer with full verification. `http1_only` leaves HTTP/2 out of what is offered.
#[cfg(feature = "rustls")]
pub(super) fn configure(
    builder: ClientBuilder,
    roots: &[Vec<u8>],
    identity: Option<&[u8]>,
    http1_only: bool,
) -> Result<ClientBuilder, Error> {
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls_platform_verifier::Verifier;

    let refuse = || Error::configuration("a root certificate is neither DER nor PEM of a certificate");
    let mut extra = Vec::new();
    for root in roots {
        if is_pem(root) {
            let before = extra.len();
            for certificate in CertificateDer::pem_slice_iter(root) {
                extra.push(certificate.map_err(|_| refuse())?);
            }
            if extra.len() == before {
                return Err(refuse());
            }
        } else {
            extra.push(CertificateDer::from(root.clone()));
        }
    }

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
    let config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|_| Error::internal("ring does TLS 1.2 and 1.3"))?;
    let config = match Verifier::new_with_extra_roots(extra, provider) {
        Ok(verifier) => {
            // "Dangerous" in name only: this is the platform's verifier.
            config.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
        // The machine has no root certificates: http to loopback works, every handshake fails.
        Err(_) if roots.is_empty() => config.with_root_certificates(rustls::RootCertStore::empty()),
        Err(_) => return Err(refuse()),
    };
    let mut config = match identity {
        None => config.with_no_client_auth(),
        Some(pem) => {
            let refuse =
                || Error::configuration("the client certificate and its private key do not belong together");
            let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
            let (Ok(chain), Ok(key)) = (chain, PrivateKeyDer::from_pem_slice(pem)) else {
                return Err(refuse());
            };
            config.with_client_auth_cert(chain, key).map_err(|_| refuse())?
        }
    };
    config.alpn_protocols =
        if http1_only { vec![b"http/1.1".to_vec()] } else { vec![b"h2".to_vec(), b"http/1.1".to_vec()] };
    Ok(builder.tls_backend_preconfigured(config))
}

/// Sets TLS 1.2 or newer with full verification.
#[cfg(not(feature = "rustls"))]
pub(super) fn configure(
    mut builder: ClientBuilder,
    roots: &[Vec<u8>],
    identity: Option<&[u8]>,
    _http1_only: bool,
) -> Result<ClientBuilder, Error> {
    let refuse = |_| Error::configuration("a root certificate is neither DER nor PEM of a certificate");
    builder = builder.tls_backend_native().tls_version_min(reqwest::tls::Version::TLS_1_2);
    let mut all = Vec::new();
    for root in roots {
        if is_pem(root) {
            let bundle = reqwest::Certificate::from_pem_bundle(root).map_err(refuse)?;
            if bundle.is_empty() {
                return Err(Error::configuration("a root certificate's PEM holds no certificate"));
            }
            all.extend(bundle);
        } else {
            all.push(reqwest::Certificate::from_der(root).map_err(refuse)?);
        }
    }
    if let Some(pem) = identity {
        let identity = reqwest::Identity::from_pkcs8_pem(pem, pem).map_err(|_| {
            Error::configuration("the client certificate and its private key do not belong together")
        })?;
        builder = builder.identity(identity);
    }
    Ok(builder.tls_certs_merge(all))
}

fn is_pem(certificate: &[u8]) -> bool {
    certificate.windows(10).any(|w| w == b"-----BEGIN")
}
