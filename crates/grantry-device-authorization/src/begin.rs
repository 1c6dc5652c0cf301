//! The flow: begins device authorizations.

use std::fmt;

use grantry_core::{Diagnosis, Error, GrantKey, Retry, Target};
use grantry_endpoint::{DeviceAuthorizationRequest, TokenEndpoint};
use zeroize::Zeroizing;

use crate::{DeviceAuthorizationBuilder, PendingDevice};

/// The device authorization grant (RFC 8628) of one client at one authorization server.
///
/// Clones are the same flow. **Concurrency**: authorizations are independent.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::sync::Arc;
/// # use grantry_core::AuthorizationServer;
/// # use grantry_device_authorization::{DeviceAuthorization, DeviceEnding};
/// # use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint};
/// # let clock = Arc::new(grantry_testkit::ManualClock::following_tokio());
/// # let registered = grantry_testkit::RegisteredClient::public("tv");
/// # let test = grantry_testkit::TestServer::builder().client(registered).clock(clock.clone()).build();
/// # let (issuer, transport) = (test.issuer(), Arc::new(test.transport()));
/// let server = AuthorizationServer::builder(format!("{issuer}/token"))
///     .device_authorization_endpoint(format!("{issuer}/device_authorization"))
///     .build()?;
/// let client = Client::new("tv", ClientAuthentication::none())?;
/// let endpoint = TokenEndpoint::builder(server, client, transport).clock(clock).build()?;
/// let flow = DeviceAuthorization::builder(endpoint).scope("films.read offline_access").build()?;
///
/// let pending = flow.begin().await?;
/// eprintln!("Open {} and type {}", pending.verification_uri(), pending.user_code());
/// # assert!(test.approve(pending.user_code()));
/// match pending.finish().await {
///     Ok(granted) => eprintln!("Connected, for {}.", granted.scope()),
///     Err(over) if over.ending == DeviceEnding::Denied => eprintln!("You declined."),
///     Err(over) if over.ending == DeviceEnding::Expired => eprintln!("That took too long: begin again."),
///     Err(over) => return Err(over.error.into()),
/// }
/// # let last = test.ledger().last(grantry_testkit::Endpoint::Token).ok_or("nobody polled")?;
/// # assert!(matches!(last.outcome, grantry_testkit::Outcome::Answered { status, .. } if status == 200));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DeviceAuthorization {
    pub(crate) endpoint: TokenEndpoint,
    pub(crate) target: Target,
    /// In the order of the request; the values may be secrets.
    pub(crate) parameters: Vec<(String, Zeroizing<String>)>,
    pub(crate) key: Option<GrantKey>,
}

impl DeviceAuthorization {
    /// Starts from the token endpoint, whose server has to have a device authorization endpoint.
    pub fn builder(endpoint: TokenEndpoint) -> DeviceAuthorizationBuilder {
        DeviceAuthorizationBuilder::new(endpoint)
    }

    /// Asks the server for the codes, once: what to show the person, and to wait with.
    ///
    /// Dropping the future may leave codes at the server that nobody knows; they expire.
    ///
    /// # Errors
    /// As the server or the network has it: see [`DeviceAuthorizationRequest::send`]. Begin again, which spends
    /// nothing.
    pub async fn begin(&self) -> Result<PendingDevice, Error> {
        let mut request = DeviceAuthorizationRequest::to(&self.endpoint)?.scope(self.target.scope.clone());
        for resource in &self.target.resources {
            request = request.parameter("resource", resource);
        }
        for (name, value) in &self.parameters {
            request = request.parameter(name, value.as_str());
        }
        let dpop_key = self.endpoint.new_dpop_key()?;
        let codes = request.send().await.map_err(not_begun)?;
        Ok(PendingDevice::new(self, codes, dpop_key))
    }

    /// What is asked for.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Where the tokens come from.
    pub fn endpoint(&self) -> &TokenEndpoint {
        &self.endpoint
    }
}

/// No source tries this again: whoever began does.
fn not_begun(error: Error) -> Error {
    let said = error.diagnosis();
    if said.retry() == Retry::Never {
        return error;
    }
    let own = Diagnosis::new(said.party(), "begin again; nothing was spent", said.retry());
    let own = said.causes().map(str::to_owned).fold(own, Diagnosis::cause);
    error.with_diagnosis(own)
}

impl fmt::Debug for DeviceAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("DeviceAuthorization")
            .field("endpoint", &self.endpoint)
            .field("target", &self.target)
            .field("parameters", &names)
            .finish_non_exhaustive()
    }
}
