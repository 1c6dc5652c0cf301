//! The client at the authorization server, as far as the configuration knows it.

use std::fmt;

use grantry_core::{ClientAuthenticationMethod, ClientId, ClientSecret, PrivateKey};
use secrecy::{ExposeSecret, SecretString};

use crate::fields::Provenance;
use crate::place::Place;

/// A value, where it stands, and how it came there: so that a message can name both places of what is said twice.
#[derive(Debug, Clone)]
pub struct Located<T> {
    value: T,
    place: Place,
    provenance: Provenance,
}

impl<T> Located<T> {
    pub(crate) fn new(value: T, place: Place, provenance: Provenance) -> Self {
        Self { value, place, provenance }
    }

    /// The value.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Where it stands.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// How it came there.
    pub fn provenance(&self) -> Provenance {
        self.provenance
    }
}

/// A text that is a secret and has no type of its own: a PIN, a passphrase, a URL with a password.
///
/// `Debug` prints `[redacted]`; the memory is zeroized when the last owner drops it.
#[derive(Clone)]
pub struct SecretText(SecretString);

impl SecretText {
    pub(crate) fn new(text: &str) -> Self {
        Self(SecretString::from(text.to_owned()))
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText([redacted])")
    }
}

/// The certificate that connections to the authorization server present (RFC 8705), as far as the configuration knows it.
#[derive(Debug, Clone, Default)]
pub struct MutualTls {
    pub(crate) certificate: Option<Located<String>>,
    pub(crate) private_key: Option<Located<PrivateKey>>,
    pub(crate) bound_tokens: bool,
}

impl MutualTls {
    /// The certificate, and those between it and its root, in PEM. Nothing else is in it.
    pub fn certificate(&self) -> Option<&Located<String>> {
        self.certificate.as_ref()
    }

    /// The private key in PEM. Nothing else is in it.
    pub fn private_key(&self) -> Option<&Located<PrivateKey>> {
        self.private_key.as_ref()
    }

    /// Whether the server binds access tokens to the certificate (`tls_client_certificate_bound_access_tokens`).
    pub fn bound_tokens(&self) -> bool {
        self.bound_tokens
    }
}

/// The client at the authorization server, as far as the configuration knows it; the vault may know the rest.
///
/// A credential that is in both is an error of whoever joins them; [`Located::place`] is what to name.
#[derive(Debug, Clone, Default)]
pub struct Registration {
    pub(crate) client_id: Option<Located<ClientId>>,
    pub(crate) client_secret: Option<Located<ClientSecret>>,
    pub(crate) private_key: Option<Located<PrivateKey>>,
    pub(crate) private_key_id: Option<String>,
    pub(crate) signing_algorithm: Option<String>,
    pub(crate) certificate: Option<String>,
    pub(crate) mutual_tls: Option<MutualTls>,
    pub(crate) authentication: Option<Located<ClientAuthenticationMethod>>,
    pub(crate) method: Option<ClientAuthenticationMethod>,
}

impl Registration {
    /// The client identifier (RFC 6749 section 2.2).
    pub fn client_id(&self) -> Option<&Located<ClientId>> {
        self.client_id.as_ref()
    }

    /// The client secret.
    pub fn client_secret(&self) -> Option<&Located<ClientSecret>> {
        self.client_secret.as_ref()
    }

    /// The private key for `private_key_jwt`, in PEM or as a JWK.
    pub fn private_key(&self) -> Option<&Located<PrivateKey>> {
        self.private_key.as_ref()
    }

    /// The key's id at the server, the `kid` of assertions.
    pub fn private_key_id(&self) -> Option<&str> {
        self.private_key_id.as_deref()
    }

    /// The registered name of the algorithm that assertions are signed with, such as `PS256`; `None` where it follows
    /// from the key.
    pub fn signing_algorithm(&self) -> Option<&str> {
        self.signing_algorithm.as_deref()
    }

    /// The certificate of the private key, in PEM.
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// The certificate that connections to the server present (RFC 8705).
    pub fn mutual_tls(&self) -> Option<&MutualTls> {
        self.mutual_tls.as_ref()
    }

    /// The authentication that the configuration names.
    pub fn authentication(&self) -> Option<&Located<ClientAuthenticationMethod>> {
        self.authentication.as_ref()
    }

    /// How the client authenticates: what the configuration names, or what follows from its credentials and from what
    /// the server accepts. `None` where the configuration has no credential.
    pub fn method(&self) -> Option<ClientAuthenticationMethod> {
        self.method
    }
}
