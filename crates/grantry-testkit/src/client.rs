//! Clients that are registered at the authorization server.

use std::fmt;

use grantry_core::{ClientAuthenticationMethod, ClientId, ClientSecret};
use grantry_jose::VerifyingKey;

/// A client as the authorization server knows it (RFC 6749 section 2).
///
/// ```
/// use grantry_core::ClientAuthenticationMethod::ClientSecretBasic;
/// use grantry_testkit::RegisteredClient;
///
/// let any_method = RegisteredClient::with_secret("billing", "s3cret");
/// let basic_only = RegisteredClient::with_secret("crm", "old").or_secret("new").accepts([ClientSecretBasic]);
/// let public = RegisteredClient::public("desktop-app");
/// # let _ = (any_method, basic_only, public);
/// ```
#[derive(Clone)]
pub struct RegisteredClient {
    id: ClientId,
    secrets: Vec<ClientSecret>,
    keys: Vec<VerifyingKey>,
    methods: Vec<ClientAuthenticationMethod>,
    redirect_uris: Vec<String>,
}

impl RegisteredClient {
    /// A confidential client with a secret, which it may use in any of the three ways: in the header, in the
    /// body, or as the key of an assertion (of 32 bytes at least, RFC 7518 section 3.2).
    pub fn with_secret(id: impl Into<ClientId>, secret: impl Into<ClientSecret>) -> Self {
        use ClientAuthenticationMethod::{ClientSecretBasic, ClientSecretJwt, ClientSecretPost};
        Self {
            id: id.into(),
            secrets: vec![secret.into()],
            keys: Vec::new(),
            methods: vec![ClientSecretBasic, ClientSecretPost, ClientSecretJwt],
            redirect_uris: Vec::new(),
        }
    }

    /// A confidential client with a key pair, of which the server knows the public part (`private_key_jwt`).
    pub fn with_key(id: impl Into<ClientId>, key: impl Into<VerifyingKey>) -> Self {
        Self {
            keys: vec![key.into()],
            methods: vec![ClientAuthenticationMethod::PrivateKeyJwt],
            ..Self::public(id)
        }
    }

    /// A public client, which only names itself (RFC 6749 section 2.1).
    pub fn public(id: impl Into<ClientId>) -> Self {
        Self {
            id: id.into(),
            secrets: Vec::new(),
            keys: Vec::new(),
            methods: vec![ClientAuthenticationMethod::None],
            redirect_uris: Vec::new(),
        }
    }

    /// One more secret that is as good as the first: a rotation with overlap.
    #[must_use]
    pub fn or_secret(mut self, secret: impl Into<ClientSecret>) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// One more key that is as good as the first.
    #[must_use]
    pub fn or_key(mut self, key: impl Into<VerifyingKey>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// Only these authentication methods.
    #[must_use]
    pub fn accepts(self, methods: impl IntoIterator<Item = ClientAuthenticationMethod>) -> Self {
        Self { methods: methods.into_iter().collect(), ..self }
    }

    /// One more URI that people may be sent back to, compared by the character (RFC 9700 section 4.1.3). A loopback
    /// address without a port is every port of it (RFC 8252 section 7.3).
    #[must_use]
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// Its identifier.
    pub fn id(&self) -> &ClientId {
        &self.id
    }

    pub(crate) fn may_use(&self, method: ClientAuthenticationMethod) -> bool {
        self.methods.contains(&method)
    }

    pub(crate) fn may_redirect_to(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|registered| registered == uri || is_of_any_port(registered, uri))
    }

    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(ClientSecret::expose)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.iter()
    }

    /// Whether it can keep a secret, so that client credentials are for it (RFC 6749 section 4.4).
    pub(crate) fn is_confidential(&self) -> bool {
        self.methods.iter().any(|m| *m != ClientAuthenticationMethod::None)
    }
}

impl fmt::Debug for RegisteredClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisteredClient")
            .field("id", &self.id)
            .field("secrets", &self.secrets)
            .field("keys", &self.keys)
            .field("methods", &self.methods)
            .field("redirect_uris", &self.redirect_uris)
            .finish()
    }
}

/// RFC 8252 section 7.3: where a loopback address is registered without a port, a program may listen on any.
fn is_of_any_port(registered: &str, uri: &str) -> bool {
    let parts = |uri: &str| {
        let url = url::Url::parse(uri).ok()?;
        let host = url.host_str().filter(|host| ["127.0.0.1", "[::1]"].contains(host))?.to_owned();
        Some((url.port(), url.scheme().to_owned(), host, url[url::Position::BeforePath..].to_owned()))
    };
    match (parts(registered), parts(uri)) {
        (Some((None, scheme, host, rest)), Some((Some(_), other_scheme, other_host, other_rest))) => {
            (scheme, host, rest) == (other_scheme, other_host, other_rest)
        }
        _ => false,
    }
}
