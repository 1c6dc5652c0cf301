//! What a service is: where its tokens come from, and how.

use std::fmt;

use grantry_core::{
    AuthorizationServer, ClientAuthenticationMethod, ClientId, ClientSecret, Error, PrivateKey, ServiceName,
    TenantId,
};
use grantry_endpoint::Dpop;
use grantry_jose::Algorithm;
use grantry_refresh::RefreshPolicy;
use zeroize::Zeroizing;

use super::identity::TlsIdentity;
use super::parts::Parts;

/// How a service's tokens are obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Flow {
    /// The client acts for itself (RFC 6749 section 4.4). Nobody has to consent.
    #[default]
    ClientCredentials,
    /// A person consented, in a browser (RFC 6749 section 4.1) or on a device (RFC 8628): what is kept is renewed by its
    /// refresh token.
    AuthorizationCode,
    /// Another token is exchanged (RFC 8693), which the application hands in: `TenantPantry::exchange` (feature
    /// `token-exchange`). Nothing is kept.
    TokenExchange,
}

impl Flow {
    const ALL: [Self; 3] = [Self::ClientCredentials, Self::AuthorizationCode, Self::TokenExchange];

    /// The name in configurations: `client_credentials`, `authorization_code`, `token_exchange`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::AuthorizationCode => "authorization_code",
            Self::TokenExchange => "token_exchange",
        }
    }

    /// The flow of that name. `device_authorization` is [`AuthorizationCode`](Flow::AuthorizationCode), too: a person consents,
    /// if on another device, and what comes of it is kept and renewed in the same way.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "device_authorization" => Some(Self::AuthorizationCode),
            _ => Self::ALL.into_iter().find(|flow| flow.as_str() == name),
        }
    }
}

/// A service: the authorization server, the flow, the client's registration there, and when to renew. Plain data;
/// `Debug` shows no secret and no value of a parameter.
///
/// What it leaves out of the registration (client id, secret or key) is in the vault, as `grantry auth set` puts it
/// there. A secret in both places is an error that names them.
///
/// ```
/// use grantry::pantry::{Flow, Service};
/// let server = grantry::AuthorizationServer::builder("https://as.example.com/token").build()?;
/// let crm = Service::builder("crm", server).client_id("billing").scope("contacts.read").build()?;
/// assert_eq!(crm.flow(), Flow::ClientCredentials);
/// # Ok::<(), grantry::Error>(())
/// ```
#[derive(Clone)]
pub struct Service {
    pub(super) name: ServiceName,
    pub(super) tenant: Option<TenantId>,
    pub(super) place: String,
    pub(super) parts: Parts,
}

impl Service {
    /// Starts from the name, which callers ask by, and the authorization server: a preset, or your own.
    pub fn builder(name: impl Into<String>, server: AuthorizationServer) -> ServiceBuilder {
        ServiceBuilder {
            name: name.into(),
            tenant: None,
            place: "the service's description".to_owned(),
            parts: Parts::new(server),
        }
    }

    /// Starts from what is known already.
    #[cfg(feature = "config")]
    pub(super) fn of_parts(name: &str, parts: Parts) -> ServiceBuilder {
        ServiceBuilder { name: name.to_owned(), tenant: None, place: String::new(), parts }
    }

    /// What callers ask by.
    pub fn name(&self) -> &ServiceName {
        &self.name
    }

    /// The one tenant that it is for; `None` for all.
    pub fn tenant(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }

    /// How its tokens are obtained.
    pub fn flow(&self) -> Flow {
        self.parts.flow
    }

    /// The authorization server.
    pub fn server(&self) -> &AuthorizationServer {
        &self.parts.server
    }

    /// The client identifier, where it is not in the vault.
    pub fn client_id(&self) -> Option<&ClientId> {
        self.parts.client_id.as_ref()
    }

    /// The scopes that are asked for.
    pub fn scopes(&self) -> &[String] {
        &self.parts.scopes
    }

    /// Where the browser comes back to.
    pub fn redirect_uri(&self) -> Option<&str> {
        self.parts.redirect_uri.as_deref()
    }

    /// When to renew, and what an outage means for callers.
    pub fn policy(&self) -> &RefreshPolicy {
        &self.parts.policy
    }

    /// Where it is described, for errors.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The certificate that its connections present, where all of it is described.
    pub(super) fn described_identity(&self) -> Result<Option<TlsIdentity>, Error> {
        let parts = &self.parts;
        let says_another = !parts.is_by_certificate() && parts.method.is_some();
        let has_another = !parts.secrets.is_empty() || parts.private_key.is_some();
        TlsIdentity::of(&parts.tls, !says_another && !has_another)
    }

    /// An error about it.
    pub(super) fn mistake(&self, fact: &str, error: &Error) -> Error {
        Error::configuration(format!("{}: {} {fact}: {error}", self.place, self.name))
    }
}

/// Builds a [`Service`].
#[must_use]
pub struct ServiceBuilder {
    name: String,
    tenant: Option<String>,
    place: String,
    parts: Parts,
}

impl ServiceBuilder {
    /// The one tenant that it is for. Left out, it is for every tenant that has none of the same name for itself.
    pub fn tenant(self, tenant: impl Into<String>) -> Self {
        Self { tenant: Some(tenant.into()), ..self }
    }

    /// Where it is described, such as `grantry.json, line 12`: errors name it.
    pub fn described_in(self, place: impl Into<String>) -> Self {
        Self { place: place.into(), ..self }
    }

    fn with(mut self, change: impl FnOnce(&mut Parts)) -> Self {
        change(&mut self.parts);
        self
    }

    /// How its tokens are obtained; client credentials if left out.
    pub fn flow(self, flow: Flow) -> Self {
        self.with(|parts| parts.flow = flow)
    }

    /// The client identifier.
    pub fn client_id(self, id: impl Into<ClientId>) -> Self {
        self.with(|parts| parts.client_id = Some(id.into()))
    }

    /// A client secret. Given again it is tried after those before it, so that one can be exchanged with overlap.
    pub fn secret(self, secret: impl Into<ClientSecret>) -> Self {
        self.with(|parts| parts.secrets.push(secret.into()))
    }

    /// The private key that signs the client's assertions (RFC 7523): PEM or JWK.
    pub fn private_key(self, key: impl Into<PrivateKey>) -> Self {
        self.with(|parts| parts.private_key = Some(key.into()))
    }

    /// The `kid` of the private key's assertions, where the key does not name it.
    pub fn key_id(self, key_id: impl Into<String>) -> Self {
        self.with(|parts| parts.key_id = Some(key_id.into()))
    }

    /// The algorithm of the private key's assertions, where the key leaves a choice: RS256 or PS256.
    pub fn signing_algorithm(self, algorithm: Algorithm) -> Self {
        self.with(|parts| parts.signing_algorithm = Some(algorithm))
    }

    /// The certificate of the private key, in PEM, whose thumbprint its assertions name (`x5t#S256`).
    pub fn certificate(self, pem: impl Into<String>) -> Self {
        self.with(|parts| parts.certificate = Some(pem.into()))
    }

    /// The certificate that connections to the server present (RFC 8705), in PEM, with those between it and its root. Its
    /// private key is [`tls_key`](Self::tls_key), or the vault's where the client authenticates by it.
    pub fn tls_certificate(self, pem: impl Into<String>) -> Self {
        self.with(|parts| parts.tls.certificate = Some(pem.into()))
    }

    /// The private key of the [certificate](Self::tls_certificate), in PEM.
    pub fn tls_key(self, key: impl Into<PrivateKey>) -> Self {
        self.with(|parts| parts.tls.key = Some(key.into()))
    }

    /// Says that the server binds access tokens to the certificate: only clients with that certificate present them.
    pub fn certificate_bound(self) -> Self {
        self.with(|parts| parts.tls.bound_tokens = true)
    }

    /// Binds tokens to keys (RFC 9449): a person's grant, and its refresh token, to one that is kept with it.
    pub fn dpop(self, dpop: Dpop) -> Self {
        self.with(|parts| parts.dpop = Some(dpop))
    }

    /// How the client authenticates, where the server's facts leave a choice.
    pub fn method(self, method: ClientAuthenticationMethod) -> Self {
        self.with(|parts| parts.method = Some(method))
    }

    /// Asks for this scope too; several may stand in one text, with spaces between.
    pub fn scope(self, scope: impl Into<String>) -> Self {
        self.with(|parts| parts.scopes.push(scope.into()))
    }

    /// Asks for these scopes too.
    pub fn scopes<S: Into<String>>(self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.with(|parts| parts.scopes.extend(scopes.into_iter().map(Into::into)))
    }

    /// The `audience` parameter, which some servers want.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.with(|parts| parts.audience = Some(audience.into()))
    }

    /// A resource that the tokens are for (RFC 8707). May be given again.
    pub fn resource(self, resource: impl Into<String>) -> Self {
        self.with(|parts| parts.resources.push(resource.into()))
    }

    /// Any other parameter: of the authorization request where a person consents, else of the token request.
    pub fn parameter(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(|parts| parts.parameters.push((name.into(), Zeroizing::new(value.into()))))
    }

    /// Where the browser comes back to.
    pub fn redirect_uri(self, uri: impl Into<String>) -> Self {
        self.with(|parts| parts.redirect_uri = Some(uri.into()))
    }

    /// Leaves PKCE out where the server's facts say that it [does without](grantry_core::Pkce::does_without): that it takes
    /// no notice of a challenge, or refuses the verifier. Everywhere else PKCE stays on.
    pub fn without_pkce(self) -> Self {
        self.with(|parts| parts.without_pkce = true)
    }

    /// What kind of token is exchanged (RFC 8693 section 3), by its URI; an access token if left out.
    pub fn subject_token_type(self, uri: impl Into<String>) -> Self {
        self.with(|parts| parts.subject_token_type = Some(uri.into()))
    }

    /// What kind of token is asked for in exchange (RFC 8693 section 3), by its URI; the server chooses if left out.
    pub fn requested_token_type(self, uri: impl Into<String>) -> Self {
        self.with(|parts| parts.requested_token_type = Some(uri.into()))
    }

    /// When to renew, and what an outage means for callers.
    pub fn policy(self, policy: RefreshPolicy) -> Self {
        self.with(|parts| parts.policy = policy)
    }

    /// Checks the names, and what it says of certificates and types of tokens. What concerns the registration is checked when the vault's part is known.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) says what to change, and where.
    pub fn build(mut self) -> Result<Service, Error> {
        if self.parts.is_by_certificate() && self.parts.tls.key.is_none() {
            // It signs no assertions, so it is the certificate's.
            self.parts.tls.key = self.parts.private_key.take();
        }
        let mistake = |error: grantry_core::InvalidName| {
            Error::configuration(format!("{}: {error}", self.place)) // names the rule that was broken
        };
        let name = ServiceName::new(&self.name).map_err(mistake)?;
        let tenant = self.tenant.as_ref().map(TenantId::new).transpose().map_err(mistake)?;
        let service = Service { name, tenant, place: self.place, parts: self.parts };
        if let Err(error) = service.described_identity() {
            return Err(service.mistake("is described in part", &error));
        }
        #[cfg(feature = "token-exchange")]
        if let Err(error) = super::exchange::TokenTypes::of(&service.parts) {
            return Err(service.mistake("cannot be exchanged for", &error));
        }
        Ok(service)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.name)
            .field("tenant", &self.tenant)
            .field("place", &self.place)
            .field("parts", &self.parts)
            .finish()
    }
}

impl fmt::Debug for ServiceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceBuilder").field("parts", &self.parts).finish_non_exhaustive()
    }
}
