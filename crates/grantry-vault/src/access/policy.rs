//! The policy: roles, bindings, and the decision.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use grantry_core::{AccountId, ServiceName, TenantId, Timestamp};

use super::binding::Who;
use super::decision::Why;
use super::{Binding, Decision, Effect, Object, Permission, Principal, Role};

/// A policy that cannot be obeyed; the text says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
#[non_exhaustive]
pub struct InvalidPolicy(pub(super) String);

/// Roles and bindings: an immutable snapshot, cheap to clone.
#[derive(Clone)]
pub struct AccessPolicy(Arc<Inner>);

struct Inner {
    roles: BTreeMap<String, Role>,
    bindings: Vec<Binding>,
    /// Which bindings are each principal's own, so that a decision looks at few.
    of: HashMap<Principal, Vec<usize>>,
    of_everybody: Vec<usize>,
    epoch: u64,
}

/// Builds an [`AccessPolicy`].
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct AccessPolicyBuilder {
    pub(super) roles: Vec<Role>,
    pub(super) bindings: Vec<Binding>,
    pub(super) epoch: u64,
}

/// A binding that gives a principal something, as a row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allowed {
    /// The role.
    pub role: String,
    /// Whether it is given or taken.
    pub effect: Effect,
    /// For which tenant; `None` for all.
    pub tenant: Option<String>,
    /// For which service; `None` for all.
    pub service: Option<String>,
    /// For which account; `None` for all.
    pub account: Option<String>,
    /// Until when; `None` for ever.
    pub expires: Option<Timestamp>,
}

impl AccessPolicy {
    /// Starts with no role and no binding: everything is denied.
    pub fn builder() -> AccessPolicyBuilder {
        AccessPolicyBuilder::default()
    }

    /// The policy of a vault with one user, who is its administrator and its service.
    pub fn sole(principal: &Principal) -> Self {
        let bindings = ["admin", "service"].map(|role| Binding::allow(principal, role));
        let roles = vec![Role::admin(), Role::service()];
        Self::assemble(AccessPolicyBuilder { roles, bindings: bindings.to_vec(), epoch: 0 })
    }

    fn assemble(parts: AccessPolicyBuilder) -> Self {
        let AccessPolicyBuilder { roles, bindings, epoch } = parts;
        let roles = roles.into_iter().map(|role| (role.name().to_owned(), role)).collect();
        let (mut of, mut of_everybody) = (HashMap::<_, Vec<_>>::new(), Vec::new());
        for (nth, binding) in bindings.iter().enumerate() {
            match &binding.principal {
                Who::One(principal) => of.entry(principal.clone()).or_default().push(nth),
                Who::Everybody => of_everybody.push(nth),
            }
        }
        Self(Arc::new(Inner { roles, bindings, of, of_everybody, epoch }))
    }

    /// Whether somebody may do something at that time. A binding that denies wins; without any it is denied.
    pub fn decide(
        &self,
        principal: &Principal,
        permission: Permission,
        object: &Object<'_>,
        now: Timestamp,
    ) -> Decision {
        let decided = |effect, why| Decision::new(effect, why, self.0.epoch);
        let own = self.0.of.get(principal).map_or(&[][..], Vec::as_slice);
        let mut allowed = None;
        for binding in own.iter().chain(&self.0.of_everybody).filter_map(|nth| self.0.bindings.get(*nth)) {
            let has = self.0.roles.get(&binding.role).is_some_and(|role| role.has(permission));
            if !has || !binding.covers(object, now) {
                continue;
            }
            match binding.effect {
                Effect::Deny => return decided(Effect::Deny, Why::Role(binding.role.clone())),
                Effect::Allow => allowed = Some(binding),
            }
        }
        match allowed {
            Some(binding) => decided(Effect::Allow, Why::Role(binding.role.clone())),
            None if is_own_task(principal, permission) => decided(Effect::Allow, Why::OwnTask),
            None => decided(Effect::Deny, Why::Nothing),
        }
    }

    /// The bindings of a principal, those for everybody included.
    pub fn allowed(&self, principal: &Principal) -> Vec<Allowed> {
        let own = self.0.of.get(principal).map_or(&[][..], Vec::as_slice);
        let bindings = own.iter().chain(&self.0.of_everybody).filter_map(|nth| self.0.bindings.get(*nth));
        bindings.map(row).collect()
    }

    /// Who may do something to an object at that time, by the bindings: the system's own tasks are not among them.
    pub fn who_can(&self, permission: Permission, object: &Object<'_>, now: Timestamp) -> Vec<Principal> {
        let may = |principal: &&Principal| self.decide(principal, permission, object, now).is_allowed();
        let mut principals: Vec<Principal> = self.0.of.keys().filter(may).cloned().collect();
        principals.sort();
        principals
    }

    /// The number that it was given when it was built.
    pub fn epoch(&self) -> u64 {
        self.0.epoch
    }

    pub(super) fn roles(&self) -> impl Iterator<Item = &Role> {
        self.0.roles.values()
    }

    pub(super) fn bindings(&self) -> &[Binding] {
        &self.0.bindings
    }
}

/// What the system's own tasks may do without a binding.
fn is_own_task(principal: &Principal, permission: Permission) -> bool {
    match principal.as_str() {
        "system:renewal" => matches!(permission, Permission::GrantRenew | Permission::TokenUse),
        "system:rotation" => permission == Permission::KeyRotate,
        _ => false,
    }
}

fn row(binding: &Binding) -> Allowed {
    Allowed {
        role: binding.role.clone(),
        effect: binding.effect,
        tenant: binding.tenant.clone(),
        service: binding.service.clone(),
        account: binding.account.clone(),
        expires: binding.expires,
    }
}

impl fmt::Debug for AccessPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessPolicy")
            .field("epoch", &self.0.epoch)
            .field("roles", &self.0.roles.keys().collect::<Vec<_>>())
            .field("bindings", &self.0.bindings.len())
            .finish()
    }
}

impl AccessPolicyBuilder {
    /// Adds a role, ready-made or your own.
    pub fn role(mut self, role: Role) -> Self {
        self.roles.push(role);
        self
    }

    /// Adds the ready-made roles: admin, operator, service and auditor.
    pub fn ready_made_roles(mut self) -> Self {
        self.roles.extend(Role::ready_made());
        self
    }

    /// Adds a binding.
    pub fn bind(mut self, binding: Binding) -> Self {
        self.bindings.push(binding);
        self
    }

    /// Gives the policy a number, which every decision of it names.
    pub fn epoch(self, epoch: u64) -> Self {
        Self { epoch, ..self }
    }

    /// Checks the whole.
    ///
    /// # Errors
    /// [`InvalidPolicy`] for a binding of a role that there is not, two roles of one name, or a name in a scope that
    /// breaks its rules, and so would never match.
    pub fn build(self) -> Result<AccessPolicy, InvalidPolicy> {
        for (nth, role) in self.roles.iter().enumerate() {
            let is_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
            if role.name().is_empty() || role.name().len() > 63 || !role.name().bytes().all(is_word) {
                return Err(InvalidPolicy(format!(
                    "the role {:?} has to be called with 1 to 63 of a-z, A-Z, 0-9, '.', '_' and '-'",
                    role.name()
                )));
            }
            if self.roles.iter().take(nth).any(|other| other.name() == role.name()) {
                return Err(InvalidPolicy(format!("there are two roles {:?}: keep one", role.name())));
            }
        }
        for binding in &self.bindings {
            if !self.roles.iter().any(|role| role.name() == binding.role) {
                let names: Vec<&str> = self.roles.iter().map(Role::name).collect();
                return Err(InvalidPolicy(format!(
                    "a binding names the role {:?}, which is not among {names:?}: add the role, or name one of these",
                    binding.role
                )));
            }
            let refuse = |error: grantry_core::InvalidName| InvalidPolicy(format!("in a binding: {error}"));
            binding.tenant.as_ref().map_or(Ok(()), |name| TenantId::new(name).map(drop)).map_err(refuse)?;
            binding
                .service
                .as_ref()
                .map_or(Ok(()), |name| ServiceName::new(name).map(drop))
                .map_err(refuse)?;
            binding.account.as_ref().map_or(Ok(()), |name| AccountId::new(name).map(drop)).map_err(refuse)?;
        }
        Ok(AccessPolicy::assemble(self))
    }
}
