//! A person's consent on another device (RFC 8628), from the codes to the vault.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Error, ErrorKind, Stage};
use grantry_device_authorization::{
    DeviceAuthorization, DeviceGranted, DeviceUnfinished, PendingDevice, Waiting,
};
use grantry_endpoint::VerificationUri;

use super::consent::{NOT_KEPT, to_its_end};
use super::handles::{GrantName, TenantPantry};

/// A consent that a person gives on another device: what to show them, and what to wait with.
pub struct PendingDeviceConsent {
    tenant: TenantPantry,
    name: GrantName,
    pending: PendingDevice,
}

/// Why a consent on another device is not in the vault.
#[derive(Debug)]
#[non_exhaustive]
pub struct DeviceNotKept {
    /// What went wrong.
    pub error: Error,
    /// Why the authorization was not finished, with what can be gone on with; `None` where it was.
    pub unfinished: Option<Box<DeviceUnfinished>>,
    /// The tokens, where the server gave them and the vault did not take them: they are alive, and nobody else has them.
    pub granted: Option<Box<DeviceGranted>>,
}

impl TenantPantry {
    /// Asks the server for the codes with which a person consents to a grant on another device: `("crm", "user-17")`. Needs
    /// `grant.create` and `grant.read`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let clock = grantry_testkit::ManualClock::following_tokio();
    /// # let client = grantry_testkit::RegisteredClient::public("tv");
    /// # let test =
    /// #     grantry_testkit::TestServer::builder().client(client).clock(std::sync::Arc::new(clock.clone())).build();
    /// # let films = grantry::pantry::Service::builder("films", test.authorization_server()?)
    /// #     .flow(grantry::pantry::Flow::AuthorizationCode)
    /// #     .client_id("tv")
    /// #     .scope("films.read")
    /// #     .build()?;
    /// # use grantry::vault::access::{AccessPolicy, Principal};
    /// # use grantry::vault::{LocalKey, MemoryVault};
    /// # let folder = tempfile::tempdir()?;
    /// # let me = Principal::workload("app")?;
    /// # let pantry = grantry::Grantry::builder()
    /// #     .vault(MemoryVault::with_clock(clock.clone()))
    /// #     .keys(LocalKey::generate(folder.path().join("grantry.key"))?)
    /// #     .lifeboats(folder.path().join("lifeboats"))
    /// #     .access(AccessPolicy::sole(&me))
    /// #     .transport(std::sync::Arc::new(test.transport()))
    /// #     .clock(std::sync::Arc::new(clock))
    /// #     .services([films])
    /// #     .open()
    /// #     .await?;
    /// # let mine = pantry.as_principal(me);
    /// # mine.create_tenant("acme").await?;
    /// # let acme = mine.tenant("acme")?;
    /// use grantry::TokenSource;
    ///
    /// let pending = acme.authorize_on_device(("films", "ana")).await?;
    /// println!("Open {} and type {}", pending.verification_uri(), pending.user_code());
    /// # assert!(test.approve(pending.user_code()));
    /// pending.finish(|waiting| println!("{waiting}")).await.map_err(|failed| failed.error)?;
    ///
    /// let token = acme.source(("films", "ana")).await?.token().await?;
    /// assert_eq!(token.scope().as_str(), "films.read");
    /// # pantry.shutdown().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `NotFound` and `Removed` where there is no such service, `Configuration` where nobody has to consent to it, or its
    /// server has no device authorization endpoint; `AccessDenied`; those of the server and the network.
    pub async fn authorize_on_device(
        &self,
        name: impl Into<GrantName>,
    ) -> Result<PendingDeviceConsent, Error> {
        let name = name.into();
        self.may_keep(&name)?;
        let key = self.key(&name)?;
        let ready = self.ready_to_consent(&key).await?;
        let parts = &ready.resolved.parts;
        let flow = DeviceAuthorization::builder(ready.endpoint.clone()).scopes(parts.scopes.clone()).key(key);
        let flow = parts.resources.iter().fold(flow, |flow, resource| flow.resource(resource));
        let flow = parts.all_parameters().fold(flow, |flow, (name, value)| flow.parameter(name, value));
        let pending = flow.build()?.begin().await?;
        Ok(PendingDeviceConsent { tenant: self.clone(), name, pending })
    }
}

impl PendingDeviceConsent {
    /// What the person types: see [`PendingDevice::user_code`].
    pub fn user_code(&self) -> &str {
        self.pending.user_code()
    }

    /// Where the person types it.
    pub fn verification_uri(&self) -> &VerificationUri {
        self.pending.verification_uri()
    }

    /// The same with the user code in it, where the server has one.
    pub fn verification_uri_complete(&self) -> Option<&VerificationUri> {
        self.pending.verification_uri_complete()
    }

    /// How long the codes were good for when they were issued.
    pub fn expires_in(&self) -> Duration {
        self.pending.expires_in()
    }

    /// What is pending, for a program that keeps what comes of it [itself](TenantPantry::keep_consent).
    pub fn into_pending(self) -> PendingDevice {
        self.pending
    }

    /// Waits for the person, and keeps what comes of it; `tell` is told what is waited for, and must not block.
    ///
    /// **Cancel-safety**: dropping the future gives it up between two polls, and so does a shutdown; tokens that a poll
    /// under way brings are kept. A shutdown waits for that.
    ///
    /// # Errors
    /// [`DeviceNotKept`] says what went wrong; `Closed` where it was given up.
    pub async fn finish(
        self,
        tell: impl FnMut(Waiting) + Send + 'static,
    ) -> Result<DeviceGranted, DeviceNotKept> {
        let Self { tenant, name, pending } = self;
        let house = Arc::clone(&tenant.house);
        let finished = to_its_end(&house, |given_up| async move {
            let granted = match pending.finish_unless(tell, given_up.happens()).await {
                Ok(granted) => granted,
                Err(unfinished) => {
                    let error = unfinished.error.clone();
                    return Err(DeviceNotKept {
                        error,
                        unfinished: Some(Box::new(unfinished)),
                        granted: None,
                    });
                }
            };
            match tenant.keep_consent(name, &granted.token_set).await {
                Ok(()) => Ok(granted),
                Err(error) => {
                    Err(DeviceNotKept { error, unfinished: None, granted: Some(Box::new(granted)) })
                }
            }
        });
        let ended = || DeviceNotKept {
            error: Error::new(ErrorKind::Closed, Stage::Wait, NOT_KEPT),
            unfinished: None,
            granted: None,
        };
        finished.await.unwrap_or_else(|| Err(ended()))
    }
}

impl fmt::Debug for PendingDeviceConsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingDeviceConsent")
            .field("name", &self.name)
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}
