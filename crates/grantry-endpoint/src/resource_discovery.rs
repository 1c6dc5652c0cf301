//! Protected resource metadata (RFC 9728): which authorization servers a resource takes tokens of.

mod metadata;

use std::fmt;
use std::sync::Arc;

use grantry_core::presenting::Challenge;
use grantry_core::{AuthorizationServer, Error, ErrorKind, Scope, Stage, check_endpoint};
use url::Url;

use crate::well_known::{self, Address};
use crate::{Discovered, Discovery, Transport, check_resource};
use metadata::Metadata;

/// The well-known address of a resource's metadata (RFC 9728 section 3).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Learns from a resource which authorization servers it takes tokens of, and what to ask them for.
///
/// The address that the resource server's challenge names is asked first, then the well-known one with the path of the
/// resource, then the one without. The first document that there is counts, and its `resource` has to be the very string
/// that was asked for; otherwise nothing of it is used, or a resource could have the tokens of another sent to itself
/// (RFC 9728 section 7.3).
///
/// ```
/// # use std::sync::Arc;
/// # use grantry_endpoint::{
/// #     Answer, Client, ClientAuthentication, Request, ResourceDiscovery, Transport, TransportFailure,
/// # };
/// # #[derive(Debug)]
/// # struct Pretended;
/// # #[async_trait::async_trait]
/// # impl Transport for Pretended {
/// #     async fn send(&self, request: Request) -> Result<Answer, TransportFailure> {
/// #         let document = match request.url().path() {
/// #             "/.well-known/oauth-protected-resource/orders" => {
/// #                 r#"{"resource":"https://api.example.com/orders","authorization_servers":["https://as.example.com"]}"#
/// #             }
/// #             _ => r#"{"issuer":"https://as.example.com","token_endpoint":"https://as.example.com/token"}"#,
/// #         };
/// #         Ok(Answer::new(http::StatusCode::OK).with_body(document))
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), grantry_core::Error> {
/// # let transport = Arc::new(Pretended);
/// // `transport` is an `Arc<HttpTransport>`, say.
/// let found = ResourceDiscovery::new("https://api.example.com/orders", transport)?.discover().await?;
/// let server = found.authorization_server().await?;
/// assert_eq!(server.server().token_endpoint().as_str(), "https://as.example.com/token");
/// let client = Client::new("billing", ClientAuthentication::secret_basic("a client secret"))?;
/// let endpoint = server.endpoint(client).build()?;
/// # let _ = endpoint;
/// # Ok(())
/// # }
/// ```
///
/// What a person configured may lead to private addresses; what the resource names at another origin may not, unless the
/// transport was told to allow them.
pub struct ResourceDiscovery {
    /// As it was given: resources are compared as strings.
    resource: String,
    url: Url,
    transport: Arc<dyn Transport>,
    learned: bool,
    /// Where the challenge says that the metadata is, as it stands there.
    named: Option<String>,
}

impl ResourceDiscovery {
    /// Starts from the identifier of a resource that a person configured: its URL, as the resource itself names it.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) where it is no https URL (http for loopback) without a fragment.
    pub fn new(resource: impl Into<String>, transport: Arc<dyn Transport>) -> Result<Self, Error> {
        let resource = resource.into();
        check_resource(&resource)?;
        let url = Url::parse(&resource).map_err(|e| {
            Error::configuration("the resource is not a URL such as https://api.example.com/orders")
                .with_source(e)
        })?;
        check_endpoint("resource", &url).map_err(|e| Error::configuration(e.to_string()))?;
        Ok(Self { resource, url, transport, learned: false, named: None })
    }

    /// Takes the address of the metadata from the resource server's challenge, where that names one (RFC 9728 section 5).
    /// An error of a request has it: [`Error::challenge`].
    #[must_use]
    pub fn challenged(self, challenge: &Challenge) -> Self {
        Self { named: challenge.resource_metadata().map(str::to_owned).or(self.named), ..self }
    }

    /// Says that the resource itself was learned at run time.
    #[must_use]
    pub fn learned(self) -> Self {
        Self { learned: true, ..self }
    }

    /// Asks for the metadata. Dropping the future leaves nothing behind.
    ///
    /// # Errors
    /// [`InvalidAnswer`](ErrorKind::InvalidAnswer) where the challenge names no https URL, where no address has a document,
    /// or where the one there cannot be used; the kinds of the transport and of the statuses otherwise.
    pub async fn discover(&self) -> Result<DiscoveredResource, Error> {
        let none = "no well-known address of the resource has a metadata document";
        let answer = well_known::first(&self.transport, self.addresses()?, none).await?;
        let metadata = Metadata::read(answer.expose_body(), &self.resource, &self.url)
            .map_err(|fact| unusable(fact).with_status(answer.status().as_u16()))?;
        let configured = (!self.learned).then(|| self.url.clone());
        Ok(DiscoveredResource { metadata, configured, transport: Arc::clone(&self.transport) })
    }

    /// Where the metadata may be, in order.
    fn addresses(&self) -> Result<Vec<Address>, Error> {
        let mut urls = Vec::new();
        if let Some(named) = &self.named {
            urls.push(self.read_named(named).ok_or_else(|| {
                unusable("the challenge names no https URL as the address of the resource's metadata")
            })?);
        }
        // The path and the query go behind it, but for a slash alone (RFC 9728 section 3.1).
        let path = Some(self.url.path()).filter(|path| *path != "/").unwrap_or_default();
        let mut url = self.url.clone();
        url.set_path(&format!("{WELL_KNOWN}{path}"));
        urls.push(url.clone());
        url.set_path(WELL_KNOWN);
        url.set_query(None);
        urls.push(url);
        let mut addresses: Vec<Address> = Vec::new();
        for url in urls {
            let learned = self.learned || url.origin() != self.url.origin();
            if addresses.iter().all(|known| known.url != url) {
                addresses.push(Address { url, learned });
            }
        }
        Ok(addresses)
    }

    fn read_named(&self, named: &str) -> Option<Url> {
        let url = Url::parse(named).ok().filter(|url| check_endpoint("metadata", url).is_ok())?;
        // Plain http is for loopback, and a resource on the network says nothing of this machine's.
        (url.scheme() == "https" || self.url.scheme() == "http").then_some(url)
    }
}

/// Where a challenge says that the metadata is may hold what the server was sent.
impl fmt::Debug for ResourceDiscovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceDiscovery")
            .field("resource", &self.resource)
            .field("learned", &self.learned)
            .field("is_named", &self.named.is_some())
            .finish_non_exhaustive()
    }
}

/// A protected resource that was discovered.
#[derive(Debug, Clone)]
pub struct DiscoveredResource {
    metadata: Metadata,
    /// The resource's URL, where a person configured it.
    configured: Option<Url>,
    transport: Arc<dyn Transport>,
}

impl DiscoveredResource {
    /// Its identifier, the very string that was asked for. It goes into requests as `resource` (RFC 8707).
    pub fn resource(&self) -> &str {
        &self.metadata.resource
    }

    /// The issuers of the authorization servers whose tokens it takes, in its order; at least one.
    pub fn authorization_servers(&self) -> impl Iterator<Item = &str> {
        self.metadata.authorization_servers.iter().map(String::as_str)
    }

    /// The scopes that it knows, where it says so in at most 4 KiB.
    pub fn scopes_supported(&self) -> Option<&Scope> {
        self.metadata.scopes_supported.as_ref()
    }

    /// Whether it takes tokens with proofs of possession alone (RFC 9449).
    pub fn requires_dpop(&self) -> bool {
        self.metadata.requires_dpop
    }

    /// Whether it takes tokens alone that are bound to a client certificate (RFC 8705).
    pub fn requires_certificate(&self) -> bool {
        self.metadata.requires_certificate
    }

    /// The scope to ask for: what the challenge names, else all that the resource knows, else none, which leaves the choice
    /// to the authorization server.
    pub fn scope_to_ask(&self, challenge: Option<&Challenge>) -> Scope {
        let named = challenge.and_then(Challenge::scope).filter(metadata::is_bounded);
        named.or_else(|| self.metadata.scopes_supported.clone()).unwrap_or_default()
    }

    /// Whether it takes tokens of this authorization server. One of another must never be sent to it: its issuer is known,
    /// and the resource names that very string.
    pub fn takes_tokens_of(&self, server: &AuthorizationServer) -> bool {
        server.issuer().is_some_and(|issuer| self.authorization_servers().any(|named| named == issuer))
    }

    /// Learns the endpoints of the first authorization server that it names.
    ///
    /// # Errors
    /// As [`Discovery::discover`].
    pub async fn authorization_server(&self) -> Result<Discovered, Error> {
        let first = self.authorization_servers().next().unwrap_or_default().to_owned();
        self.authorization_server_of(&first).await
    }

    /// Learns the endpoints of one of the authorization servers that it names, by its issuer: one where the client is
    /// registered, say.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) where the resource does not name this issuer; as
    /// [`Discovery::discover`].
    pub async fn authorization_server_of(&self, issuer: &str) -> Result<Discovered, Error> {
        if !self.authorization_servers().any(|named| named == issuer) {
            return Err(Error::configuration(
                "the resource takes no tokens of this authorization server: use one of those that it names",
            ));
        }
        let discovery = Discovery::new(issuer, Arc::clone(&self.transport))?;
        let is_configured = self
            .configured
            .as_ref()
            .is_some_and(|url| Url::parse(issuer).is_ok_and(|issuer| issuer.origin() == url.origin()));
        let discovery = if is_configured { discovery } else { discovery.learned() };
        discovery.discover().await
    }
}

fn unusable(fact: &'static str) -> Error {
    Error::new(ErrorKind::InvalidAnswer, Stage::Discover, fact)
}
