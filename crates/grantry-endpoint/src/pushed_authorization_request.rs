//! Pushed authorization requests (RFC 9126).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{ClientAuthenticationMethod, Error, Instant, Stage};
use url::Url;
use zeroize::Zeroizing;

use crate::answer::{Members, seconds};
use crate::channel::{Channel, Exchange};
use crate::form::Form;
use crate::{Answer, TokenEndpoint, answer, failure};

/// Where it goes wrong.
const STAGE: Stage = Stage::Push;
/// The longest request URI that is accepted, in bytes: it goes into a URL.
const LONGEST: usize = 2_048;
/// Longer lifetimes are taken for this, in seconds.
const LONGEST_LIFETIME: u64 = 24 * 3600;

/// An authorization request that is handed to the server itself, by an authenticated client, so that the person's
/// browser carries no more than a reference to it.
///
/// ```
/// # use grantry_core::AuthorizationServer;
/// # use grantry_endpoint::{
/// #     Answer, Client, ClientAuthentication, PushedAuthorizationRequest, Request, TokenEndpoint, Transport,
/// #     TransportFailure,
/// # };
/// # #[derive(Debug)]
/// # struct Pretended;
/// # #[async_trait::async_trait]
/// # impl Transport for Pretended {
/// #     async fn send(&self, _: Request) -> Result<Answer, TransportFailure> {
/// #         let body = r#"{"request_uri":"urn:example:6esc_11ACC5bwc014ltc14eY22c","expires_in":60}"#;
/// #         Ok(Answer::new(http::StatusCode::CREATED).with_body(body))
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), grantry_core::Error> {
/// # let server = AuthorizationServer::builder("https://as.example.com/token")
/// #     .pushed_authorization_request_endpoint("https://as.example.com/par")
/// #     .build()?;
/// # let client = Client::new("orders", ClientAuthentication::secret_basic("a client secret"))?;
/// # let endpoint = &TokenEndpoint::builder(server, client, std::sync::Arc::new(Pretended)).build()?;
/// let pushed = PushedAuthorizationRequest::to(endpoint)?
///     .parameter("response_type", "code")
///     .parameter("redirect_uri", "https://app.example.com/callback")
///     .send()
///     .await?;
/// // To the authorization endpoint now, with `client_id` and this alone:
/// let request_uri = pushed.expose();
/// assert!(request_uri.starts_with("urn:example:"));
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct PushedAuthorizationRequest {
    channel: Arc<Channel>,
    url: Url,
    parameters: Vec<(String, Zeroizing<String>)>,
}

/// The reference to a request that was pushed (RFC 9126 section 2.2). It is good for one authorization request,
/// until it expires.
pub struct RequestUri {
    uri: Zeroizing<String>,
    expires: Instant,
}

impl PushedAuthorizationRequest {
    /// A request to the same server, of the same client.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) where the server is not known to have such an endpoint.
    pub fn to(endpoint: &TokenEndpoint) -> Result<Self, Error> {
        let url = endpoint.server().pushed_authorization_request_endpoint().cloned().ok_or_else(|| {
            Error::configuration(
                "the authorization server has no pushed authorization request endpoint: name its URL",
            )
        })?;
        Ok(Self { channel: Arc::clone(endpoint.channel()), url, parameters: Vec::new() })
    }

    /// Adds a parameter of the authorization request; `client_id` is there already.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), Zeroizing::new(value.into())));
        self
    }

    /// Pushes it, once. Dropping the future may leave a request at the server that nobody refers to; it expires.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) where `request_uri` is among the parameters (RFC 9126 section
    /// 2.1) or one that proves who the client is; otherwise as the server or the network has it. Pushing the same
    /// once more spends nothing.
    pub async fn send(self) -> Result<RequestUri, Error> {
        let Self { channel, url, parameters } = self;
        let mut form = Form::default();
        // The other methods put it there themselves.
        if channel.client.method() == ClientAuthenticationMethod::ClientSecretBasic {
            form.add("client_id", channel.client.id().as_str());
        }
        for (name, value) in &parameters {
            if matches!(
                name.as_str(),
                "request_uri" | "client_id" | "client_secret" | "client_assertion" | "client_assertion_type"
            ) {
                return Err(Error::configuration(format!(
                    "the parameter {name} cannot be pushed (RFC 9126 section 2.1): leave it out"
                )));
            }
            form.add(name, value);
        }
        let exchange = channel.post(STAGE, &url, form).await?;
        channel.tell(Channel::news(&exchange, &url));
        match &exchange.result {
            Ok(answer) => read(&channel, answer, &exchange).ok_or_else(|| {
                let refusal = answer::refusal(answer, &channel.server);
                let values = parameters.iter().map(|(_, value)| value.as_str());
                let secrets: Vec<&str> = values.filter(|value| value.len() >= 8).collect();
                channel.refusal(&refusal, answer, &exchange, STAGE, &secrets)
            }),
            Err(failed) => Err(channel.with_wait(failure::error(failed, STAGE), failed.partial())),
        }
    }
}

/// The reference that the answer holds, if it is usable.
fn read(channel: &Channel, answer: &Answer, exchange: &Exchange) -> Option<RequestUri> {
    if !answer.status().is_success() {
        return None;
    }
    let members = Members::parse(answer.expose_body()).ok().filter(|members| members.error.is_absent())?;
    let lifetime = seconds(&members.expires_in).filter(|lifetime| *lifetime > 0)?;
    let uri = members.request_uri.text()?;
    if uri.is_empty() || uri.len() > LONGEST || !uri.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    channel.accepted(exchange);
    let lifetime = Duration::from_secs(lifetime.min(LONGEST_LIFETIME));
    Some(RequestUri { uri, expires: exchange.sent.after(lifetime) })
}

impl RequestUri {
    /// The reference itself.
    pub fn expose(&self) -> &str {
        &self.uri
    }

    /// When it expires, on the boot clock, counted from when the request was sent.
    pub fn expires(&self) -> Instant {
        self.expires
    }
}

impl fmt::Debug for RequestUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestUri").field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl fmt::Debug for PushedAuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("PushedAuthorizationRequest")
            .field("client", &self.channel.client)
            .field("parameters", &names)
            .finish_non_exhaustive()
    }
}
