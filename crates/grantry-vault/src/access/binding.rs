//! Who has which role, and where.

use grantry_core::{AccountId, ServiceName, TenantId, Timestamp};

use super::Principal;

/// What something is done to. Without a service it is about the whole tenant, without a tenant about the whole
/// deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "three names make an object, and always will")]
pub struct Object<'a> {
    /// Whose.
    pub tenant: Option<&'a TenantId>,
    /// For which service.
    pub service: Option<&'a ServiceName>,
    /// Whose account at the service.
    pub account: Option<&'a AccountId>,
}

/// Whether a binding allows or denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "there is nothing between allowing and denying")]
pub enum Effect {
    /// It allows what the role may.
    Allow,
    /// It denies what the role may: it wins over every binding that allows.
    Deny,
}

/// Gives a principal a role, or takes it away, within a scope.
///
/// The scope is everything, unless a tenant, a service or an account is named. A name matches byte by byte. A binding
/// for one service says nothing about what is done to the whole tenant, and one for a tenant nothing about the whole
/// deployment; but a binding that **denies** within a part also denies what is done to the whole: a list of a tenant's
/// grants would show those of the service, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    pub(super) principal: Who,
    pub(super) role: String,
    pub(super) effect: Effect,
    pub(super) tenant: Option<String>,
    pub(super) service: Option<String>,
    pub(super) account: Option<String>,
    pub(super) expires: Option<Timestamp>,
}

/// Whom a binding is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Who {
    One(Principal),
    Everybody,
}

impl Binding {
    /// Lets a principal do what the role may.
    pub fn allow(principal: &Principal, role: impl Into<String>) -> Self {
        Self::new(Who::One(principal.clone()), role.into(), Effect::Allow)
    }

    /// Keeps a principal from doing what the role may.
    pub fn deny(principal: &Principal, role: impl Into<String>) -> Self {
        Self::new(Who::One(principal.clone()), role.into(), Effect::Deny)
    }

    /// Keeps everybody from doing what the role may, the system's own tasks included.
    pub fn deny_everybody(role: impl Into<String>) -> Self {
        Self::new(Who::Everybody, role.into(), Effect::Deny)
    }

    pub(super) fn new(principal: Who, role: String, effect: Effect) -> Self {
        Self { principal, role, effect, tenant: None, service: None, account: None, expires: None }
    }

    /// For this tenant only.
    #[must_use]
    pub fn tenant(self, tenant: impl Into<String>) -> Self {
        Self { tenant: Some(tenant.into()), ..self }
    }

    /// For this service only.
    #[must_use]
    pub fn service(self, service: impl Into<String>) -> Self {
        Self { service: Some(service.into()), ..self }
    }

    /// For this account only.
    #[must_use]
    pub fn account(self, account: impl Into<String>) -> Self {
        Self { account: Some(account.into()), ..self }
    }

    /// Until that time only.
    #[must_use]
    pub fn until(self, expires: Timestamp) -> Self {
        Self { expires: Some(expires), ..self }
    }

    /// Whether it has a say about the object at that time.
    pub(super) fn covers(&self, object: &Object<'_>, now: Timestamp) -> bool {
        let part = |named: Option<&str>, asked: Option<&str>| match (named, asked) {
            (None, _) => true,
            (Some(named), Some(asked)) => named == asked,
            (Some(_), None) => self.effect == Effect::Deny,
        };
        self.expires.is_none_or(|expires| now < expires)
            && part(self.tenant.as_deref(), object.tenant.map(TenantId::as_str))
            && part(self.service.as_deref(), object.service.map(ServiceName::as_str))
            && part(self.account.as_deref(), object.account.map(AccountId::as_str))
    }
}
