//! Device authorization requests (RFC 8628 section 3.1).

use std::fmt;
use std::sync::Arc;

use grantry_core::{Error, Scope, Stage};
use url::Url;
use zeroize::Zeroizing;

use crate::channel::Channel;
use crate::form::Form;
use crate::{DeviceCodes, TokenEndpoint, answer, failure};

/// Where it goes wrong.
const STAGE: Stage = Stage::Device;
/// Parameters that are set by whoever authenticates the client, or have a setter.
const OURS: [&str; 5] = ["client_id", "client_secret", "client_assertion", "client_assertion_type", "scope"];

/// Asks the server for a code that a person types in on another device (RFC 8628 section 3.1).
///
/// ```
/// # use grantry_core::{AuthorizationServer, Scope};
/// # use grantry_endpoint::{
/// #     Answer, Client, ClientAuthentication, DeviceAuthorizationRequest, Request, TokenEndpoint, Transport,
/// #     TransportFailure,
/// # };
/// # #[derive(Debug)]
/// # struct Pretended;
/// # #[async_trait::async_trait]
/// # impl Transport for Pretended {
/// #     async fn send(&self, _: Request) -> Result<Answer, TransportFailure> {
/// #         let body = r#"{"device_code":"d","user_code":"WDJB-MJHT","verification_uri":"https://as.example.com/go",
/// #             "expires_in":600}"#;
/// #         Ok(Answer::new(http::StatusCode::OK).with_body(body))
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = AuthorizationServer::builder("https://as.example.com/token")
/// #     .device_authorization_endpoint("https://as.example.com/device")
/// #     .build()?;
/// # let client = Client::new("films", ClientAuthentication::none())?;
/// # let endpoint = &TokenEndpoint::builder(server, client, std::sync::Arc::new(Pretended)).build()?;
/// let request = DeviceAuthorizationRequest::to(endpoint)?.scope(Scope::parse("calendar.read")?);
/// let device = request.send().await?;
/// println!("Open {} and type {}", device.verification_uri(), device.user_code());
/// # assert_eq!(device.user_code(), "WDJB-MJHT");
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct DeviceAuthorizationRequest {
    channel: Arc<Channel>,
    url: Url,
    scope: Scope,
    parameters: Vec<(String, Zeroizing<String>)>,
}

impl DeviceAuthorizationRequest {
    /// A request to the same server, of the same client.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) where the server is not known to have such an
    /// endpoint.
    pub fn to(endpoint: &TokenEndpoint) -> Result<Self, Error> {
        let url = endpoint.server().device_authorization_endpoint().cloned().ok_or_else(|| {
            Error::configuration(
                "the authorization server has no device authorization endpoint (RFC 8628): name its URL",
            )
        })?;
        let channel = Arc::clone(endpoint.channel());
        Ok(Self { channel, url, scope: Scope::EMPTY, parameters: Vec::new() })
    }

    /// The scope to ask for. Left out, the server chooses.
    pub fn scope(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// Adds a parameter, which may be a secret.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), Zeroizing::new(value.into())));
        self
    }

    /// Sends it, once. Dropping the future may leave a code at the server that nobody knows; it expires.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) where a parameter is the request's own or there
    /// twice, `resource` excepted; [`InvalidAnswer`](grantry_core::ErrorKind::InvalidAnswer) where a code, an
    /// address or the lifetime is missing or not usable; otherwise as the server or the network has it. Asking once
    /// more spends nothing.
    pub async fn send(self) -> Result<DeviceCodes, Error> {
        let Self { channel, url, scope, parameters } = self;
        let mut form = Form::default();
        let scopes: Vec<&str> = scope.tokens().collect();
        form.add("scope", &scopes.join(&channel.server.scope_separator().to_string()));
        for (nth, (name, value)) in parameters.iter().enumerate() {
            if OURS.contains(&name.as_str()) {
                return Err(Error::configuration(format!(
                    "the parameter {name} is set by the device authorization request itself: leave it out"
                )));
            }
            if name != "resource" && parameters.iter().take(nth).any(|(other, _)| other == name) {
                return Err(Error::configuration(
                    "a parameter of the device authorization request is repeated: name each one once, resource \
                     excepted",
                ));
            }
            form.add(name, value);
        }
        let exchange = channel.post(STAGE, &url, form).await?;
        channel.tell(Channel::news(&exchange, &url));
        let answer = match &exchange.result {
            Ok(answer) => answer,
            Err(failed) => {
                return Err(channel.with_wait(failure::error(failed, STAGE), failed.partial()));
            }
        };
        if let Some(device) = DeviceCodes::read(answer, exchange.sent) {
            channel.accepted(&exchange);
            return Ok(device);
        }
        let refusal = answer::refusal(answer, &channel.server);
        let values = parameters.iter().map(|(_, value)| value.as_str());
        let secrets: Vec<&str> = values.filter(|value| value.len() >= 8).collect();
        Err(channel.refusal(&refusal, answer, &exchange, STAGE, &secrets))
    }
}

impl fmt::Debug for DeviceAuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("DeviceAuthorizationRequest")
            .field("client", &self.channel.client)
            .field("scope", &self.scope)
            .field("parameters", &names)
            .finish_non_exhaustive()
    }
}
