//! The pantry as somebody, and one tenant's part of it.

use std::fmt;
use std::sync::Arc;

use grantry_core::{AccountId, Error, GrantKey, InvalidName, ServiceName, TokenSource};
use grantry_vault::access::Principal;
use grantry_vault::{PrincipalVault, TenantVault};

use super::house::{House, named};
use super::source::StoredSource;

/// The account of a client's own tokens.
const DEFAULT_ACCOUNT: &str = "default";

/// A service and an account: `"crm"` alone means its account `default`.
///
/// ```
/// use grantry::pantry::GrantName;
/// assert_eq!(GrantName::from("crm"), GrantName::from(("crm", "default")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GrantName {
    service: String,
    account: String,
}

impl GrantName {
    /// The service.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The account.
    pub fn account(&self) -> &str {
        &self.account
    }
}

impl From<&str> for GrantName {
    fn from(service: &str) -> Self {
        Self { service: service.to_owned(), account: DEFAULT_ACCOUNT.to_owned() }
    }
}

impl From<&String> for GrantName {
    fn from(service: &String) -> Self {
        service.as_str().into()
    }
}

impl From<String> for GrantName {
    fn from(service: String) -> Self {
        service.as_str().into()
    }
}

impl<S: Into<String>, A: Into<String>> From<(S, A)> for GrantName {
    fn from((service, account): (S, A)) -> Self {
        Self { service: service.into(), account: account.into() }
    }
}

/// The pantry as one principal.
#[derive(Clone)]
pub struct PrincipalPantry {
    pub(super) house: Arc<House>,
    pub(super) principal: Principal,
}

impl PrincipalPantry {
    pub(super) fn new(house: Arc<House>, principal: Principal) -> Self {
        Self { house, principal }
    }

    /// Whom it speaks for.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The vault as this principal.
    pub fn vault(&self) -> PrincipalVault {
        self.house.vault.as_principal(self.principal.clone())
    }

    /// Makes a tenant, with a key of its own; says whether it was new. Needs `tenant.create`.
    ///
    /// # Errors
    /// `Erased` for a tenant that was erased, and those of every call of the vault.
    pub async fn create_tenant(&self, tenant: impl AsRef<str>) -> Result<bool, Error> {
        self.vault().create_tenant(tenant).await
    }

    /// One tenant's part. Nothing is read or decided yet.
    ///
    /// # Errors
    /// [`InvalidName`] says which rule the name breaks.
    pub fn tenant(&self, tenant: impl AsRef<str>) -> Result<TenantPantry, InvalidName> {
        let vault = self.vault().tenant(tenant)?;
        Ok(TenantPantry { house: Arc::clone(&self.house), principal: self.principal.clone(), vault })
    }
}

/// One tenant's part of the pantry, as one principal. It cannot name what is another tenant's.
#[derive(Clone)]
pub struct TenantPantry {
    pub(super) house: Arc<House>,
    pub(super) principal: Principal,
    pub(super) vault: TenantVault,
}

impl TenantPantry {
    /// The tenant's part of the vault, as this principal.
    pub fn vault(&self) -> &TenantVault {
        &self.vault
    }

    /// A source of a grant's tokens: `"crm"`, or `("crm", "user-17")`. Needs `token.use`; who may is decided and recorded
    /// now, and again after each change of the policy.
    ///
    /// Nothing is sent yet. A token that is in the vault and fit is given out without a request.
    ///
    /// # Errors
    /// `NotFound` where there is no such service, `Removed` where there was one, `InvalidGrant` where a person has to
    /// consent first, `Configuration` where the description and the vault contradict each other; and those of every call of
    /// the vault.
    pub async fn source(&self, name: impl Into<GrantName>) -> Result<Arc<dyn TokenSource>, Error> {
        Ok(self.stored_source(name).await?)
    }

    /// The same, as the type that it is.
    ///
    /// # Errors
    /// As [`source`](TenantPantry::source).
    pub async fn stored_source(&self, name: impl Into<GrantName>) -> Result<Arc<StoredSource>, Error> {
        let key = self.key(&name.into())?;
        StoredSource::open(&self.house, self.vault.clone(), self.principal.clone(), &key).await
    }

    pub(super) fn key(&self, name: &GrantName) -> Result<GrantKey, Error> {
        let service = ServiceName::new(&name.service).map_err(named)?;
        let account = AccountId::new(&name.account).map_err(named)?;
        Ok(GrantKey::from_parts(self.vault.tenant(), &service, &account))
    }
}

impl fmt::Debug for PrincipalPantry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrincipalPantry").field("principal", &self.principal).finish_non_exhaustive()
    }
}

impl fmt::Debug for TenantPantry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantPantry").field("vault", &self.vault).finish_non_exhaustive()
    }
}
