//! Everything wired to one object: [`Grantry`] keeps the credentials of many tenants in a vault, renews them in the
//! background, and gives out sources of tokens.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let folder = tempfile::tempdir()?;
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).start().await?;
//! # let server = test.authorization_server()?;
//! use grantry::pantry::{Grantry, Service};
//! use grantry::vault::access::{AccessPolicy, Principal};
//! use grantry::vault::{LocalKey, VaultKeys};
//! use grantry::{SqliteVault, TokenSource};
//!
//! let billing = Principal::workload("billing")?;
//! let crm = Service::builder("crm", server).client_id("billing").secret("s3cret").scope("contacts.read").build()?;
//! let pantry = Grantry::builder()
//!     .vault(SqliteVault::open(folder.path().join("grantry.db")).await?)
//!     .keys(VaultKeys::rotating(LocalKey::generate(folder.path().join("grantry.key"))?))
//!     .lifeboats(folder.path().join("lifeboats"))
//!     .access(AccessPolicy::sole(&billing))
//!     .services([crm])
//!     .open()
//!     .await?;
//!
//! let billing = pantry.as_principal(billing);
//! billing.create_tenant("acme").await?;
//! let source = billing.tenant("acme")?.source("crm").await?;
//! assert!(source.token().await?.expires().is_some());
//!
//! // Before the process ends: what was sent is answered, and what was received is stored.
//! pantry.shutdown().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where services are described
//!
//! In a JSON configuration (`GrantryBuilder::config`, feature `config`), in the program ([`Service`], [`Grantry::replace_services`]), or in the vault, as `grantry auth set` does: then the
//! registration's [attributes](ATTRIBUTES) say what a [`Service`] would. Of a service that is described in the program, what
//! the registration leaves out may be in the vault: client id, secret, key. A secret in both places is an error that names
//! both.
//!
//! A service of a configuration may leave everything to the registration that it does not say itself: provider, endpoints,
//! scopes, flow, policy. Endpoints count only where the registration was not made for another server. What is in neither
//! place is named to whoever asks for the service, and stops no other. A mistake in what a configuration says is an error of
//! opening. The metadata of an issuer is read when the first of its services is needed, once for all of them; while it cannot be
//! had these services answer that, and it is tried again.
//!
//! # What is shared
//!
//! There is one source for each tenant, service and account, whoever holds it, and one for a client's own tokens, which
//! goes by the account `default`. Each handle holds a decision of its own, which is made anew when the policy changes. What
//! tokens are exchanged for ([`Flow::TokenExchange`]) is shared with nobody, and not kept.
//!
//! # When a service changes
//!
//! Handles stay valid. What a change leaves right is kept: another secret or another policy drops no token. Another client,
//! server, scope or parameter does, because tokens are kept under all of these. A service that is gone answers with
//! [`Removed`](grantry_core::ErrorKind::Removed). Changes in the vault are seen when a client or a grant is refused, when a
//! renewal begins five minutes after the last look, and at [`reread`](Grantry::reread).

mod administration;
mod attributes;
#[cfg(feature = "authorization-code")]
mod authorize;
mod builder;
mod chores;
#[cfg(feature = "config")]
mod completed;
#[cfg(feature = "config")]
mod configured;
mod consent;
mod described;
mod described_server;
#[cfg(feature = "device-authorization")]
mod device;
mod doors;
mod entry;
#[cfg(feature = "token-exchange")]
mod exchange;
mod handles;
mod house;
mod identity;
#[cfg(feature = "config")]
mod issuer;
#[cfg(feature = "config")]
mod key_providers;
#[cfg(feature = "loopback")]
mod login;
mod parts;
mod permit;
mod proof;
mod reaping;
#[cfg(feature = "config")]
mod registered;
mod registration;
mod resolved;
mod service;
mod source;
mod status;
mod status_codec;
#[cfg(feature = "config")]
mod stores;
mod transports;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use grantry_core::{Error, ErrorKind};
use grantry_vault::SealedVault;
use grantry_vault::access::Principal;

pub use administration::{Registration, RemovalReport, Renewed, SecretRotated};
pub use attributes::{ATTRIBUTES, check_attributes, default_flow, described_server};
#[cfg(feature = "authorization-code")]
pub use authorize::{Authorize, NotKept, PendingConsent};
pub use builder::GrantryBuilder;
#[cfg(feature = "config")]
pub use completed::{attribute_of, completed};
#[cfg(feature = "device-authorization")]
pub use device::{DeviceNotKept, PendingDeviceConsent};
#[cfg(feature = "token-exchange")]
pub use exchange::{Exchange, ExchangedSource};
pub use handles::{GrantName, PrincipalPantry, TenantPantry};
pub use identity::TlsIdentity;
#[cfg(feature = "config")]
pub use key_providers::{keychain_lock, open_keys};
pub use service::{Flow, Service, ServiceBuilder};
pub use source::StoredSource;
pub use status::{GrantStatus, KeysStatus, OpenGrant, ProcessStatus, Status, Trouble};
#[cfg(feature = "config")]
pub use stores::{make_store, open_store};

use chores::Chores;
use described::Described;
use house::{House, Services};

/// The vault, custody, the flows and the scheduler, wired to one object. Clones are the same.
///
/// Dropping it without [`shutdown`](Grantry::shutdown) is as a crash: nothing is lost that a lifeboat holds.
#[derive(Clone)]
pub struct Grantry {
    house: Arc<House>,
    chores: Arc<Chores>,
}

impl Grantry {
    /// Starts from nothing: a vault, keys and an access policy are needed.
    pub fn builder() -> GrantryBuilder {
        GrantryBuilder::new()
    }

    /// The pantry as somebody, of whom roles and the audit trail speak.
    pub fn as_principal(&self, principal: Principal) -> PrincipalPantry {
        PrincipalPantry::new(Arc::clone(&self.house), principal)
    }

    /// One tenant's part of the pantry, as the process itself: whom [`GrantryBuilder::principal`] names, or, where a
    /// configuration says nothing of who may do what, the workload `grantry`. Nothing is read or decided yet.
    ///
    /// # Errors
    /// `Configuration` where there is a policy, and nobody said whom in it the process speaks for; and for a name that breaks
    /// the rules.
    pub fn tenant(&self, tenant: impl AsRef<str>) -> Result<TenantPantry, Error> {
        self.itself()?.tenant(tenant).map_err(house::named)
    }

    /// Makes a tenant as the process itself; says whether it was new.
    ///
    /// # Errors
    /// As [`tenant`](Grantry::tenant), and as [`PrincipalPantry::create_tenant`].
    pub async fn create_tenant(&self, tenant: impl AsRef<str>) -> Result<bool, Error> {
        self.itself()?.create_tenant(tenant).await
    }

    fn itself(&self) -> Result<PrincipalPantry, Error> {
        let principal = self.house.itself.clone().ok_or_else(|| {
            Error::configuration(
                "there is an access policy, and nothing says whom in it this process speaks for: take `as_principal(..)`, \
                 or name it once with `GrantryBuilder::principal(..)`",
            )
        })?;
        Ok(self.as_principal(principal))
    }

    /// The vault beneath: for its policy, its audit trail, and what is not a matter of tokens.
    pub fn vault(&self) -> &SealedVault {
        &self.house.vault
    }

    /// Describes other services from now on; those of the vault stay. Handles stay valid, also those of services that were
    /// gone and are back: see [the module](self#when-a-service-changes).
    ///
    /// # Errors
    /// `Configuration` for two services of one name, and for a certificate that cannot be used: nothing changes. Whether a service can be used, together with what the
    /// vault says of it, is found out for those that are open: the first error is returned, after all others were changed, and
    /// that service goes on as it was.
    pub async fn replace_services(&self, services: impl IntoIterator<Item = Service>) -> Result<(), Error> {
        self.replace_described(services.into_iter().map(Described::from)).await
    }

    async fn replace_described(&self, services: impl IntoIterator<Item = Described>) -> Result<(), Error> {
        let services = Services::new(services)?;
        self.house.reach.check(services.all())?;
        self.house.replace_services(services);
        self.reread().await
    }

    /// Looks at the registrations of all open services in the vault, and lets what has changed take effect.
    ///
    /// # Errors
    /// The first; that service goes on as it was.
    pub async fn reread(&self) -> Result<(), Error> {
        let mut first = Ok(());
        for (tenant, service) in self.house.names() {
            let refreshed = self.house.refresh(&tenant, &service).await;
            // That one is gone is no mistake.
            let refreshed = refreshed.or_else(|error| match error.kind() {
                ErrorKind::Removed | ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            });
            first = first.and(refreshed);
        }
        first
    }

    /// Renews nothing from now on, waits until what was sent is answered and what was received is stored, and leaves nothing
    /// running. Handles give out tokens that are still fit. Cancel-safe: another call goes on.
    ///
    /// # Errors
    /// `AuditUnavailable` where the audit trail could not write its last lines.
    pub async fn shutdown(&self) -> Result<(), Error> {
        self.house.closed.store(true, Ordering::SeqCst);
        self.house.ending.send_replace(true);
        // What a person consented to is kept first.
        drop(self.house.consenting.write().await);
        self.chores.end().await;
        self.house.scheduler.shutdown().await;
        self.house.tell_uses();
        self.house.custody.close().await;
        self.house.vault.close().await
    }
}

impl fmt::Debug for Grantry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grantry").field("vault", &self.house.vault).finish_non_exhaustive()
    }
}
