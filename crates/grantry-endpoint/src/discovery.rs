//! Authorization server metadata (RFC 8414, OpenID Connect Discovery).

mod metadata;

use std::sync::Arc;

use grantry_core::{AuthorizationServer, Error, ErrorKind, Learned, Stage, check_endpoint};
use url::Url;

use crate::well_known::{self, Address};
use crate::{Answer, Client, TokenEndpoint, TokenEndpointBuilder, Transport};

/// Learns an authorization server's endpoints from its issuer identifier.
///
/// The well-known addresses are asked in this order: RFC 8414, OpenID Connect with the path inserted, OpenID
/// Connect with the path before it (as OpenID Connect Discovery has it). The first document that there is
/// counts, and its `issuer` has to be the very string that was asked for; otherwise nothing of it is used.
///
/// ```
/// # use std::sync::Arc;
/// # use grantry_endpoint::{Answer, Client, ClientAuthentication, Discovery, Request, Transport, TransportFailure};
/// # #[derive(Debug)]
/// # struct Pretended;
/// # #[async_trait::async_trait]
/// # impl Transport for Pretended {
/// #     async fn send(&self, request: Request) -> Result<Answer, TransportFailure> {
/// #         assert_eq!(request.url().path(), "/.well-known/oauth-authorization-server/tenant");
/// #         let document = r#"{"issuer":"https://as.example.com/tenant","token_endpoint":"https://as.example.com/t"}"#;
/// #         Ok(Answer::new(http::StatusCode::OK).with_body(document))
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), grantry_core::Error> {
/// # let transport = Arc::new(Pretended);
/// // `transport` is an `Arc<HttpTransport>`, say.
/// let client = Client::new("orders", ClientAuthentication::secret_basic("a client secret"))?;
/// let discovered = Discovery::new("https://as.example.com/tenant", transport)?.discover().await?;
/// assert_eq!(discovered.server().token_endpoint().as_str(), "https://as.example.com/t");
/// let endpoint = discovered.endpoint(client).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Discovery {
    /// As it was given: issuers are compared as strings.
    issuer: String,
    url: Url,
    transport: Arc<dyn Transport>,
    learned: bool,
}

/// An authorization server that was discovered.
#[derive(Debug, Clone)]
pub struct Discovered {
    server: AuthorizationServer,
    transport: Arc<dyn Transport>,
}

impl Discovered {
    /// The facts that the server publishes. They know of each URL whether it was learned at run time
    /// ([`AuthorizationServer::is_learned`]), so that it stays away from private addresses wherever they are used.
    pub fn server(&self) -> &AuthorizationServer {
        &self.server
    }

    /// Starts a token endpoint over the same transport. Endpoints at another origin than the issuer's may lead
    /// to public addresses only, unless the transport allows others.
    pub fn endpoint(&self, client: Client) -> TokenEndpointBuilder {
        self.endpoint_over(client, Arc::clone(&self.transport))
    }

    /// The same over another transport than the one that the metadata came by.
    pub fn endpoint_over(&self, client: Client, transport: Arc<dyn Transport>) -> TokenEndpointBuilder {
        TokenEndpoint::builder(self.server.clone(), client, transport)
    }
}

impl Discovery {
    /// Starts from an issuer that a person configured.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) where the issuer is no https URL (http for loopback), or has
    /// a query or a fragment (RFC 8414 section 2).
    pub fn new(issuer: impl Into<String>, transport: Arc<dyn Transport>) -> Result<Self, Error> {
        let issuer = issuer.into();
        let url = Url::parse(&issuer).map_err(|e| {
            Error::configuration("the issuer is not a URL such as https://as.example.com").with_source(e)
        })?;
        check_endpoint("issuer", &url).map_err(|e| Error::configuration(e.to_string()))?;
        if url.query().is_some() {
            return Err(Error::configuration("the issuer must not have a query (?...)"));
        }
        Ok(Self { issuer, url, transport, learned: false })
    }

    /// Says that the issuer itself was learned at run time.
    #[must_use]
    pub fn learned(self) -> Self {
        Self { learned: true, ..self }
    }

    /// Asks for the metadata. Dropping the future leaves nothing behind.
    ///
    /// # Errors
    /// [`InvalidAnswer`](ErrorKind::InvalidAnswer) where no address has a document, or the one there is cannot
    /// be used; the kinds of the transport and of the statuses otherwise.
    pub async fn discover(&self) -> Result<Discovered, Error> {
        let addresses = self.addresses().into_iter().map(|url| Address { url, learned: self.learned });
        let none = "no well-known address of the issuer has a metadata document";
        self.read(&well_known::first(&self.transport, addresses, none).await?)
    }

    fn read(&self, answer: &Answer) -> Result<Discovered, Error> {
        let unusable = |fact: &str| {
            Error::new(ErrorKind::InvalidAnswer, Stage::Discover, fact).with_status(answer.status().as_u16())
        };
        let learned = if self.learned { Learned::Everything } else { Learned::BeyondIssuer };
        let server = metadata::read(answer.expose_body(), &self.issuer, learned).map_err(unusable)?;
        Ok(Discovered { server, transport: Arc::clone(&self.transport) })
    }

    /// The well-known addresses, in order (RFC 8414 sections 3.1 and 5).
    fn addresses(&self) -> Vec<Url> {
        let path = self.url.path().trim_end_matches('/');
        let mut paths = vec![
            format!("/.well-known/oauth-authorization-server{path}"),
            format!("/.well-known/openid-configuration{path}"),
        ];
        if !path.is_empty() {
            paths.push(format!("{path}/.well-known/openid-configuration"));
        }
        let at = |path: String| {
            let mut url = self.url.clone();
            url.set_path(&path);
            url
        };
        paths.into_iter().map(at).collect()
    }
}
