//! How a client proves who it is, as it is said in one word.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, ClientSecret};
use grantry_endpoint::ClientAuthentication;
use grantry_jose::SigningKey;

/// A client secret, a private key, or a [`ClientAuthentication`] with all its choices.
///
/// A secret is sent by the method that the authorization server is known to accept: `client_secret_basic` where it
/// does or nothing is known, else `client_secret_post`, else `client_secret_jwt`.
///
/// ```
/// use grantry::{ClientAuthentication, Credential};
/// let secret = Credential::from("s3cret");
/// let with_overlap = Credential::from(ClientAuthentication::secret_post("new").or_secret("old"));
/// ```
#[derive(Debug)]
pub struct Credential(Kind);

#[derive(Debug)]
enum Kind {
    Secret(ClientSecret),
    Chosen(ClientAuthentication),
}

impl Credential {
    /// The authentication to use at `server`.
    pub(crate) fn at(self, server: &AuthorizationServer) -> ClientAuthentication {
        let secret = match self.0 {
            Kind::Chosen(authentication) => return authentication,
            Kind::Secret(secret) => secret,
        };
        let accepted = server.client_credentials_methods();
        let accepts = |method| accepted.contains(&method);
        if accepted.is_empty() || accepts(Method::ClientSecretBasic) {
            ClientAuthentication::secret_basic(secret)
        } else if accepts(Method::ClientSecretPost) {
            ClientAuthentication::secret_post(secret)
        } else if accepts(Method::ClientSecretJwt) {
            ClientAuthentication::secret_jwt(secret)
        } else {
            // Refused when the source is built, with the methods that the server accepts.
            ClientAuthentication::secret_basic(secret)
        }
    }
}

impl From<&str> for Credential {
    fn from(secret: &str) -> Self {
        Self(Kind::Secret(secret.into()))
    }
}

impl From<String> for Credential {
    fn from(secret: String) -> Self {
        Self(Kind::Secret(secret.into()))
    }
}

impl From<ClientSecret> for Credential {
    fn from(secret: ClientSecret) -> Self {
        Self(Kind::Secret(secret))
    }
}

impl From<SigningKey> for Credential {
    fn from(key: SigningKey) -> Self {
        Self(Kind::Chosen(ClientAuthentication::private_key(key)))
    }
}

impl From<ClientAuthentication> for Credential {
    fn from(authentication: ClientAuthentication) -> Self {
        Self(Kind::Chosen(authentication))
    }
}
