//! Where a grant goes that a person gave.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use grantry::authorization_code::Granted;
use grantry::vault::PrincipalVault;
use grantry::{Clock, Error, SystemClock};

use crate::Person;

/// Keeps what a person granted: for each login that brought tokens it is called once.
///
/// It runs to its end also where the browser has gone away. What it returns only after the grant is kept is what the person
/// is told. **Errors**: the person is told that nothing was connected, so nothing may stay kept; the tokens are lost, and
/// whoever cares revokes them here. **Concurrency**: calls are independent, also for one person and service: the later
/// consent is the one that counts.
///
/// ```
/// use async_trait::async_trait;
/// use grantry::Error;
/// use grantry::authorization_code::Granted;
/// use grantry_axum::{GrantKeeper, Person, VaultKeeper};
///
/// /// Keeps in the vault, and tells somebody.
/// #[derive(Debug)]
/// struct Telling(VaultKeeper);
///
/// #[async_trait]
/// impl GrantKeeper for Telling {
///     async fn keep(&self, person: &Person, service: &str, granted: Granted) -> Result<(), Error> {
///         self.0.keep(person, service, granted).await?;
///         println!("{} connected {service}", person.account());
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait GrantKeeper: fmt::Debug + Send + Sync + 'static {
    /// Keeps the tokens as this person's grant for the service.
    ///
    /// # Errors
    /// Why it is not kept; nothing of it is shown to the person.
    async fn keep(&self, person: &Person, service: &str, granted: Granted) -> Result<(), Error>;
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<K: GrantKeeper + ?Sized> GrantKeeper for $pointer<K> {
            async fn keep(&self, person: &Person, service: &str, granted: Granted) -> Result<(), Error> {
                (**self).keep(person, service, granted).await
            }
        }
    )*};
}
forward!(Arc, Box);

/// Keeps grants in the vault, in the tenant's part, in place of an earlier one: where custody finds and renews them.
#[derive(Clone)]
pub struct VaultKeeper {
    vault: PrincipalVault,
    clock: Arc<dyn Clock>,
}

impl VaultKeeper {
    /// In this vault, as its principal, who needs `grant.create` and `grant.read`. The tenants have to be there.
    pub fn new(vault: PrincipalVault) -> Self {
        Self { vault, clock: Arc::new(SystemClock::new()) }
    }

    /// With the clock that the token endpoints have, where that is not the machine's.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }
}

#[async_trait]
impl GrantKeeper for VaultKeeper {
    async fn keep(&self, person: &Person, service: &str, granted: Granted) -> Result<(), Error> {
        let tenant =
            self.vault.tenant(person.tenant().as_str()).map_err(|e| Error::configuration(e.to_string()))?;
        let account = person.account().as_str();
        grantry::keep_granted(&tenant, service, account, &granted, &*self.clock).await.map(drop)
    }
}

impl fmt::Debug for VaultKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultKeeper").field("vault", &self.vault).finish_non_exhaustive()
    }
}
