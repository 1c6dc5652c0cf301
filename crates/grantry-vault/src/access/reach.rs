//! How far a binding reaches, and what somebody wants to do something with.

use std::fmt;

use grantry_core::{AccountId, ServiceName, TenantId};

use super::error::PolicyError;
use super::pattern::{AccountPattern, ServicePattern, TenantPattern};

/// What something is done with: an account, a service as a whole, a tenant as a whole, or the deployment.
///
/// What is not named is meant as a whole: without a service it is all of the tenant. Only a binding for any service
/// allows that, and a binding for one service is enough to deny it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "three names make a key, and always will")]
pub struct Object<'a> {
    /// The tenant; `None` for the deployment as a whole.
    pub tenant: Option<&'a TenantId>,
    /// The service; `None` for the tenant as a whole.
    pub service: Option<&'a ServiceName>,
    /// The account; `None` for the service as a whole.
    pub account: Option<&'a AccountId>,
}

impl<'a> Object<'a> {
    /// The deployment as a whole.
    pub const DEPLOYMENT: Self = Self { tenant: None, service: None, account: None };

    /// A tenant as a whole.
    pub const fn tenant(tenant: &'a TenantId) -> Self {
        Self { tenant: Some(tenant), service: None, account: None }
    }

    /// A service of a tenant as a whole, such as its client registration.
    pub const fn service(tenant: &'a TenantId, service: &'a ServiceName) -> Self {
        Self { tenant: Some(tenant), service: Some(service), account: None }
    }

    /// One account's grant.
    pub const fn account(tenant: &'a TenantId, service: &'a ServiceName, account: &'a AccountId) -> Self {
        Self { tenant: Some(tenant), service: Some(service), account: Some(account) }
    }
}

/// How far a binding reaches: a pattern each for tenant, service and account.
///
/// ```
/// use grantry_core::TenantId;
/// use grantry_vault::access::{AccountPattern, Reach};
/// let acme = TenantId::new("acme")?;
/// assert_eq!(Reach::tenant(&acme).to_string(), "acme/*/*");
///
/// let some = Reach::parse("acme/crm/user-*")?;
/// assert_eq!(some.account, AccountPattern::prefix("user-")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(clippy::exhaustive_structs, reason = "three names make a key, and always will")]
pub struct Reach {
    /// Which tenants.
    pub tenant: TenantPattern,
    /// Which of their services.
    pub service: ServicePattern,
    /// Which accounts at those.
    pub account: AccountPattern,
}

impl Reach {
    /// All tenants, and the deployment as a whole.
    pub const fn everything() -> Self {
        Self { tenant: TenantPattern::any(), service: ServicePattern::any(), account: AccountPattern::any() }
    }

    /// All services and accounts of a tenant.
    pub fn tenant(tenant: impl Into<TenantPattern>) -> Self {
        Self { tenant: tenant.into(), ..Self::everything() }
    }

    /// Only those services.
    #[must_use]
    pub fn service(self, service: impl Into<ServicePattern>) -> Self {
        Self { service: service.into(), ..self }
    }

    /// Only those accounts. A service or a tenant as a whole is then out of reach.
    #[must_use]
    pub fn account(self, account: impl Into<AccountPattern>) -> Self {
        Self { account: account.into(), ..self }
    }

    /// Reads `tenant/service/account`, a pattern each. Whatever stands after the second `/` is the account's.
    ///
    /// # Errors
    /// [`PolicyError`] says which part is wrong.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let mut parts = text.splitn(3, '/');
        let (Some(tenant), Some(service), Some(account)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(PolicyError::invalid(
                "reach",
                text,
                "it has to be tenant/service/account, as in acme/*/*",
            ));
        };
        Ok(Self {
            tenant: TenantPattern::parse(tenant)?,
            service: ServicePattern::parse(service)?,
            account: AccountPattern::parse(account)?,
        })
    }

    /// Whether it reaches the object, all of it: what has to be so for a binding to allow it.
    pub fn matches(&self, object: &Object<'_>) -> bool {
        self.tenant.matches(object.tenant)
            && self.service.matches(object.service)
            && self.account.matches(object.account)
    }

    /// Whether it reaches the object or a part of it: what is enough for a binding to deny it.
    pub fn touches(&self, object: &Object<'_>) -> bool {
        self.tenant.touches(object.tenant)
            && self.service.touches(object.service)
            && self.account.touches(object.account)
    }

    /// Whether it is [`everything`](Reach::everything).
    pub fn is_everything(&self) -> bool {
        self.tenant.is_any() && self.service.is_any() && self.account.is_any()
    }

    /// Whether it reaches all that `other` reaches.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.tenant.covers(&other.tenant)
            && self.service.covers(&other.service)
            && self.account.covers(&other.account)
    }

    /// Whether both reach something.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.tenant.overlaps(&other.tenant)
            && self.service.overlaps(&other.service)
            && self.account.overlaps(&other.account)
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.service, self.account)
    }
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reach({:?})", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_reach_is_parsed_back() {
        for text in
            ["*/*/*", "acme/*/*", "acme/crm/*", "acme/crm-*/user-*", "*/*/a/b/c", "acme/crm/=a*b", "*/crm/a"]
        {
            assert_eq!(Reach::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "*", "acme", "acme/crm", "/crm/a", "acme//a", "acme/crm/", "Acme/*/*", "a*/*/*"] {
            assert!(Reach::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_whole_is_reached_by_what_reaches_all_of_it_and_touched_by_what_reaches_a_part() {
        let (acme, crm) = (TenantId::new("acme").unwrap(), ServiceName::new("crm").unwrap());
        let user = AccountId::new("user").unwrap();
        let objects = [
            Object::DEPLOYMENT,
            Object::tenant(&acme),
            Object::service(&acme, &crm),
            Object::account(&acme, &crm, &user),
        ];
        for (reach, whole, part) in [
            ("*/*/*", [true, true, true, true], [true; 4]),
            ("acme/*/*", [false, true, true, true], [true; 4]),
            ("acme/crm/*", [false, false, true, true], [true; 4]),
            ("acme/crm/user", [false, false, false, true], [true; 4]),
            ("acme/*/user", [false, false, false, true], [true; 4]),
            ("*/crm/*", [false, false, true, true], [true; 4]),
            ("acme/c*/u*", [false, false, false, true], [true; 4]),
            ("other/*/*", [false; 4], [true, false, false, false]),
            ("acme/mail/*", [false; 4], [true, true, false, false]),
            ("acme/crm/other", [false; 4], [true, true, true, false]),
        ] {
            let reach = Reach::parse(reach).unwrap();
            assert_eq!(objects.map(|object| reach.matches(&object)), whole, "{reach}");
            assert_eq!(objects.map(|object| reach.touches(&object)), part, "{reach}");
        }
    }
}
