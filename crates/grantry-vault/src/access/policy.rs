//! Who may do what, at one moment.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use grantry_core::Timestamp;

use super::binding::{Binding, Effect, Placed};
use super::builder::AccessPolicyBuilder;
use super::decision::{Cause, Decision};
use super::index::Index;
use super::permission::Permission;
use super::principal::Principal;
use super::reach::{Object, Reach};
use super::role::Role;

/// Who may do what: roles and bindings, as they are at one moment. It never changes; clones share it.
///
/// What no binding allows is denied. What any binding denies is denied, whatever others allow and in whatever order
/// they stand. Two tasks need no binding for what they are there for, and can be denied it:
/// [`system:renewal`](Principal::system_renewal) and [`system:rotation`](Principal::system_rotation).
///
/// Each state has an [`epoch`](AccessPolicy::epoch), by which decisions that were made before are told from those made
/// after a change. [`edit`](AccessPolicy::edit) counts it up.
///
/// A whole, such as the list of a tenant's grants, is allowed only by a binding for all of it, and denied by one for any
/// part of it.
///
/// ```
/// use grantry_core::{AccountId, ServiceName, TenantId, Timestamp};
/// use grantry_vault::access::{AccessPolicy, Binding, Object, Permission, Principal, Reach, Role};
/// let (acme, other) = (TenantId::new("acme")?, TenantId::new("other")?);
/// let (crm, payroll) = (ServiceName::new("crm")?, ServiceName::new("payroll")?);
/// let user = AccountId::new("user-17")?;
/// let billing = Principal::workload("billing")?;
/// let policy = AccessPolicy::builder()
///     .bind(Binding::allow(&billing, Role::service(), Reach::tenant(&acme)))
///     .bind(Binding::deny(&billing, Role::service(), Reach::parse("acme/payroll/*")?))
///     .build()?;
///
/// let now = Timestamp::from_unix_seconds(1_790_000_000);
/// let may = |object| policy.decide(&billing, Permission::TokenUse, &object, now).is_allowed();
/// assert!(may(Object::account(&acme, &crm, &user)));
/// assert!(!may(Object::account(&acme, &payroll, &user)));
/// assert!(!may(Object::account(&other, &crm, &user)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AccessPolicy(Arc<Rules>);

struct Rules {
    epoch: u64,
    /// Roles of one's own; the ready-made ones are known anyway.
    roles: BTreeMap<Arc<str>, Role>,
    bindings: Vec<Arc<Placed>>,
    index: Index,
}

impl AccessPolicy {
    /// Starts with no roles of one's own and no bindings, at epoch 1.
    pub fn builder() -> AccessPolicyBuilder {
        AccessPolicyBuilder::new(1)
    }

    /// For a program that is alone with its vault: that principal is `admin` everywhere, nobody else is anything. It sees
    /// no refresh token and no client's secret, as nobody does by a ready-made role.
    pub fn sole(principal: &Principal) -> Self {
        let role = Role::admin();
        let binding = Binding::allow(principal, &role, Reach::everything());
        Self::assembled(1, BTreeMap::new(), vec![Placed { binding, permissions: role.set(), number: 1 }])
    }

    pub(super) fn assembled(epoch: u64, roles: BTreeMap<Arc<str>, Role>, bindings: Vec<Placed>) -> Self {
        let bindings: Vec<_> = bindings.into_iter().map(Arc::new).collect();
        let index = Index::new(&bindings);
        Self(Arc::new(Rules { epoch, roles, bindings, index }))
    }

    /// Starts from this policy, one epoch later.
    pub fn edit(&self) -> AccessPolicyBuilder {
        let builder = AccessPolicyBuilder::new(self.0.epoch.saturating_add(1));
        let builder = self.roles().cloned().fold(builder, AccessPolicyBuilder::role);
        self.bindings().cloned().fold(builder, AccessPolicyBuilder::bind)
    }

    /// Whether the principal may do that with the object, at that moment.
    ///
    /// It looks at the bindings that are for the principal, its kind, or everybody, and allocates nothing.
    pub fn decide(
        &self,
        principal: &Principal,
        permission: Permission,
        object: &Object<'_>,
        now: Timestamp,
    ) -> Decision {
        let mut allowed = None;
        for placed in self.0.index.of(principal).filter(|placed| placed.applies(permission, object, now)) {
            match placed.binding.effect() {
                Effect::Deny => return self.decided(Cause::Binding(Arc::clone(placed))),
                Effect::Allow => allowed = allowed.or(Some(placed)),
            }
        }
        self.decided(match allowed {
            Some(placed) => Cause::Binding(Arc::clone(placed)),
            None if principal.own_permissions().holds(permission) => Cause::OwnTask,
            None => Cause::Nothing,
        })
    }

    pub(super) fn decided(&self, cause: Cause) -> Decision {
        Decision::new(cause, self.0.epoch)
    }

    /// Which state of the policy it is. Two policies of one epoch are the same to whoever compares epochs only.
    pub fn epoch(&self) -> u64 {
        self.0.epoch
    }

    /// The roles of one's own, in the order of their names.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.0.roles.values()
    }

    /// The role of that name, ready-made or of one's own.
    pub fn role(&self, name: &str) -> Option<Role> {
        Role::ready_made(name).or_else(|| self.0.roles.get(name).cloned())
    }

    /// The bindings, in their order.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.0.bindings.iter().map(|placed| &placed.binding)
    }

    pub(super) fn placed(&self) -> &[Arc<Placed>] {
        &self.0.bindings
    }

    pub(super) fn placed_for(&self, principal: &Principal) -> impl Iterator<Item = &Arc<Placed>> {
        self.0.index.of(principal)
    }
}

/// The same epoch, roles and bindings, in the same order.
impl PartialEq for AccessPolicy {
    fn eq(&self, other: &Self) -> bool {
        self.epoch() == other.epoch() && self.0.roles == other.0.roles && self.bindings().eq(other.bindings())
    }
}

impl Eq for AccessPolicy {}

impl fmt::Debug for AccessPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessPolicy")
            .field("epoch", &self.0.epoch)
            .field("roles", &self.0.roles.values())
            .field("bindings", &self.0.bindings.len())
            .finish()
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
