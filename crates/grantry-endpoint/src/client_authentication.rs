//! The methods of client authentication (RFC 6749 section 2.3, RFC 7523).

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use grantry_core::{ClientAuthenticationMethod, ClientId, ClientSecret, Error, SecretHeader, Stage};
use grantry_jose::{HmacKey, Signer};
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::assertion::{ASSERTION_TYPE, Assertion};
use crate::client::check;
use crate::form::{Form, encode};
use crate::zeroized::append;

/// How a client authenticates at the token, revocation and introspection endpoints.
///
/// Several secrets may be named in order, so that a secret can be exchanged while both are known. Every request
/// is made with exactly one of them and is sent once. When the server answers `invalid_client` the **next**
/// request is made with the next secret (after the last one, with the first again), and a secret that works is
/// kept. Until each was refused in turn, the error's
/// [`diagnosis`](grantry_core::Error::diagnosis) says to try again at once.
#[derive(Clone)]
pub struct ClientAuthentication(Kind);

#[derive(Clone)]
enum Kind {
    None,
    Secrets(ClientAuthenticationMethod, Vec<ClientSecret>),
    Signer(Arc<dyn Signer>),
    Certificate(ClientAuthenticationMethod),
}

impl ClientAuthentication {
    /// `none`: a public client, which names only its identifier.
    pub fn none() -> Self {
        Self(Kind::None)
    }

    /// `client_secret_basic`: identifier and secret, each form-encoded, in the `Authorization` header.
    pub fn secret_basic(secret: impl Into<ClientSecret>) -> Self {
        Self::secret(ClientAuthenticationMethod::ClientSecretBasic, secret)
    }

    /// `client_secret_post`: identifier and secret in the body.
    pub fn secret_post(secret: impl Into<ClientSecret>) -> Self {
        Self::secret(ClientAuthenticationMethod::ClientSecretPost, secret)
    }

    /// `client_secret_jwt`: an assertion under HMAC-SHA-256 with the secret, which has to be at least 32 bytes
    /// long (RFC 7518 section 3.2).
    pub fn secret_jwt(secret: impl Into<ClientSecret>) -> Self {
        Self::secret(ClientAuthenticationMethod::ClientSecretJwt, secret)
    }

    /// `private_key_jwt`: an assertion signed with a private key, which may be in an HSM or a KMS.
    ///
    /// A signature is waited for at most 10 s, for which a signer that is not done at once needs a tokio runtime
    /// with its timer; after that the request fails unsent. The server's facts have to name the issuer, whom
    /// assertions are addressed to, or [`TokenEndpoint`](grantry_core::AssertionAudience::TokenEndpoint).
    pub fn private_key(signer: impl Signer) -> Self {
        Self(Kind::Signer(Arc::new(signer)))
    }

    /// `tls_client_auth` (RFC 8705 section 2.1): the certificate of the connection, which an authority issued that the server
    /// trusts. The endpoint's transport has to have one ([`HttpTransportBuilder::identity`](crate::HttpTransportBuilder)).
    pub fn tls() -> Self {
        Self(Kind::Certificate(ClientAuthenticationMethod::TlsClientAuth))
    }

    /// `self_signed_tls_client_auth` (RFC 8705 section 2.2): the certificate of the connection, which is registered with the
    /// server itself.
    pub fn self_signed_tls() -> Self {
        Self(Kind::Certificate(ClientAuthenticationMethod::SelfSignedTlsClientAuth))
    }

    /// Adds a secret to try when the ones before it are refused. It does nothing for a public client, a
    /// private key or a certificate.
    #[must_use]
    pub fn or_secret(mut self, secret: impl Into<ClientSecret>) -> Self {
        if let Kind::Secrets(_, secrets) = &mut self.0 {
            secrets.push(secret.into());
        }
        self
    }

    fn secret(method: ClientAuthenticationMethod, secret: impl Into<ClientSecret>) -> Self {
        Self(Kind::Secrets(method, vec![secret.into()]))
    }

    /// Checks every secret.
    pub(crate) fn into_credentials(self) -> Result<(ClientAuthenticationMethod, Vec<Credential>), Error> {
        use ClientAuthenticationMethod as Method;
        match self.0 {
            Kind::None => Ok((Method::None, Vec::new())),
            // The connection says who it is; the request names the client alone.
            Kind::Certificate(method) => Ok((method, Vec::new())),
            Kind::Signer(signer) => Ok((Method::PrivateKeyJwt, vec![Credential::Signer(signer)])),
            Kind::Secrets(method, secrets) => {
                let credential = |secret: ClientSecret| {
                    check("client secret", secret.expose())?;
                    Ok(match method {
                        Method::ClientSecretBasic => Credential::Basic(secret),
                        Method::ClientSecretJwt => {
                            let key = HmacKey::new(secret.expose()).map_err(|e| {
                                Error::configuration(
                                    "client_secret_jwt needs a client secret of at least 32 bytes: use \
                                     another method, or have a longer secret issued",
                                )
                                .with_source(e)
                            })?;
                            Credential::Mac(secret, key)
                        }
                        _ => Credential::Post(secret),
                    })
                };
                let credentials = secrets.into_iter().map(credential).collect::<Result<_, Error>>()?;
                Ok((method, credentials))
            }
        }
    }
}

impl fmt::Debug for ClientAuthentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (method, secrets) = match &self.0 {
            Kind::None => (ClientAuthenticationMethod::None, 0),
            Kind::Certificate(method) => (*method, 0),
            Kind::Signer(_) => (ClientAuthenticationMethod::PrivateKeyJwt, 0),
            Kind::Secrets(method, secrets) => (*method, secrets.len()),
        };
        f.debug_struct("ClientAuthentication").field("method", &method).field("secrets", &secrets).finish()
    }
}

/// One way to prove who the client is.
pub(crate) enum Credential {
    Basic(ClientSecret),
    Post(ClientSecret),
    /// The secret, and the same as a key.
    Mac(ClientSecret, HmacKey),
    Signer(Arc<dyn Signer>),
}

impl Credential {
    /// Puts the proof on a request: into the form, or into the header that is given back.
    pub(crate) async fn apply(
        &self,
        id: &ClientId,
        form: &mut Form,
        assertion: Assertion<'_>,
        stage: Stage,
    ) -> Result<Option<HeaderValue>, Error> {
        match self {
            Self::Basic(secret) => basic(id, secret).map(Some),
            Self::Post(secret) => {
                form.add("client_id", id.as_str());
                form.add("client_secret", secret.expose());
                Ok(None)
            }
            Self::Mac(_, key) => Self::assert(id, form, assertion, key, stage).await,
            Self::Signer(signer) => Self::assert(id, form, assertion, &**signer, stage).await,
        }
    }

    /// The secret that the server knows as well, if it is one.
    pub(crate) fn secret(&self) -> Option<&str> {
        match self {
            Self::Basic(secret) | Self::Post(secret) | Self::Mac(secret, _) => Some(secret.expose()),
            Self::Signer(_) => None,
        }
    }

    async fn assert(
        id: &ClientId,
        form: &mut Form,
        assertion: Assertion<'_>,
        signer: &dyn Signer,
        stage: Stage,
    ) -> Result<Option<HeaderValue>, Error> {
        form.add("client_id", id.as_str());
        form.add("client_assertion_type", ASSERTION_TYPE);
        form.add("client_assertion", &assertion.sign(id, signer, stage).await?);
        Ok(None)
    }
}

/// RFC 6749 section 2.3.1: both are form-encoded, then joined, then in base64.
fn basic(id: &ClientId, secret: &ClientSecret) -> Result<HeaderValue, Error> {
    let mut pair = Zeroizing::new(Vec::with_capacity(3 * (id.as_str().len() + secret.expose().len()) + 1));
    encode(&mut pair, id.as_str());
    append(&mut pair, b":");
    encode(&mut pair, secret.expose());
    let encoded = Zeroizing::new(STANDARD.encode(&*pair));
    SecretHeader::new(["Basic ", encoded.as_str()])
        .into_value()
        .ok_or_else(|| Error::internal("base64 stands in a header"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(id: &str, secret: &str) -> String {
        let header = basic(&id.into(), &secret.into()).unwrap();
        assert!(header.is_sensitive());
        let text = header.to_str().unwrap().strip_prefix("Basic ").unwrap().to_owned();
        String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
    }

    #[test]
    fn req_a11_basic_credentials_are_form_encoded_first() {
        assert_eq!(
            basic(&"s6BhdRkqt3".into(), &"7Fjfp0ZBr1KtDRbnfVdmIw".into()).unwrap(),
            "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"
        );
        assert_eq!(decoded(" %&+£€", "a:b"), "+%25%26%2B%C2%A3%E2%82%AC:a%3Ab");
        assert_eq!(decoded("a:b+c%d", "é"), "a%3Ab%2Bc%25d:%C3%A9");
    }

    #[test]
    fn no_secret_shows_in_debug() {
        let shown = format!("{:?}", ClientAuthentication::secret_basic("canary").or_secret("canary"));
        assert!(!shown.contains("canary") && shown.contains("secrets: 2"), "{shown}");
    }
}
