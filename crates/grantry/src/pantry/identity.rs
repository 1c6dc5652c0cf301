//! The certificate that a service's connections present, and its private key (RFC 8705).

use std::fmt;

use grantry_core::{Error, PrivateKey, Thumbprint};
use grantry_jose::SigningKey;
use zeroize::Zeroizing;

use super::parts::Tls;

/// A certificate, those between it and its root, and its private key, as one PEM text: what clients are built with that
/// present tokens that are bound to it. `Debug` shows its thumbprint; the memory is zeroized when it is dropped.
///
/// ```
/// # #[cfg(feature = "mutual-tls")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # grantry::install_crypto_provider();
/// # let made = rcgen::generate_simple_self_signed(["client.example".to_owned()])?;
/// # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
/// # let test = grantry_testkit::TestServer::builder().client(client).start().await?;
/// # let resource = grantry_testkit::ProtectedResource::start(&test).await?;
/// # let api_url = resource.origin();
/// # let orders = grantry::pantry::Service::builder("orders", test.authorization_server()?)
/// #     .client_id("billing")
/// #     .secret("s3cret")
/// #     .tls_certificate(made.cert.pem())
/// #     .tls_key(made.signing_key.serialize_pem())
/// #     .build()?;
/// # use grantry::vault::access::{AccessPolicy, Principal};
/// # use grantry::vault::{LocalKey, MemoryVault};
/// # let folder = tempfile::tempdir()?;
/// # let me = Principal::workload("app")?;
/// # let pantry = grantry::Grantry::builder()
/// #     .vault(MemoryVault::new())
/// #     .keys(LocalKey::generate(folder.path().join("grantry.key"))?)
/// #     .lifeboats(folder.path().join("lifeboats"))
/// #     .access(AccessPolicy::sole(&me))
/// #     .services([orders])
/// #     .open()
/// #     .await?;
/// # let mine = pantry.as_principal(me);
/// # mine.create_tenant("acme").await?;
/// # let acme = mine.tenant("acme")?;
/// use grantry::AuthorizedClient;
///
/// let source = acme.stored_source("orders").await?;
/// let identity = source.identity().ok_or("the service has no certificate")?;
/// let api = AuthorizedClient::with_identity(reqwest::Client::builder(), identity, source, [api_url])?;
///
/// let orders = api.get(format!("{api_url}/orders")).send().await?;
/// assert_eq!(orders.status(), 200);
/// # pantry.shutdown().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TlsIdentity {
    pem: Zeroizing<String>,
    thumbprint: Thumbprint,
}

impl TlsIdentity {
    pub(super) fn new(certificate: &str, key: &PrivateKey) -> Result<Self, Error> {
        let thumbprint = grantry_jose::certificate_thumbprint(certificate).map_err(|error| {
            Error::configuration("the certificate for mutual TLS is no certificate in PEM").with_source(error)
        })?;
        let key = key.expose();
        // At its full length, so that no copy is left behind.
        let mut pem = Zeroizing::new(String::with_capacity(certificate.len() + key.len() + 2));
        for part in [certificate, key] {
            pem.push_str(part);
            pem.push('\n');
        }
        Ok(Self { pem, thumbprint: Thumbprint(thumbprint) })
    }

    /// What the description says, as far as it is whole.
    ///
    /// # Errors
    /// `Configuration` where one part is there without another that only the description may have.
    pub(super) fn of(tls: &Tls, vault_may_have_key: bool) -> Result<Option<Self>, Error> {
        match (&tls.certificate, &tls.key) {
            (Some(certificate), Some(key)) => Self::new(certificate, key).map(Some),
            (Some(_), None) if vault_may_have_key => Ok(None),
            (Some(_), None) => Err(Error::configuration(
                "there is a certificate for mutual TLS without its private key: name the key, too; the vault may have it \
                 where the client authenticates by the certificate (`tls_client_auth`)",
            )),
            (None, Some(_)) => Err(Error::configuration(
                "there is a private key for mutual TLS without its certificate: name the certificate, too",
            )),
            (None, None) => Ok(None),
        }
    }

    /// Whether the key is seen to be the certificate's. Keys of kinds that sign no JWT are not read here.
    pub(super) fn is_a_pair(&self) -> bool {
        SigningKey::from_pem(self).is_ok_and(|key| key.with_certificate(self).is_ok())
    }

    /// The thumbprint of the certificate, by which tokens name it.
    pub fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    /// The text itself.
    pub fn expose_pem(&self) -> &str {
        &self.pem
    }
}

impl AsRef<[u8]> for TlsIdentity {
    fn as_ref(&self) -> &[u8] {
        self.pem.as_bytes()
    }
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}
